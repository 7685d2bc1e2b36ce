// The other side of `openParserThread`. What it throws stops the thread and fails the questions that wait.
import { parentPort } from "node:worker_threads";
import { parseObject } from "../../core/object.ts";
import type { ParserQuestion } from "./parser.ts";

const port = parentPort;
port?.on("message", ({ bytes, context }: ParserQuestion) => {
  port.postMessage(parseObject(bytes, context));
});

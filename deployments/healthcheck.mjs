// Asks the daemon of this data directory whether it is there: exit code 0 when it is. A certificate of its own making
// is no fault here, since nobody stands between.
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { join } from "node:path";

const { url } = JSON.parse(readFileSync(join(process.env.DATA_DIR ?? "data", "process.json"), "utf8"));
const { protocol, hostname, port } = new URL(url);
// What listens everywhere listens here, too.
const host = { "0.0.0.0": "127.0.0.1", "[::]": "::1" }[hostname] ?? hostname.replace(/^\[|\]$/g, "");
const options = { host, port, path: "/health", timeout: 4000, rejectUnauthorized: false };
const asking = (protocol === "https:" ? https : http).get(options, ({ statusCode }) => {
  process.exit(statusCode === 200 ? 0 : 1);
});
asking.on("timeout", () => asking.destroy(new Error("no answer")));
asking.on("error", () => process.exit(1));

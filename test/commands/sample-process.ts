// Payroot as a process, with the sample commands for a table.
import { runProcess } from "../../offchain/cli.ts";
import { samples } from "./sample.ts";

await runProcess(samples);

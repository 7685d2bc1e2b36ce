// npm run deploy -- … is the command: payroot deploy …
import { runProcess } from "../offchain/cli.ts";

process.argv.splice(2, 0, "deploy");
await runProcess();

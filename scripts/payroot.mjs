#!/usr/bin/env node
import { launch } from "./launch.mjs";

launch("offchain/cli.ts", process.argv.slice(2));

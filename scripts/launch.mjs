// Runs a TypeScript file of the project on the project's own Node, installing what is missing first.
// Plain JavaScript without dependencies: it must work on a fresh clone, under any Node from 20 on.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, "node_modules", ".payroot-installed");
const projectNode = join(
  root,
  "node_modules",
  "node",
  "bin",
  process.platform === "win32" ? "node.exe" : "node",
);

/** Identifies what must be installed: the lock file, on this platform. */
function wanted() {
  const lock = readFileSync(join(root, "package-lock.json"));
  return `${createHash("sha256").update(lock).digest("hex")} ${process.platform} ${process.arch}\n`;
}

/** Installs the locked packages when they are not the ones in node_modules. */
function setUp() {
  if (existsSync(stamp) && existsSync(projectNode) && readFileSync(stamp, "utf8") === wanted()) return;
  process.stderr.write("payroot: installing the locked packages, about a minute on first use …\n");
  // npm skips packages whose "engines" exclude the Node it runs on, so it must itself run on a recent one.
  const recent = Number(process.versions.node.split(".")[0]) >= 24;
  // Not `npm ci`: that refuses a lock file without the packages of other platforms, which a registry may lack.
  const install = ["install", "--no-save"];
  const [command, args] = recent
    ? ["npm", install]
    : ["npx", ["--yes", "--package", "node@24", "--", "npm", ...install]];
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (result.status !== 0 || !existsSync(projectNode)) {
    process.stderr.write(
      `payroot: the packages could not be installed.\n  command   ${command} ${args.join(" ")}\n  expected  exit code 0\n  got       ${result.error?.message ?? result.status}\n  next      check that npm reaches its registry, then run the same command again\n`,
    );
    process.exit(1);
  }
  writeFileSync(stamp, wanted());
  process.stderr.write("payroot: packages installed.\n");
}

/** Runs `file` with the remaining arguments and passes signals and the exit code through. */
export function launch(file, args) {
  setUp();
  const child = spawn(projectNode, ["--disable-warning=ExperimentalWarning", join(root, file), ...args], {
    stdio: "inherit",
    env: {
      ...process.env,
      PATH: `${join(root, "node_modules", ".bin")}${process.platform === "win32" ? ";" : ":"}${process.env.PATH}`,
    },
  });
  // A terminal already sends Ctrl-C to the whole group; a second copy of it would cut a clean stop short.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("exit", (code, signal) => {
    process.exit(code ?? 128 + (signal === "SIGINT" ? 2 : 15));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) launch(process.argv[2], process.argv.slice(3));

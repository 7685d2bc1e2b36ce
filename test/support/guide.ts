import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, onTestFinished } from "vitest";
import { root } from "./source.ts";

/** A step of a guide: commands to run, commands that go on running, or something that people do elsewhere. */
export type GuideStep =
  | { readonly kind: "run" | "background"; readonly heading: string; readonly commands: string }
  | { readonly kind: "elsewhere"; readonly heading: string; readonly what: string };

/**
 * The steps of a guide in a Markdown file of the project, in order: blocks marked `sh`, blocks marked `sh background`,
 * and comments `<!-- elsewhere: … -->`.
 */
export function readGuide(path: string): GuideStep[] {
  const steps: GuideStep[] = [];
  const text = readFileSync(root + path, "utf8");
  let heading = "";
  const pattern = /^(?: *(#{1,6} .*)| *```(\S*)([^\n]*)\n([\s\S]*?)^ *```$|<!-- elsewhere: (.*?) -->)/gm;
  for (const [, title, language, mode = "", body = "", what] of text.matchAll(pattern)) {
    if (title !== undefined) heading = title.replace(/^#+ /, "");
    else if (what !== undefined) steps.push({ kind: "elsewhere", heading, what });
    else if (language === "sh") {
      const kind = mode.trim() === "background" ? "background" : "run";
      steps.push({ kind, heading, commands: body.replace(/^ +/gm, (blank) => blank.slice(indentOf(body))) });
    }
  }
  return steps;
}

function indentOf(body: string): number {
  return /^ */.exec(body)?.[0].length ?? 0;
}

/** What the commands of guides are run with. */
export type GuideShell = {
  /** Runs commands to their end and gives what they printed; fails the test when one of them fails. */
  readonly run: (commands: string) => Promise<string>;
  /** Starts commands that go on running; the test's end ends them. */
  readonly start: (commands: string) => { readonly said: () => string; readonly stop: () => Promise<void> };
};

/** A shell in `cwd`. What one block exports, the next ones have. `literally` replaces texts that only a test must know. */
export function openGuideShell(options: {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly literally: ReadonlyMap<string, string>;
}): GuideShell {
  const { cwd, literally } = options;
  let env: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: cwd, ...options.env };
  const replaced = (commands: string) =>
    [...literally].reduce((text, [from, to]) => text.replaceAll(from, to), commands);
  const spawnShell = (script: string, detached: boolean) => {
    const child = spawn("sh", ["-eu", "-c", script], {
      cwd,
      env,
      detached,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = { text: "" };
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        said.text += chunk.toString();
      });
    const ended = new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)));
    return { child, said, ended };
  };
  return {
    run: async (commands) => {
      const exported = "node -p \"'exported ' + JSON.stringify(process.env)\"";
      const { said, ended } = spawnShell(`${replaced(commands)}\n${exported}`, false);
      const code = await ended;
      expect(code, `${commands}\n${said.text}`).toBe(0);
      const end = said.text.lastIndexOf("exported {");
      env = JSON.parse(said.text.slice(end + "exported ".length)) as NodeJS.ProcessEnv;
      return said.text.slice(0, end);
    },
    start: (commands) => {
      const { child, said, ended } = spawnShell(replaced(commands), true);
      const stop = async () => {
        // The whole group: npm does not pass on what ends it.
        if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
        await ended;
      };
      onTestFinished(stop);
      return { said: () => said.text, stop };
    },
  };
}

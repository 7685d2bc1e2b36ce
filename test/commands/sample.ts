import { account, command, text, wholeNumber } from "../../offchain/commands/command.ts";
import { PayrootError } from "../../offchain/errors.ts";

/** A command with every kind of input, whose value is what it was given. */
export const echo = command({
  name: "worker echo",
  summary: "says what it was given",
  arguments: { account: account("the worker"), epoch: wholeNumber("number of the epoch") },
  options: { fromMirror: text("where the files are"), broadcast: { about: "send it" } },
  run: async ({ config }, input) => ({ ...input, dataDir: config.dataDir, epochWei: 10n ** 20n }),
  print: ({ account, epochWei }, out) => out.facts({ account, epochWei }),
});

/** A command that opens two things, and then fails if it is told to. */
export const opening = command({
  name: "opening",
  summary: "opens two things",
  options: { fail: { about: "fail" }, failClosing: { about: "fail when closing" } },
  run: async ({ defer, out }, { fail, failClosing }) => {
    defer(async () => out.note("closed 1"));
    defer(async () => {
      out.note("closed 2");
      if (failClosing) throw new PayrootError("closing-failed", "It cannot be closed.");
    });
    if (fail) throw new PayrootError("busy", "It is busy.", { retryable: true });
    return "opened";
  },
  print: (value, out) => out.line(value),
});

/** A command whose value is a discrepancy. */
export const differing = command({
  name: "differing",
  summary: "finds a discrepancy",
  run: async () => ({ ok: false }),
  print: ({ ok }, out) => out.line(`ok ${ok}`),
  exitCode: ({ ok }) => (ok ? 0 : 3),
});

/** A command that runs until it is asked to stop, and says on stderr when it has begun. */
export const endless = command({
  name: "endless",
  summary: "waits",
  options: { stubborn: { about: "do not stop" }, abort: { about: "throw when asked to stop" } },
  run: async ({ signal, out }, { stubborn, abort }) => {
    const alive = setInterval(() => {}, 60_000);
    out.note("begun");
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => {
        if (!stubborn) resolve();
      });
    });
    clearInterval(alive);
    if (abort) signal.throwIfAborted();
    return "stopped cleanly";
  },
  print: (value, out) => out.line(value),
});

/** A command that prints more than a pipe holds. */
export const flood = command({
  name: "flood",
  summary: "prints a lot",
  run: async () => 200_000,
  print: (count, out) => {
    for (let line = 0; line < count; line++) out.line(`line ${line}`);
  },
});

/** A command with a fault of its own. */
export const broken = command({
  name: "broken",
  summary: "has a fault",
  run: async () => {
    throw new TypeError("x is not a function");
  },
  print: () => {},
});

/** A command that leaves a rejected promise behind. */
export const leaking = command({
  name: "leaking",
  summary: "rejects behind its own back",
  run: () =>
    new Promise<string>(() => {
      setTimeout(() => {}, 60_000);
      queueMicrotask(() => {
        throw new RangeError("nobody catches this");
      });
    }),
  print: () => {},
});

/** All of them. */
export const samples = [echo, opening, differing, endless, flood, broken, leaking];

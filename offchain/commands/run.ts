import { command } from "./command.ts";
import { startDaemon } from "./daemon.ts";
import { openDaemonLog } from "./daemon-log.ts";

/** `payroot run`: the daemon. */
export const run = command({
  name: "run",
  summary: "the daemon: ingest, close, publish, watch claims, serve",
  keepsLog: true,
  async run(context) {
    const tell = openDaemonLog(context);
    const { log } = tell;
    const { signal } = context;
    const { daemon, url } = await startDaemon(context, { now: Date.now, tell });
    log.info({ url }, `serving ${url}, see ${url}/ready; Ctrl-C stops`);
    signal.addEventListener("abort", () => log.info("stopping; once more to stop at once"));
    await daemon.run(signal);
    return { stopped: true };
  },
  print: (_value, out) => out.line("stopped; everything read is kept, and the next start goes on from here"),
});

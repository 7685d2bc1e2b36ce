import { formatCount, type Output } from "../format.ts";
import { command, text } from "./command.ts";
import { type BackupFile, restoreBackup, writeBackup } from "./open-backup.ts";

/** `payroot backup FILE`: copies the data directory, also while a daemon runs on it. */
export const backupCommand = command({
  name: "backup",
  summary: "copy the data directory into a file, also while the daemon runs",
  arguments: { target: text("a file that does not exist yet, or a directory for one named by the time") },
  run: (context, { target }) => writeBackup(context, target),
  print: (written, out) => printBackup("wrote", written, out),
});

/** `payroot restore FILE`: makes a data directory of a backup. */
export const restoreCommand = command({
  name: "restore",
  summary: "make an empty data directory that of a backup",
  arguments: { file: text("what payroot backup wrote") },
  run: (context, { file }) => restoreBackup(context, file),
  print: (restored, out) => {
    printBackup("restored", restored, out);
    out.line("what was read since is read again from the log at the next start");
  },
});

function printBackup(verb: string, { file, createdAt, epoch, entries }: BackupFile, out: Output): void {
  out.line(`${verb} ${formatCount(entries)} entries`);
  out.facts({ file, "as of": createdAt, "open epoch": epoch });
}

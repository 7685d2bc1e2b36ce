import { exitCodes } from "../errors.ts";
import { examine } from "../pipeline/operate/doctor.ts";
import { command } from "./command.ts";
import { openPatient } from "./open-doctor.ts";

/** `payroot doctor`: checks every dependency and says what to fix. */
export const doctorCommand = command({
  name: "doctor",
  summary: "check everything payroot depends on, and say what to fix",
  run: (context) => examine(openPatient(context)),
  print: ({ ok, findings }, out) => {
    out.table(
      [{ title: "check" }, { title: "state" }, { title: "found" }],
      findings.map(({ name, state, found }) => [name, state, found]),
    );
    for (const { name, state, expected, next } of findings) {
      if (state !== "warning" && state !== "error") continue;
      out.line();
      out.facts({ [state]: name, expected, next: next ?? undefined });
    }
    out.line();
    out.line(ok ? "nothing stands in the way" : "some of it must be fixed first");
  },
  exitCode: ({ ok }) => (ok ? exitCodes.done : exitCodes.failed),
});

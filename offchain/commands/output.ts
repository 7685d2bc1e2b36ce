import type { OutputFormat, SigningOutput } from "../chain/output.ts";
import { jsonText, type Output } from "../format.ts";
import { type Parameter, usageInvalid } from "./command.ts";

/** `--output calldata|safe`: what to sign elsewhere is printed, nothing is signed here. */
export const outputFormat: Parameter<OutputFormat> = {
  about: "print the call to sign it elsewhere: calldata, or safe for a Safe's Transaction Builder",
  placeholder: "format",
  expected: "calldata or safe",
  parse: (given) => (given === "calldata" || given === "safe" ? given : undefined),
};

/** That only one of the two is asked for. Throws `usage-invalid`. */
export function checkOutput({ broadcast, output }: { broadcast: boolean; output: unknown }): void {
  if (!broadcast || output === undefined) return;
  throw usageInvalid("A call is either sent from here or signed elsewhere.", {
    next: "give --broadcast or --output, not both",
  });
}

/** Whether a value is what to sign elsewhere. */
export function isSigningOutput(value: object): value is SigningOutput {
  return "calls" in value || "transactions" in value;
}

/** Prints what to sign elsewhere: a Safe's file as it is imported, a call as its fields. */
export function printSigning(value: SigningOutput, out: Output): void {
  if ("calls" in value) for (const call of value.calls) out.facts(call);
  else for (const line of jsonText(value).split("\n")) out.line(line);
}

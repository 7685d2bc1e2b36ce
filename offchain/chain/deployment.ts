import { z } from "zod";
import { parseAddress } from "../core/address.ts";
import { exitCodes, PayrootError } from "../errors.ts";
import type { Deployed, DistributorArguments } from "./deploy.ts";
import { distributorCodeHash } from "./distributor-artifact.ts";

const address = z.string().transform((text, context) => {
  const parsed = parseAddress(text);
  if (parsed === undefined) context.addIssue("not an EIP-55 address");
  return parsed ?? z.NEVER;
});
const hash = z.templateLiteral(["0x", z.string().regex(/^[0-9a-f]{64}$/)]);
const seconds = z.int().min(0);

/** `deployments/{chainId}.json`, format `payroot/deployment@1`: the distributor of a chain and how it came there. */
export const deploymentSchema = z.strictObject({
  format: z.literal("payroot/deployment@1"),
  chainId: z.int().min(1),
  distributor: address,
  transaction: hash,
  block: z.int().min(0),
  arguments: z.strictObject({
    admin: address,
    adminDelaySeconds: seconds,
    poster: address,
    guardian: address,
    activationDelaySeconds: seconds,
  }),
  /** `codeHash` of the deployed code. */
  codeHash: hash,
});

/** A parsed `deployments/{chainId}.json`. */
export type Deployment = z.output<typeof deploymentSchema>;

/** The deployment of this source's distributor. */
export function deploymentOf(given: {
  readonly chainId: number;
  readonly arguments: DistributorArguments;
  readonly deployed: Deployed;
}): Deployment {
  const { chainId, deployed } = given;
  return {
    format: "payroot/deployment@1",
    chainId,
    distributor: deployed.address,
    transaction: deployed.transaction,
    block: Number(deployed.block),
    arguments: given.arguments,
    codeHash: distributorCodeHash,
  };
}

/** Reads the text of a deployment file; throws `deployment-invalid`. */
export function parseDeployment(text: string, path: string): Deployment {
  const parsed = deploymentSchema.safeParse(json(text));
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => [issue.path.join(".") || "file", issue.message]);
  throw new PayrootError("deployment-invalid", "The deployment file does not fit its format.", {
    facts: { path, ...Object.fromEntries(issues) },
    next: "restore the file, or deploy again",
    exitCode: exitCodes.usage,
  });
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import type { ClosePorts } from "../pipeline/close-epoch.ts";
import type { Stage } from "../pipeline/daemon.ts";
import type { FundingReader } from "../pipeline/preview.ts";
import { type ChainView, noChainView } from "../pipeline/worker.ts";
import type { Context } from "./command.ts";

/** What the chain says, as of now; nothing is on chain where none is configured. */
export async function openChainView(
  context: Context,
  ports: Pick<ClosePorts, "store" | "artifacts">,
): Promise<ChainView> {
  return noChainView;
}

/** Reads what the distributor holds; undefined where no chain is configured. */
export async function openFunding(context: Context): Promise<FundingReader | undefined> {
  return undefined;
}

/** The daemon's stages that need the chain, and what they know. */
export async function openChainStages(
  context: Context,
  ports: ClosePorts,
): Promise<{ view: ChainView; stages: Stage[] }> {
  return { view: noChainView, stages: [] };
}

import { PayrootError } from "../../errors.ts";
import type { Stage } from "../operate/daemon.ts";
import type { ClaimPorts } from "./claim.ts";
import { type SponsorOptions, sponsor } from "./sponsor.ts";

/** When the daemon pays workers; `clock` in ms from any beginning, the process's own when left out. */
export type SponsorStageOptions = Omit<SponsorOptions, "broadcast"> & {
  readonly intervalSeconds: number;
  readonly clock?: () => number;
};

/** Pays everyone who has enough coming, once an interval; what failed is tried again in the next round. */
export function sponsorStage(ports: ClaimPorts, options: SponsorStageOptions): Stage {
  const { intervalSeconds, clock = () => performance.now(), ...rest } = options;
  let doneAt: number | undefined;
  return {
    name: "sponsor",
    async run() {
      if (doneAt !== undefined && clock() - doneAt < intervalSeconds * 1000) return;
      await sponsor(ports, { ...rest, broadcast: true }).catch((error: unknown) => {
        // Before the first epoch is active nobody has anything coming.
        if (!(error instanceof PayrootError) || error.code !== "epoch-not-active") throw error;
      });
      doneAt = clock();
    },
  };
}

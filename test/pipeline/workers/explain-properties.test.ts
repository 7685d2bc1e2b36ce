import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { EarningLine, RejectionLine } from "../../../offchain/core/artifacts.ts";
import { type Explanation, sumOfEvent, sumPartitions } from "../../../offchain/core/explanation.ts";
import { createProofBook } from "../../../offchain/pipeline/claims/proof-book.ts";
import { explain } from "../../../offchain/pipeline/workers/explain.ts";
import { createEstimates } from "../../../offchain/pipeline/workers/worker.ts";
import { accounts } from "../../support/events.ts";
import { ruleset, type TestLedger, withTestLedger } from "../../support/ledger.ts";
import { epochTexts, linesOf } from "../../support/published.ts";
import { anyLog, type LogObject, type Value } from "../../support/random-log.ts";

// After every event of a random log.
const later = 10 * 86_400;

async function explainAll(ledger: TestLedger, epoch?: number): Promise<Explanation[]> {
  const ports = {
    ...ledger,
    proofs: createProofBook(ledger.artifacts),
    estimates: createEstimates(ledger.store),
  };
  return Promise.all(accounts.map((account) => explain(ports, { account, epoch, ruleset })));
}

/** Reads each object before the next, so that keys can be overwritten. */
async function readAll(ledger: TestLedger, objects: readonly LogObject[]): Promise<void> {
  for (const object of objects) {
    const path = join(ledger.folder, "log", object.key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, object.bytes);
    await ledger.ingest();
  }
}

function namedBy(element: Value): { account: string | undefined; id: Value; type: Value } {
  const plain = typeof element === "object" && element !== null && !Array.isArray(element) ? element : {};
  const { Payload: payload = null, ID: id = null, EventType: type = null } = plain;
  const { ethAddress = null } =
    typeof payload === "object" && payload !== null && !Array.isArray(payload) ? payload : {};
  const account = accounts.find((one) => one.toLowerCase() === String(ethAddress).toLowerCase());
  return { account, id: id === "" ? null : id, type };
}

/** Every element of the objects that names the account: `object position id`, and its type. */
function elementsOf(account: string, objects: readonly LogObject[]): { place: string; type: Value }[] {
  return objects.flatMap(({ key, elements = [] }) =>
    elements.flatMap((element, position) => {
      const named = namedBy(element);
      return named.account === account ? [{ place: `${key} ${position} ${named.id}`, type: named.type }] : [];
    }),
  );
}

const placeOf = (event: { object: string; position: number; id: string | null }): string =>
  `${event.object} ${event.position} ${event.id}`;

/** `list` without one occurrence of each of `taken`, which it must have. */
function without(list: readonly string[], taken: readonly string[]): string[] {
  const rest = [...list];
  for (const item of taken) {
    expect(rest).toContain(item);
    rest.splice(rest.indexOf(item), 1);
  }
  return rest;
}

function checkPublished(explanation: Explanation, files: ReadonlyMap<string, string>): void {
  const { account } = explanation;
  const rows = linesOf<EarningLine>(files, "earnings.ndjson").filter((row) => row.account === account);
  const sums = [...sumPartitions(explanation.events.map(sumOfEvent)).values()];
  expect(
    sums
      .map(({ partition, events, grossWei, commissionWei, earnedWei }) => {
        return [partition, events, String(grossWei), String(commissionWei), String(earnedWei)];
      })
      .sort(),
  ).toEqual(rows.map((row) => [row.partition, row.events, row.gross, row.commission, row.earned]).sort());
}

/** Each element that names the account is listed once, or is accepted and no job; rejections are those published. */
function checkComplete(
  { account, events, excluded }: Explanation,
  epoch: { open: readonly LogObject[]; rejections: readonly string[] },
): void {
  const named = elementsOf(account, epoch.open);
  const places = named.map(({ place }) => place);
  // An AI job does not name the account that its receipt gives it.
  const listed = [...events, ...excluded].map(placeOf).filter((place) => places.includes(place));
  for (const place of without(places, listed)) {
    const types = named.filter((element) => element.place === place).map(({ type }) => type);
    expect(types.every((type) => type === "job-processed")).toBe(false);
  }
  const counted = ["duplicate", "zero-fee", "unmatched"];
  for (const event of excluded) {
    const published = epoch.rejections.includes(`${placeOf(event)} ${event.reason}`);
    expect(published).toBe(!counted.includes(event.reason));
  }
}

test("given any log over several epochs, then each explanation has every event of its account once, and sums to what was published", async () => {
  const anyEpochs = fc.record({
    log: anyLog({ objects: 12, events: 45 }),
    sizes: fc.array(fc.nat(6), { maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(anyEpochs, async ({ log, sizes }) => {
      await withTestLedger(async (ledger) => {
        let open: LogObject[] = [];
        let from = 0;
        const closed: Explanation[][] = [];
        for (const [index, size] of [...sizes, log.length].entries()) {
          const batch = log.slice(from, from + size);
          from += size;
          await readAll(ledger, batch);
          open = [...open, ...batch];
          const before = await explainAll(ledger);
          const result = await ledger.close(later + index);
          if (result === undefined) continue;
          const { epoch } = result.manifest;
          const after = await explainAll(ledger, epoch);
          closed.push(after);
          // In the first epoch nothing is late either way; everything else was known before the close.
          expect(after).toEqual(before);

          const files = await epochTexts(ledger.artifacts, epoch);
          const rejections = linesOf<RejectionLine>(files, "rejections.ndjson").map(
            (line) => `${placeOf(line)} ${line.reason}`,
          );
          for (const explanation of after) {
            checkPublished(explanation, files);
            checkComplete(explanation, { open, rejections });
          }
          open = [];
        }
        // Whatever came since, a closed epoch is explained as it was.
        for (const [index, known] of closed.entries()) {
          expect(await explainAll(ledger, index + 1)).toEqual(known);
        }
      });
    }),
    { numRuns: 25 },
  );
});

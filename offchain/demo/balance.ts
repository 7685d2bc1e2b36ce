import { type Address, parseAddress } from "../core/address.ts";
import type { Manifest } from "../core/artifacts.ts";
import { PayrootError } from "../errors.ts";
import { formatEth, type Output } from "../format.ts";
import type { Expectation } from "./expectation.ts";

/** Where every wei is, in wei, and how that compares with what the traffic generator says. */
export type Balance = {
  readonly gross: bigint;
  readonly places: readonly { readonly place: string; readonly amount: bigint; readonly meaning: string }[];
  readonly checks: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly found: bigint;
    readonly expected: bigint;
  }[];
};

/** Asks the API, as any client would, where the money is, and compares it with the generator's own books. */
export async function readBalance(
  url: string,
  books: { workers: readonly Address[]; expected: Expectation },
): Promise<Balance> {
  const { expected } = books;
  const closed = await closedTotals(url);
  const { accruing } = await get<StatusAnswer>(`${url}/status`);
  const states = { claimed: 0n, claimable: 0n, posted: 0n, closed: 0n, accruing: 0n };
  let wrongAccounts = 0n;
  for (const worker of books.workers) {
    const { assets } = await get<WorkerAnswer>(`${url}/v1/workers/${worker}`);
    let earned = 0n;
    for (const asset of assets) {
      earned += BigInt(asset.earned);
      for (const state of stateNames) states[state] += BigInt(asset[state]);
    }
    const account = expected.accounts.get(parseAddress(worker) ?? worker);
    if (earned !== (account?.grossWei ?? 0n) - (account?.commissionWei ?? 0n)) wrongAccounts += 1n;
  }
  const commission = closed.commission + BigInt(accruing.commission);
  const gross = closed.gross + BigInt(accruing.gross) + BigInt(accruing.waiting);
  const waiting = BigInt(accruing.waiting);
  const found = stateNames.reduce((total, state) => total + states[state], commission + waiting);
  const check = (name: string, pair: { found: bigint; expected: bigint }) => ({
    name,
    ok: pair.found === pair.expected,
    ...pair,
  });
  return {
    gross,
    places: [
      { place: "commission", amount: commission, meaning: "the pool's share" },
      ...stateNames.map((place) => ({ place, amount: states[place], meaning: meanings[place] })),
      { place: "waiting", amount: waiting, meaning: "AI jobs whose receipt has not come" },
    ],
    checks: [
      check("every wei of gross is in one place", { found, expected: gross }),
      check("gross is what the traffic was worth", {
        found: gross,
        expected: expected.grossWei + expected.waitingWei,
      }),
      check("commission is what it should be", { found: commission, expected: expected.commissionWei }),
      check("accounts that do not have what they earned", { found: wrongAccounts, expected: 0n }),
    ],
  };
}

/** Prints the table and says whether everything was found. */
export function printBalance({ gross, places, checks }: Balance, out: Output): boolean {
  out.table(
    [{ title: "where the money is" }, { title: "amount", align: "point" }, { title: "" }],
    [
      ...places.map(({ place, amount, meaning }) => [place, formatEth(amount), meaning]),
      ["gross", formatEth(gross), "all fees of all jobs that were accepted"],
    ],
  );
  out.line();
  for (const { name, ok, found, expected } of checks) {
    out.line(`${ok ? "ok   " : "WRONG"} ${name}: ${found}${ok ? "" : `, expected ${expected}`}`);
  }
  return checks.every(({ ok }) => ok);
}

const stateNames = ["claimed", "claimable", "posted", "closed", "accruing"] as const;
const meanings: Readonly<Record<(typeof stateNames)[number], string>> = {
  claimed: "paid out by the contract",
  claimable: "in an active epoch, to be claimed at any time",
  posted: "on chain, waiting for its activation",
  closed: "in a closed epoch that is not on chain yet",
  accruing: "earned in the open epoch",
};

type Amounts = { readonly gross: string; readonly commission: string };
type StatusAnswer = { readonly accruing: Amounts & { readonly waiting: string } };
type WorkerAnswer = {
  readonly assets: readonly Readonly<Record<(typeof stateNames)[number] | "earned", string>>[];
};
type EpochsAnswer = { readonly epochs: readonly { readonly epoch: number }[] };

async function closedTotals(url: string): Promise<{ gross: bigint; commission: bigint }> {
  const totals = { gross: 0n, commission: 0n };
  const { epochs } = await get<EpochsAnswer>(`${url}/v1/epochs?limit=1000`);
  for (const { epoch } of epochs) {
    const manifest = await get<Manifest>(`${url}/v1/epochs/${epoch}`);
    for (const total of manifest.totals) {
      totals.gross += BigInt(total.gross);
      totals.commission += BigInt(total.commission);
    }
  }
  return totals;
}

/** The JSON at a URL of the API. Throws `demo-request-failed`. */
export async function get<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) {
    throw new PayrootError("demo-request-failed", "The API did not answer as it should.", {
      facts: { url, status: response.status, answer: (await response.text()).slice(0, 500) },
    });
  }
  return (await response.json()) as T;
}

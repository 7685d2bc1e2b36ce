import type { Address } from "../core/address.ts";

/** What one account must be found to have earned: sums of its paid jobs, in wei. */
export type ExpectedAccount = {
  readonly grossWei: bigint;
  readonly commissionWei: bigint;
  readonly jobs: number;
};

/** What all events written so far must come to; `waitingWei` are AI jobs whose receipt has not been written. */
export type Expectation = {
  readonly accounts: ReadonlyMap<Address, ExpectedAccount>;
  readonly grossWei: bigint;
  readonly commissionWei: bigint;
  readonly waitingWei: bigint;
};

/** Keeps the books of a generator, from what it meant to write rather than from what it wrote. */
export type Books = {
  pay(account: Address, feesWei: bigint): void;
  /** An AI job is written before its receipt. */
  wait(requestID: string, feesWei: bigint): void;
  /** The receipt of a waiting job is written. */
  settle(requestID: string, account: Address): void;
  expected(): Expectation;
};

/** Empty books, with the commission taken from each job in millionths of its fees. */
export function openBooks(commissionPpm: bigint): Books {
  const accounts = new Map<Address, ExpectedAccount>();
  const waiting = new Map<string, bigint>();
  const pay = (account: Address, feesWei: bigint) => {
    const { grossWei = 0n, commissionWei = 0n, jobs = 0 } = accounts.get(account) ?? {};
    accounts.set(account, {
      grossWei: grossWei + feesWei,
      commissionWei: commissionWei + (feesWei * commissionPpm) / 1_000_000n,
      jobs: jobs + 1,
    });
  };
  return {
    pay,
    wait: (requestID, feesWei) => {
      waiting.set(requestID, feesWei);
    },
    settle: (requestID, account) => {
      pay(account, waiting.get(requestID) ?? 0n);
      waiting.delete(requestID);
    },
    expected: () => ({
      accounts: new Map(accounts),
      grossWei: sum([...accounts.values()].map(({ grossWei }) => grossWei)),
      commissionWei: sum([...accounts.values()].map(({ commissionWei }) => commissionWei)),
      waitingWei: sum([...waiting.values()]),
    }),
  };
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}

import type { Effect } from "./event.ts";

/** One content seen under an event id: where it is owned, and what it does. A rejected one does nothing. */
export type Version = {
  /** The number of the object that owns it. */
  readonly ordinal: number;
  readonly position: number;
  readonly rejected: boolean;
  readonly time: number;
  readonly digest: string;
  readonly effect: Effect;
};

/** What a reading changes in the ledger. Each names the version, and so the object, that it concerns. */
export type Change = {
  readonly type: "accept" | "withdraw" | "reject" | "unreject" | "duplicate";
  readonly version: Version;
};

/** The versions of an id after a reading, or undefined when they stay as they were, and what changed. */
export type Settlement = {
  readonly versions: readonly Version[] | undefined;
  readonly changes: readonly Change[];
};

/** The place of an object among all: by key, then by content hash. */
export type Place = { readonly key: string; readonly sha256: string };

/**
 * Decides what one more reading of an event id means, so that the outcome depends on the set of readings alone:
 * one content counts once, and belongs to the first place it stands in (by key, content hash, position); of several
 * contents none counts, unless one of them stands in a closed epoch, which is never touched.
 */
export function settle(
  known: readonly Version[],
  reading: Version,
  context: { openFrom: number; placeOf: (ordinal: number) => Place },
): Settlement {
  if (known.length === 0) return { versions: [reading], changes: [{ type: "accept", version: reading }] };
  const { openFrom } = context;
  // A rejected version of a closed epoch leaves no trace: the same id may come again, corrected.
  const live = known.filter((version) => version.ordinal >= openFrom || !version.rejected);
  const same = live.find((version) => version.digest === reading.digest);
  if (same !== undefined) {
    if (same.ordinal < openFrom || !isBefore(reading, same, context.placeOf)) {
      return { versions: undefined, changes: [{ type: "duplicate", version: reading }] };
    }
    const moved: Version = { ...reading, rejected: same.rejected };
    return {
      versions: live.map((version) => (version === same ? moved : version)),
      changes: [
        { type: same.rejected ? "unreject" : "withdraw", version: same },
        { type: "duplicate", version: same },
        { type: same.rejected ? "reject" : "accept", version: moved },
      ],
    };
  }
  if (live.length === 0) return { versions: [reading], changes: [{ type: "accept", version: reading }] };

  const refused: Version = { ...reading, rejected: true };
  const changes: Change[] = [];
  const versions = live.map((version) => {
    if (version.rejected || version.ordinal < openFrom) return version;
    const withdrawn: Version = { ...version, rejected: true };
    changes.push({ type: "withdraw", version }, { type: "reject", version: withdrawn });
    return withdrawn;
  });
  return { versions: [...versions, refused], changes: [...changes, { type: "reject", version: refused }] };
}

function isBefore(a: Version, b: Version, placeOf: (ordinal: number) => Place): boolean {
  if (a.ordinal === b.ordinal) return a.position < b.position;
  const left = placeOf(a.ordinal);
  const right = placeOf(b.ordinal);
  if (left.key !== right.key) return left.key < right.key;
  return left.sha256 < right.sha256;
}

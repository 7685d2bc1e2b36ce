import fc from "fast-check";
import { expect, test } from "vitest";
import { type Place, settle, type Version } from "../../offchain/core/versions.ts";

type Reading = { object: number; position: number; content: number };

// Keys with several contents. Objects 0 and 1 belong to a closed epoch, and stand after all others.
const places: readonly Place[] = [
  { key: "z", sha256: "1" },
  { key: "z", sha256: "2" },
  { key: "a", sha256: "2" },
  { key: "b", sha256: "2" },
  { key: "b", sha256: "3" },
  { key: "c", sha256: "0" },
];
const openFrom = 2;

function versionOf({ object, position, content }: Reading): Version {
  return {
    ordinal: object,
    position,
    rejected: false,
    time: 0,
    digest: `${content}`,
    effect: { kind: "none" },
  };
}

/** What each reading of an id came to in the end, when they come in this order. */
function fates(readings: readonly Reading[], before: readonly Version[]): string[] {
  let versions = before;
  const tally = new Map<string, { accepted: number; rejected: number; duplicates: number }>();
  const at = ({ ordinal, position }: Version) => {
    const name = `${places[ordinal]?.key} ${places[ordinal]?.sha256} ${position}`;
    const counts = tally.get(name) ?? { accepted: 0, rejected: 0, duplicates: 0 };
    tally.set(name, counts);
    return counts;
  };
  for (const reading of readings) {
    const settlement = settle(versions, versionOf(reading), {
      openFrom,
      placeOf: (ordinal) => places[ordinal] ?? { key: "", sha256: "" },
    });
    versions = settlement.versions ?? versions;
    for (const { type, version } of settlement.changes) {
      if (type === "accept") at(version).accepted += 1;
      else if (type === "withdraw") at(version).accepted -= 1;
      else if (type === "reject") at(version).rejected += 1;
      else if (type === "unreject") at(version).rejected -= 1;
      else at(version).duplicates += 1;
      // What is closed is never touched.
      expect(version.ordinal).toBeGreaterThanOrEqual(openFrom);
    }
  }
  return [...tally].map(([name, counts]) => `${name} ${JSON.stringify(counts)}`).sort();
}

/** The same, said of the set: first places by (key, content hash, position). */
function expectedFates(readings: readonly Reading[], standing: number | undefined): string[] {
  const placed = readings.map((reading) => ({
    ...reading,
    place: places[reading.object] ?? { key: "", sha256: "" },
  }));
  placed.sort((a, b) => {
    const left = `${a.place.key} ${a.place.sha256}`;
    const right = `${b.place.key} ${b.place.sha256}`;
    return left === right ? a.position - b.position : left < right ? -1 : 1;
  });
  const contents = new Set(readings.map((reading) => reading.content));
  const met = new Set<number>();
  return placed
    .map(({ place, position, content }) => {
      const first = !met.has(content);
      met.add(content);
      const duplicate = content === standing || !first;
      const conflict = standing !== undefined || contents.size > 1;
      const fate = {
        accepted: duplicate || conflict ? 0 : 1,
        rejected: !duplicate && conflict ? 1 : 0,
        duplicates: duplicate ? 1 : 0,
      };
      return `${place.key} ${place.sha256} ${position} ${JSON.stringify(fate)}`;
    })
    .sort();
}

const closedVersions: Record<string, { before: readonly Version[]; standing: number | undefined }> = {
  nothing: { before: [], standing: undefined },
  "a content that stands": { before: [versionOf({ object: 0, position: 0, content: 1 })], standing: 1 },
  "contents that were rejected": {
    before: [0, 1].map((content) => ({
      ...versionOf({ object: content, position: 0, content }),
      rejected: true,
    })),
    standing: undefined,
  },
  "a content that stands and one that was rejected": {
    before: [
      { ...versionOf({ object: 1, position: 3, content: 0 }), rejected: true },
      versionOf({ object: 0, position: 0, content: 1 }),
    ],
    standing: 1,
  },
};

test.each(Object.keys(closedVersions))(
  "given %s from closed epochs, then readings in any order of objects come to the same",
  (name) => {
    const { before, standing } = closedVersions[name] ?? { before: [], standing: undefined };
    const anyObject = fc.array(fc.nat(2), { maxLength: 3 });
    const anyObjects = fc.array(anyObject, { minLength: 4, maxLength: 4 });
    const order = fc.shuffledSubarray([2, 3, 4, 5], { minLength: 4 });
    fc.assert(
      fc.property(anyObjects, order, (objects, ordinals) => {
        const readings = ordinals.flatMap((object) =>
          (objects[object - openFrom] ?? []).map((content, position) => ({ object, position, content })),
        );
        expect(fates(readings, before)).toEqual(expectedFates(readings, standing));
      }),
      { numRuns: 3000 },
    );
  },
);

import { type Address, addressBytes } from "../core/address.ts";
import type { EventPlace } from "../core/connections.ts";
import type { AiEvent } from "../core/correlation.ts";
import type { Version } from "../core/versions.ts";
import {
  accountAsset,
  decimal,
  decodeText,
  json,
  knownJson,
  parts,
  type Reader,
  sum,
  text,
  textKey,
  time,
  u32,
  uint32,
} from "./codecs.ts";
import { encodeEventId } from "./event-id.ts";
import type { Keyspace } from "./keyspace.ts";
import type {
  ArchivedContent,
  ChainCursor,
  ClosedSumKey,
  ConnectionKey,
  EpochState,
  Head,
  ListedObject,
  MadePair,
  ObjectRecord,
  OpenSum,
  PostedEpoch,
  PostingJournal,
  ReadClaim,
  RecordedRejection,
  ResetKey,
} from "./records.ts";
import { decodeVersions, encodeVersions } from "./version-codec.ts";

/*
 * Every keyspace of the data directory. Parts of a key stand in the order given; numbers are big-endian, so that byte
 * order is number order; texts are UTF-8 ended by a zero byte, so that byte order is text order.
 *
 *   prefix  key                                       value
 *   h       –                                         where the ledger stands
 *   v       event id                                  its versions
 *   o       object number                             the object as read, with its counters
 *   i       object key, content hash                  the number of its latest reading
 *   l       object key                                the listing it was last read under
 *   b       object key                                the content the archive holds under the plain name
 *   x       object number, position + 1               a rejection (position −1: the whole object)
 *   s       account, partition                        sums of the open epoch
 *   a       partition, request id, event id           an AI event without its other half
 *   c       partition, account, connection, time, object key, position, event id   connected or disconnected
 *   r       partition, time, object key, position, event id   a reset
 *   w       account, partition                        when the worker was last seen
 *   t       account, asset                            cumulative amount as of the last close
 *   e       epoch                                     a closed epoch
 *   d       account, epoch, asset, partition          what the account gained in a closed epoch
 *   m       epoch, account, job id                    an AI pair that a close made
 *   p       epoch                                     the journal of its posting
 *   g       epoch                                     an epoch that stands on chain, final
 *   q       block, log index                          a final claim
 *   k       account, asset                            Σ of final claims
 *   n       –                                         how far the chain was read
 *   Q       account, block, log index                 that a final claim is the account's
 *   L       –                                         which of all these entries the directory has
 * and, in job-keys.ts,
 *   j       partition, newest time, object number     the accepted jobs of the object
 *   u       object number, epoch                      the workers of AI jobs of the object that a close paired
 *   S       account, asset, partition                 Σ of what the account gained in closed epochs
 * Prefix z is kept free, f and y are those of audit-keys.ts, G and W of ops-keys.ts, T (block: its time) of job-keys.ts.
 */

/** Where the ledger stands: one entry. */
export const heads: Keyspace<"head", Head> = {
  prefix: ascii("h"),
  key: { encode: () => new Uint8Array(0), decode: () => "head" },
  value: knownJson<Head>(),
};

/** The versions of every event id ever accepted, or in conflict in the open epoch. */
export const versions: Keyspace<string, readonly Version[]> = {
  prefix: ascii("v"),
  key: { encode: encodeEventId, decode: (bytes) => bytes.toString() },
  value: { encode: encodeVersions, decode: decodeVersions },
};

/** Every object ever read. */
export const objects: Keyspace<number, ObjectRecord> = { prefix: ascii("o"), key: uint32(), value: json() };

/** The number of the latest reading of an object, by key and content hash. */
export const objectNumbers: Keyspace<{ key: string; sha256: string }, number> = {
  prefix: ascii("i"),
  key: parts(
    ({ key, sha256 }) => [text(key), text(sha256)],
    (read) => ({ key: read.text(), sha256: read.text() }),
  ),
  value: json(),
};

/** The listing an object was last read under. */
export const listings: Keyspace<string, ListedObject> = { prefix: ascii("l"), key: textKey(), value: json() };

/** The content hash that the archive holds under the plain name of an object key. */
export const archived: Keyspace<string, ArchivedContent> = {
  prefix: ascii("b"),
  key: textKey(),
  value: json(),
};

/** Rejections by object number and position; −1 is the whole object. */
export const rejections: Keyspace<{ ordinal: number; position: number }, RecordedRejection> = {
  prefix: ascii("x"),
  key: parts(
    ({ ordinal, position }) => [u32(ordinal), u32(position + 1)],
    (read) => ({ ordinal: read.u32(), position: read.u32() - 1 }),
  ),
  value: json(),
};

/** Sums of the open epoch over events that need no partner. */
export const openSums: Keyspace<{ account: Address; partition: string }, OpenSum> = {
  prefix: ascii("s"),
  key: parts(
    ({ account, partition }) => [addressBytes(account), text(partition)],
    (read) => ({ account: read.address(), partition: read.text() }),
  ),
  value: sum(),
};

/** AI events without their other half, grouped by partition and request id. */
export const waitingAi: Keyspace<{ partition: string; requestID: string; id: string }, AiEvent> = {
  prefix: ascii("a"),
  key: parts(
    ({ partition, requestID, id }) => [text(partition), text(requestID), text(id)],
    (read) => ({ partition: read.text(), requestID: read.text(), id: read.text() }),
  ),
  value: {
    encode: (event) => {
      const amount = event.kind === "job" ? { feesWei: event.feesWei.toString() } : {};
      return Buffer.from(JSON.stringify({ ...event, ...amount }));
    },
    decode: (bytes) => {
      const value = JSON.parse(decodeText(bytes)) as AiEvent & { feesWei?: string };
      return value.kind === "job" ? { ...value, feesWei: BigInt(value.feesWei) } : value;
    },
  },
};

/** Every change of a connection in the open epoch, and the newest of each before it. */
export const connections: Keyspace<ConnectionKey, "connected" | "disconnected"> = {
  prefix: ascii("c"),
  key: parts(
    (key) => [text(key.partition), addressBytes(key.account), text(key.connection), ...placeParts(key)],
    (read) => ({
      partition: read.text(),
      account: read.address(),
      connection: read.text(),
      ...readPlace(read),
    }),
  ),
  value: json(),
};

/** Every reset in the open epoch, and the newest of each partition before it. */
export const resets: Keyspace<ResetKey, true> = {
  prefix: ascii("r"),
  key: parts(
    (key) => [text(key.partition), ...placeParts(key)],
    (read) => ({ partition: read.text(), ...readPlace(read) }),
  ),
  value: json(),
};

/** When a worker was last seen in a partition, ms since 1970. */
export const lastSeen: Keyspace<{ account: Address; partition: string }, number> = {
  prefix: ascii("w"),
  key: openSums.key,
  value: json(),
};

/** Cumulative amounts as of the last close, in the asset's smallest unit. */
export const cumulatives: Keyspace<{ account: Address; asset: Address }, bigint> = {
  prefix: ascii("t"),
  key: accountAsset(),
  value: decimal(),
};

/** Closed epochs. */
export const epochs: Keyspace<number, EpochState> = { prefix: ascii("e"), key: uint32(), value: knownJson() };

/** What an account gained in closed epochs. */
export const closedSums: Keyspace<ClosedSumKey, OpenSum> = {
  prefix: ascii("d"),
  key: parts(
    ({ account, epoch, asset, partition }) => [
      ...[addressBytes(account), u32(epoch), addressBytes(asset)],
      text(partition),
    ],
    (read) => ({
      account: read.address(),
      epoch: read.u32(),
      asset: read.address(),
      partition: read.text(),
    }),
  ),
  value: sum(),
};

/** The AI pairs that closes made, by who was paid. */
export const madePairs: Keyspace<{ epoch: number; account: Address; id: string }, MadePair> = {
  prefix: ascii("m"),
  key: parts(
    ({ epoch, account, id }) => [u32(epoch), addressBytes(account), text(id)],
    (read) => ({ epoch: read.u32(), account: read.address(), id: read.text() }),
  ),
  value: json(),
};

/** The journal of an epoch's posting. */
export const postings: Keyspace<number, PostingJournal> = {
  prefix: ascii("p"),
  key: uint32(),
  value: json(),
};

/** Epochs that stand on chain, as of the cursor. */
export const postedEpochs: Keyspace<number, PostedEpoch> = {
  prefix: ascii("g"),
  key: uint32(),
  value: knownJson(),
};

/** Claims as of the cursor, by where their logs stand. */
export const claims: Keyspace<{ block: number; logIndex: number }, ReadClaim> = {
  prefix: ascii("q"),
  key: parts(
    ({ block, logIndex }) => [u32(block), u32(logIndex)],
    (read) => ({ block: read.u32(), logIndex: read.u32() }),
  ),
  value: json(),
};

/** Σ of the claims as of the cursor, in the asset's smallest unit. */
export const claimedSums: Keyspace<{ account: Address; asset: Address }, bigint> = {
  prefix: ascii("k"),
  key: accountAsset(),
  value: decimal(),
};

/** The places of an account's claims as of the cursor. */
export const accountClaims: Keyspace<{ account: Address; block: number; logIndex: number }, true> = {
  prefix: ascii("Q"),
  key: parts(
    ({ account, block, logIndex }) => [addressBytes(account), u32(block), u32(logIndex)],
    (read) => ({ account: read.address(), block: read.u32(), logIndex: read.u32() }),
  ),
  value: json(),
};

/** How far the chain was read: one entry. */
export const chainCursors: Keyspace<"cursor", ChainCursor> = {
  prefix: ascii("n"),
  key: { encode: () => new Uint8Array(0), decode: () => "cursor" },
  value: knownJson(),
};

/** Which entries the directory has, by a number that grows with every kind that was added: one entry. */
export const layouts: Keyspace<"layout", number> = {
  prefix: ascii("L"),
  key: { encode: () => new Uint8Array(0), decode: () => "layout" },
  value: json(),
};

/** The bytes that every key with these leading parts begins with, for walks. */
export const within = {
  partition: (partition: string): Uint8Array => text(partition),
  account: (account: Address): Uint8Array => addressBytes(account),
  accountEpoch: (account: Address, epoch: number): Uint8Array =>
    Buffer.concat([addressBytes(account), u32(epoch)]),
  epoch: (epoch: number): Uint8Array => u32(epoch),
  epochAccount: (epoch: number, account: Address): Uint8Array =>
    Buffer.concat([u32(epoch), addressBytes(account)]),
  ordinal: (ordinal: number): Uint8Array => u32(ordinal),
  textPrefix: (prefix: string): Uint8Array => text(prefix).subarray(0, -1),
};

function placeParts({ time: when, objectKey, position, id }: EventPlace): Uint8Array[] {
  return [time(when), text(objectKey), u32(position), text(id)];
}

function readPlace(read: Reader): EventPlace {
  return { time: read.time(), objectKey: read.text(), position: read.u32(), id: read.text() };
}

function ascii(letter: string): number {
  return letter.charCodeAt(0);
}

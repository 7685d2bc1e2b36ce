import { createHash, type Hash } from "node:crypto";
import { z } from "zod";
import { formatTime } from "../../core/time.ts";
import { exitCodes, PayrootError } from "../../errors.ts";
import { heads } from "../../store/keys.ts";
import { keyOf } from "../../store/keyspace.ts";
import type { LedgerStore, StoreWrite } from "../../store/ledger-store.ts";
import { firstHead, readHead } from "../ingest/ingest.ts";

/*
 * A backup, before it is compressed: a line of JSON that says what it is; every entry of the ledger in the order of
 * keys, each as length of the key (u32), length of the value (u32), key, value; 32 one bits; and the SHA-256 of all that.
 */
const header = z.object({
  format: z.literal("payroot/backup@1"),
  createdAt: z.string(),
  /** Where the ledger stood when the backup began; the entries may be a few objects further. */
  epoch: z.int(),
  sequence: z.int(),
});

/** What a backup holds: the open epoch, and how many changes the ledger had seen. */
export type BackupSummary = {
  readonly createdAt: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly entries: number;
};

const endMark = 0xffff_ffff;
const digestBytes = 32;
const pieceBytes = 65_536;
const longestKey = 65_536;
const longestValue = 2 ** 28;

/**
 * A backup of a ledger as of one moment, in pieces and in bounded memory, while the ledger goes on reading; `now` in ms
 * since 1970.
 */
export async function* backupOf(store: LedgerStore, now: number): AsyncGenerator<Uint8Array> {
  const { epoch, sequence } = await readHead(store);
  const digest = createHash("sha256");
  const about = { format: "payroot/backup@1", createdAt: formatTime(now), epoch, sequence };
  let pieces: Uint8Array[] = [Buffer.from(`${JSON.stringify(about)}\n`)];
  let bytes = 0;
  const joined = (): Buffer => {
    const piece = Buffer.concat(pieces);
    digest.update(piece);
    [pieces, bytes] = [[], 0];
    return piece;
  };
  for await (const [key, value] of store.entries({ from: Uint8Array.of(0), to: Uint8Array.of(255) })) {
    pieces.push(numbers(key.length, value.length), key, value);
    bytes += key.length + value.length;
    if (bytes >= pieceBytes) yield joined();
  }
  pieces.push(numbers(endMark));
  yield joined();
  yield digest.digest();
}

/**
 * Reads a backup to its end, and hands over its entries as they come: they count only once this resolves. Throws
 * `backup-invalid` for one that is damaged, cut short, or something else.
 */
export async function readBackup(
  source: AsyncIterable<Uint8Array>,
  take: (writes: readonly StoreWrite[]) => Promise<void>,
): Promise<BackupSummary> {
  const bytes = createReader(source);
  const line = await bytes.line();
  const about = parseHeader(line);
  const headKey = Buffer.from(keyOf(heads, "head"));
  let headValue: Uint8Array | undefined;
  let entries = 0;
  let writes: StoreWrite[] = [];
  for (;;) {
    const keyLength = (await bytes.take(4)).readUInt32BE(0);
    if (keyLength === endMark) break;
    const valueLength = (await bytes.take(4)).readUInt32BE(0);
    if (keyLength > longestKey || valueLength > longestValue) throw backupInvalid("an entry is too long");
    const key = Buffer.from(await bytes.take(keyLength));
    const value = Buffer.from(await bytes.take(valueLength));
    if (headKey.equals(key)) headValue = value;
    entries += 1;
    writes.push({ key, value });
    if (writes.length < 1000) continue;
    await take(writes);
    writes = [];
  }
  const expected = bytes.digest();
  const found = Buffer.from(await bytes.take(digestBytes));
  if (!expected.equals(found)) throw backupInvalid("its SHA-256 is not that of its content");
  if (await bytes.more()) throw backupInvalid("something follows its end");
  const head = headValue === undefined ? firstHead : heads.value.decode(headValue);
  if (head.sequence < about.sequence) throw backupInvalid("it is older than it says");
  await take(writes);
  return { createdAt: about.createdAt, epoch: head.epoch, sequence: head.sequence, entries };
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}

function parseHeader(line: string): z.output<typeof header> {
  try {
    return header.parse(JSON.parse(line));
  } catch {
    throw backupInvalid("it does not begin as one");
  }
}

type ByteReader = {
  readonly line: () => Promise<string>;
  /** Valid until the next call. */
  readonly take: (length: number) => Promise<Buffer>;
  readonly more: () => Promise<boolean>;
  /** SHA-256 of everything taken so far. */
  readonly digest: () => Buffer;
};

function createReader(source: AsyncIterable<Uint8Array>): ByteReader {
  const pieces = source[Symbol.asyncIterator]();
  const hash: Hash = createHash("sha256");
  let held: Buffer = Buffer.alloc(0);
  const grow = async (): Promise<boolean> => {
    const { done, value } = await pieces.next();
    if (done !== true) held = Buffer.concat([held, value]);
    return done !== true;
  };
  const take = async (length: number): Promise<Buffer> => {
    while (held.length < length) if (!(await grow())) throw backupInvalid("it is cut short");
    const taken = held.subarray(0, length);
    held = held.subarray(length);
    hash.update(taken);
    return taken;
  };
  return {
    take,
    line: async () => {
      let end = held.indexOf(10);
      while (end < 0) {
        if (held.length > 4096 || !(await grow())) throw backupInvalid("it does not begin as one");
        end = held.indexOf(10);
      }
      return (await take(end + 1)).toString();
    },
    more: async () => held.length > 0 || (await grow()),
    digest: () => hash.copy().digest(),
  };
}

/** The error for a file that is no whole backup. */
export function backupInvalid(problem: string): PayrootError {
  return new PayrootError("backup-invalid", `The backup cannot be used: ${problem}.`, {
    next: "take another backup; nothing was changed",
    exitCode: exitCodes.discrepancy,
  });
}

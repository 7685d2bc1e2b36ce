import type { LedgerStore, StoreWrite } from "./ledger-store.ts";

/** How a kind of value is written as bytes. */
export type Codec<T> = {
  readonly encode: (value: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => T;
};

/** The entries of one kind: keys begin with `prefix`, and byte order of keys is the order of their parts. */
export type Keyspace<K, V> = {
  readonly prefix: number;
  readonly key: Codec<K>;
  readonly value: Codec<V>;
};

/** The full key of an entry. */
export function keyOf<K, V>(space: Keyspace<K, V>, key: K): Uint8Array {
  const body = space.key.encode(key);
  const bytes = Buffer.allocUnsafe(body.length + 1);
  bytes[0] = space.prefix;
  bytes.set(body, 1);
  return bytes;
}

/** The value at `key`, or undefined. */
export async function getOne<K, V>(
  store: LedgerStore,
  space: Keyspace<K, V>,
  key: K,
): Promise<V | undefined> {
  return (await getMany(store, space, [key]))[0];
}

/** The values at `keys`, in their order, undefined where there is none. */
export async function getMany<K, V>(
  store: LedgerStore,
  space: Keyspace<K, V>,
  keys: readonly K[],
): Promise<(V | undefined)[]> {
  return getManyAt(
    store,
    space,
    keys.map((key) => keyOf(space, key)),
  );
}

/** `getMany` for full keys, as `keyOf` gives them. */
export async function getManyAt<K, V>(
  store: LedgerStore,
  space: Keyspace<K, V>,
  keys: readonly Uint8Array[],
): Promise<(V | undefined)[]> {
  if (keys.length === 0) return [];
  const values = await store.getMany(keys);
  return values.map((value) => (value === undefined ? undefined : space.value.decode(value)));
}

/** The write that puts `value` at `key`. */
export function put<K, V>(space: Keyspace<K, V>, key: K, value: V): StoreWrite {
  return { key: keyOf(space, key), value: space.value.encode(value) };
}

/** The write that removes what is at `key`. */
export function del<K, V>(space: Keyspace<K, V>, key: K): StoreWrite {
  return { key: keyOf(space, key), value: undefined };
}

/**
 * Bounds of a walk: key bytes without the prefix, `from` included, `to` not. `within` keeps to keys that begin with these
 * bytes.
 */
export type WalkOptions = { from?: Uint8Array; to?: Uint8Array; within?: Uint8Array; reverse?: boolean };

/** Walks the entries of a keyspace in key order. */
export async function* walk<K, V>(
  store: LedgerStore,
  space: Keyspace<K, V>,
  options: WalkOptions = {},
): AsyncGenerator<{ key: K; value: V }> {
  const start = Buffer.concat([Buffer.of(space.prefix), options.within ?? options.from ?? Buffer.alloc(0)]);
  const end = after(options.within === undefined ? Buffer.of(space.prefix) : start);
  const { to } = options;
  const range = { from: start, to: to === undefined ? end : Buffer.concat([Buffer.of(space.prefix), to]) };
  for await (const [key, value] of store.entries(range, { reverse: options.reverse ?? false })) {
    yield { key: space.key.decode(key.subarray(1)), value: space.value.decode(value) };
  }
}

/** Walks the values of a keyspace in the order of their keys, which are not read: for many. */
export async function* walkValues<K, V>(store: LedgerStore, space: Keyspace<K, V>): AsyncGenerator<V> {
  const start = Buffer.of(space.prefix);
  for await (const [, value] of store.entries({ from: start, to: after(start) })) {
    yield space.value.decode(value);
  }
}

/** The smallest key above every key that begins with `prefix`. */
function after(prefix: Uint8Array): Uint8Array {
  let end = prefix.length;
  while (end > 0 && prefix[end - 1] === 0xff) end -= 1;
  const bytes = Buffer.from(prefix.subarray(0, end));
  bytes[end - 1] = (bytes[end - 1] ?? 0) + 1;
  return bytes;
}

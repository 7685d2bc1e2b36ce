import type { ListOptions, ObjectInfo, ObjectStore } from "../../offchain/objects/object-store.ts";

/** Every page of a listing. */
export async function pagesOf(
  store: ObjectStore,
  options: ListOptions = {},
): Promise<(readonly ObjectInfo[])[]> {
  const pages: (readonly ObjectInfo[])[] = [];
  for await (const page of store.list(options)) pages.push(page);
  return pages;
}

/** Every object of a listing. */
export async function infosOf(store: ObjectStore, options: ListOptions = {}): Promise<ObjectInfo[]> {
  return (await pagesOf(store, options)).flat();
}

/** Every key of a listing. */
export async function keysOf(store: ObjectStore, options: ListOptions = {}): Promise<string[]> {
  return (await infosOf(store, options)).map(({ key }) => key);
}

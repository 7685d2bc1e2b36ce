/** Remembers what `read` finds until the version changes. */
export type Kept<T> = () => Promise<T>;

/**
 * Reads something dear once for each version of what it is read from, however many ask. What took long to read is
 * kept for ten times as long, even when the version changes meanwhile, so that asking cannot take all of the time.
 */
export function createKept<T>(options: {
  readonly version: () => Promise<unknown>;
  readonly read: () => Promise<T>;
  /** Milliseconds from any point in time. */
  readonly now?: () => number;
}): Kept<T> {
  const { version, read, now = () => performance.now() } = options;
  let known: { readonly version: unknown; readonly value: Promise<T>; keepUntil: number } | undefined;
  return async () => {
    const current = await version();
    if (known !== undefined && (known.version === current || now() < known.keepUntil)) return known.value;
    const began = now();
    const reading = { version: current, value: read(), keepUntil: Number.POSITIVE_INFINITY };
    known = reading;
    try {
      return await reading.value;
    } catch (error) {
      if (known === reading) known = undefined;
      throw error;
    } finally {
      const took = now() - began;
      reading.keepUntil = took < shortMs ? 0 : now() + 10 * took;
    }
  };
}

const shortMs = 500;

/** Lets others run: called often in long work, it waits for its turn only every few milliseconds. */
export function createPause(): () => Promise<void> | undefined {
  let began = performance.now();
  return () => {
    if (performance.now() - began < sliceMs) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        began = performance.now();
        resolve();
      });
    });
  };
}

const sliceMs = 5;

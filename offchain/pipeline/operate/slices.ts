import { setImmediate } from "node:timers/promises";

/** Does work that comes in steps, and lets other work go on whenever it took some milliseconds. */
export async function inSlices<T>(steps: Generator<void, T, void>): Promise<T> {
  let began = performance.now();
  let step = steps.next();
  while (step.done !== true) {
    if (performance.now() - began > sliceMs) {
      await setImmediate();
      began = performance.now();
    }
    step = steps.next();
  }
  return step.value;
}

const sliceMs = 8;

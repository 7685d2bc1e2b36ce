import type { Context } from "hono";
import { PayrootError } from "../errors.ts";

/** The number of an epoch. Throws `invalid-query`. */
export function epochNumber(text: string): number {
  return wholeNumber(text, { name: "epoch", least: 1, most: Number.MAX_SAFE_INTEGER });
}

/** Which page of a list of epochs is asked for: at most `limit`, all before `before`. Throws `invalid-query`. */
export function pageOfEpochs(context: Context): { limit: number; before: number | undefined } {
  const limit = wholeNumber(context.req.query("limit") ?? "100", {
    name: "limit",
    least: 1,
    most: mostPerPage,
  });
  const cursor = context.req.query("cursor");
  const range = { name: "cursor", least: 1, most: Number.MAX_SAFE_INTEGER };
  return { limit, before: cursor === undefined ? undefined : wholeNumber(cursor, range) };
}

/** One of some words. Throws `invalid-query`. */
export function oneOf<Word extends string>(
  text: string,
  options: { readonly name: string; readonly words: readonly Word[] },
): Word {
  const { name, words } = options;
  const word = words.find((one) => one === text);
  if (word === undefined) throw invalidQuery(name, { given: text, expected: words.join(" or ") });
  return word;
}

const mostPerPage = 1000;

function wholeNumber(text: string, range: { name: string; least: number; most: number }): number {
  const { name, least, most } = range;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw invalidQuery(name, { given: text, expected: `a whole number from ${least} to ${most}` });
}

function invalidQuery(name: string, { given, expected }: { given: string; expected: string }): PayrootError {
  return new PayrootError("invalid-query", `The value of "${name}" cannot be used.`, {
    facts: { given: given.slice(0, 64), expected },
    next: "correct the request",
  });
}

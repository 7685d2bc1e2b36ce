/**
 * Adds `more` to the end of `list`, however many they are: the arguments of one call, as in `list.push(...more)`, stand on
 * the stack, which some 100,000 of them overflow.
 */
export function append<T>(list: T[], more: Iterable<T>): void {
  for (const item of more) list.push(item);
}

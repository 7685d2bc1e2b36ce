const rfc3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/**
 * Milliseconds since 1970 of an RFC 3339 time with a zone, or undefined when it is none.
 * An offset is normalised to UTC, a fraction cut to milliseconds, and a leap second counts as the second after it.
 */
export function parseTime(text: string): number | undefined {
  // Events come in the order of their seconds, well over a hundred in each.
  if (text !== last.text) last = { text, time: readTime(text) };
  return last.time;
}

let last: { readonly text: string; readonly time: number | undefined } = { text: "", time: undefined };

function readTime(text: string): number | undefined {
  const match = rfc3339.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const offsetHours = Number(match[9] ?? 0);
  const offsetMinutes = Number(match[10] ?? 0);
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60 || offsetHours > 23 || offsetMinutes > 59) return undefined;
  const milliseconds = Number((match[7] ?? "").slice(0, 3).padEnd(3, "0"));
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, milliseconds);
  const offset = (offsetHours * 60 + offsetMinutes) * 60_000;
  const time = date.getTime() - (match[8] === "-" ? -offset : offset);
  return time >= earliest && time <= latest ? time : undefined;
}

/** RFC 3339 UTC of milliseconds since 1970, with a fraction only when there is one. */
export function formatTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(".000Z", "Z");
}

// Years 0000 to 9999, the range of RFC 3339, also after the offset is taken off.
const earliest = -62_167_219_200_000;
const latest = 253_402_300_799_999;

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

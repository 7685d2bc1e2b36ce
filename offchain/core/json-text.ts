import { type Json, JsonDecimal } from "./json.ts";

/** The compact JSON text of decoded JSON, every number exactly as `decodeJson` read it. */
export function encodeJson(value: Json): string {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof JsonDecimal) return value.text;
  if (Array.isArray(value)) return `[${value.map(encodeJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.keys(value).map((key) => `${JSON.stringify(key)}:${encodeJson(value[key] as Json)}`);
  return `{${members.join(",")}}`;
}

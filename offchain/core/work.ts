import { type Json, JsonDecimal, type JsonObject } from "./json.ts";

/**
 * What a job says of its work, for performance alone: money never looks at it. Undefined is what is missing or no
 * measure. The same content as JSON values gives the same, however its numbers are written.
 */
export type JobWork = {
  /** Encoded pixels, or what the AI pipeline counts. */
  readonly computeUnits: number | undefined;
  /** In milliseconds for transcoding, in nanoseconds for AI; above zero. */
  readonly responseTime: number | undefined;
  /** Duration ÷ response time as integer division, of transcoding: higher is faster. */
  readonly realTimeRatio: number | undefined;
  readonly durationMs: number | undefined;
  /** Of AI. */
  readonly task: AiTask | undefined;
};

/** What an AI job ran. */
export type AiTask = { readonly pipeline: string; readonly modelID: string };

/** A text that two AI jobs share exactly when they ran the same. */
export function taskName({ pipeline, modelID }: AiTask): string {
  return `${pipeline.length} ${pipeline}${modelID}`;
}

/** The work of which every field that performance needs is known. */
export type MeasuredWork = JobWork & {
  readonly computeUnits: number;
  readonly responseTime: number;
} & ({ readonly realTimeRatio: number } | { readonly task: AiTask });

/** Node type whose jobs are of a model and a pipeline, and whose response times are nanoseconds. */
export const aiNodeType = "ai";

/** How many units of response time make a second, by node type. */
export function responseUnitsPerSecond(nodeType: string): number {
  return nodeType === aiNodeType ? 1_000_000_000 : 1000;
}

/** Reads what the payload of a `job-processed` says of the work. */
export function readWork(payload: JsonObject, nodeType: string): JobWork {
  const computeUnits = measure(payload.computeUnits);
  const responseTime = measure(payload.responseTime) || undefined;
  const durationMs = measure(payload.duration);
  if (nodeType === aiNodeType) {
    const { pipeline, modelID } = payload;
    const task = isName(pipeline) && isName(modelID) ? { pipeline, modelID } : undefined;
    return { computeUnits, responseTime, realTimeRatio: undefined, durationMs, task };
  }
  const given = payload.realTimeRatio ?? undefined;
  const realTimeRatio = given === undefined ? ratioOf(durationMs, responseTime) : measure(given);
  return { computeUnits, responseTime, realTimeRatio, durationMs, task: undefined };
}

/** Whether performance knows all it needs of a job; without it the job is left out of performance. */
export function isMeasured(work: JobWork, nodeType: string): work is MeasuredWork {
  if (work.computeUnits === undefined || work.responseTime === undefined) return false;
  return (nodeType === aiNodeType ? work.task : work.realTimeRatio) !== undefined;
}

/** Measures are below 10^15, so that two of them, or one and a half, are exact as floats. */
export const measuresBelow = 1e15;

const longestName = 200;

// `Number` of a decimal depends on its value alone, as the digest of a content does, not on how it is written.
function measure(given: Json | undefined): number | undefined {
  const value = given instanceof JsonDecimal ? Number(given.text) : given;
  if (typeof value !== "number" || !(value >= 0 && value < measuresBelow)) return undefined;
  // Not −0.
  return Number.isInteger(value) ? value + 0 : undefined;
}

function ratioOf(durationMs: number | undefined, responseTime: number | undefined): number | undefined {
  return durationMs === undefined || responseTime === undefined
    ? undefined
    : Math.floor(durationMs / responseTime);
}

function isName(value: Json | undefined): value is string {
  return typeof value === "string" && value !== "" && value.length <= longestName && value.isWellFormed();
}

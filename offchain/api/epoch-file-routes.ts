import { z } from "@hono/zod-openapi";
import { asBuffer, isLineStart, linesFrom } from "../pipeline/claims/ndjson.ts";
import type { PublishedFiles } from "../pipeline/claims/published-files.ts";
import { readManifest, readManifestBytes, requireEpoch } from "../pipeline/close/epochs.ts";
import type { ApiDependencies } from "./app.ts";
import { earningLineSchema, leafLineSchema, manifestSchema, rejectionLineSchema } from "./epoch-schemas.ts";
import type { Api } from "./frame.ts";
import { invalidQuery } from "./problem.ts";
import type { Answer } from "./respond.ts";
import { epochNumber, epochParameter, limitParameter, nextCursor, oneOf, wholeNumber } from "./schemas.ts";

const ndjsonType = "application/x-ndjson";
const tag = "epochs";
const params = z.strictObject({ epoch: epochParameter });

const query = z.strictObject({
  format: oneOf(
    ["json", "ndjson"],
    "pages of JSON, or the whole file as published; else what Accept asks for",
  ).optional(),
  limit: limitParameter(),
  cursor: wholeNumber({
    least: 0,
    about: "the `nextCursor` of the page before: a place in the file",
  }).optional(),
});

type Page = { readonly limit: number; readonly cursor: number };

/** Adds what epochs published, file by file. */
export function addEpochFileRoutes(api: Api, deps: ApiDependencies, files: PublishedFiles): void {
  addManifest(api, deps);
  const describe = {
    leaves: {
      summary: "Everyone ever paid, as of an epoch",
      about: "One leaf for each account and asset: all that was ever earned.",
      line: leafLineSchema,
    },
    earnings: {
      summary: "What an epoch paid",
      about: "By account, asset and partition.",
      line: earningLineSchema,
    },
    rejections: {
      summary: "What an epoch refused",
      about: "Events, and whole objects (position −1), with the reason.",
      line: rejectionLineSchema,
    },
  };
  for (const [name, { summary, about, line }] of Object.entries(describe)) {
    const page = z
      .strictObject({ epoch: epochNumber, lines: z.array(line), nextCursor })
      .openapi(`${name.charAt(0).toUpperCase()}${name.slice(1)}Page`);
    api.add(
      {
        ...{ method: "get", path: `/v1/epochs/{epoch}/${name}`, tag, params, query },
        summary,
        description: `${about} From \`${name}.ndjson\` as published, checked against the manifest before it is sent: page by page as JSON, or whole with \`format=ndjson\` or \`Accept: ${ndjsonType}\`.`,
        cost: 10,
        problems: ["epoch-unknown", "manifest-damaged", "artifact-damaged"],
        answers: {
          200: {
            about: "A page, or the file.",
            kinds: [{ schema: page }, { type: ndjsonType, schema: z.string() }],
          },
        },
      },
      async ({ params: { epoch }, query: { format, limit, cursor = 0 } }, request) => {
        const accepts = request.header("accept")?.toLowerCase().includes(ndjsonType) === true;
        const whole = format === undefined ? accepts : format === "ndjson";
        return fileAnswer(deps, files, {
          epoch,
          name: `${name}.ndjson`,
          page: whole ? undefined : { limit, cursor },
        });
      },
    );
  }
}

function addManifest(api: Api, deps: ApiDependencies): void {
  api.add(
    {
      ...{ method: "get", path: "/v1/epochs/{epoch}/manifest", tag, params },
      summary: "The manifest of an epoch, byte for byte",
      description: "`manifest.json` as published: its keccak256 is the manifest hash on chain.",
      problems: ["epoch-unknown", "manifest-damaged"],
      answers: { 200: { about: "The manifest.", kinds: [{ schema: manifestSchema }] } },
    },
    async ({ params: { epoch } }) => {
      const state = await requireEpoch(deps.store, epoch);
      const body = await readManifestBytes(deps.artifacts, state);
      return { body, tag: state.manifestHash, cache: await cacheOf(deps, epoch) };
    },
  );
}

async function fileAnswer(
  deps: ApiDependencies,
  files: PublishedFiles,
  { epoch, name, page }: { epoch: number; name: string; page: Page | undefined },
): Promise<Answer> {
  const state = await requireEpoch(deps.store, epoch);
  const manifest = await readManifest(deps.artifacts, state);
  const bytes = asBuffer(await files(manifest, name));
  const cache = await cacheOf(deps, epoch);
  const headers = { Vary: "Accept-Encoding, Accept" };
  const sha256 = manifest.files.find((file) => file.name === name)?.sha256 ?? "";
  if (page === undefined) return { body: bytes, type: ndjsonType, tag: sha256, cache, headers };
  const { limit, cursor } = page;
  if (!isLineStart(bytes, cursor)) {
    throw invalidQuery("cursor", { given: String(cursor), expected: "the nextCursor of an earlier page" });
  }
  const { lines, next } = linesFrom(bytes, { start: cursor, limit });
  // The lines are canonical JSON, so they are joined and not parsed.
  const nextText = next === null ? "null" : `"${next}"`;
  const body = `{"epoch":${epoch},"lines":[${lines.join(",")}],"nextCursor":${nextText}}\n`;
  return { body, tag: `${sha256}-${cursor}-${limit}`, cache, headers };
}

/** Only an active epoch can never be revoked. */
async function cacheOf(deps: ApiDependencies, epoch: number): Promise<"immutable" | "no-cache"> {
  return (await deps.chain.stageOf(epoch)) === "active" ? "immutable" : "no-cache";
}

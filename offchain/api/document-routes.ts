import { z } from "@hono/zod-openapi";
import { openApiDocument } from "./document.ts";
import type { Api } from "./frame.ts";
import { type ReferenceDocument, referencePage } from "./reference.ts";
import { referencePolicy } from "./reference-style.ts";
import { json } from "./respond.ts";

const htmlType = "text/html; charset=utf-8";

/** Adds what describes all the routes, for machines and for people. Made when first asked for. */
export function addDocumentRoutes(api: Api): void {
  let document: string | undefined;
  let page: string | undefined;
  const text = (): string => {
    document ??= json(openApiDocument(api)).body.toString();
    return document;
  };
  api.add(
    {
      ...{ method: "get", path: "/openapi.json", tag: "service" },
      summary: "This API, described",
      description: "OpenAPI 3.1, made of the schemas that check every request.",
      answers: {
        200: { about: "The document.", kinds: [{ schema: z.looseObject({ openapi: z.string() }) }] },
      },
    },
    () => ({ body: text() }),
  );
  api.add(
    {
      ...{ method: "get", path: "/docs", tag: "service" },
      summary: "This API, for people",
      description: "The reference as a page: without scripts, and nothing in it is loaded from elsewhere.",
      answers: { 200: { about: "The page.", kinds: [{ type: htmlType, schema: z.string() }] } },
    },
    () => {
      page ??= referencePage(JSON.parse(text()) as ReferenceDocument);
      return { body: page, type: htmlType, headers: { "Content-Security-Policy": referencePolicy } };
    },
  );
}

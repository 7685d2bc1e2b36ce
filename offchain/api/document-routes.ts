import { z } from "@hono/zod-openapi";
import { openApiDocument } from "./document.ts";
import type { Api } from "./frame.ts";
import { json } from "./respond.ts";

/** Adds the document that describes all the other routes. */
export function addDocumentRoutes(api: Api): void {
  let document: unknown;
  api.add(
    {
      method: "get",
      path: "/openapi.json",
      tag: "service",
      summary: "This API, described",
      description: "OpenAPI 3.1, made of the schemas that check every request.",
      answers: {
        200: { about: "The document.", kinds: [{ schema: z.looseObject({ openapi: z.string() }) }] },
      },
    },
    () => {
      document ??= openApiDocument(api);
      return json(document);
    },
  );
}

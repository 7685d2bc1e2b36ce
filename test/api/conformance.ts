import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { expect } from "vitest";

type Content = Readonly<Record<string, unknown>>;
type Operation = {
  readonly responses: Readonly<Record<string, { readonly content?: Content; readonly headers?: Content }>>;
};

/** What tests read of an OpenAPI document. */
export type Document = {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
};

/** A question to the API, and what it answered. */
export type Exchange = { readonly method: string; readonly path: string; readonly response: Response };

/** Checks answers against an OpenAPI document: status, type of content, headers and body. */
export function createConformance(document: Document): (exchange: Exchange) => Promise<void> {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema({ ...document, $id: "api" });
  const known = new Map<string, ValidateFunction>();
  const validatorOf = (pointer: string): ValidateFunction => {
    const validator = known.get(pointer) ?? ajv.compile({ $ref: `api#${pointer}` });
    known.set(pointer, validator);
    return validator;
  };
  const templates = Object.keys(document.paths).map((template) => ({
    template,
    pattern: new RegExp(`^${template.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`),
  }));
  return async ({ method, path, response }) => {
    const { status, headers } = response;
    checkHeaders(response);
    const [pathname = ""] = path.split("?");
    const template = templates.find(({ pattern }) => pattern.test(pathname))?.template ?? "";
    const name = (method === "HEAD" ? "GET" : method).toLowerCase();
    const operation = document.paths[template]?.[name];
    await checkLength({ method, path, response: response.clone() });
    const text = await textOf(response.clone());
    if (method === "OPTIONS") return expect([status, text]).toEqual([204, ""]);
    if (status === 304 || method === "HEAD") expect(text).toBe("");
    if (operation === undefined) {
      expect([404, 405, 414, 429], `${method} ${path}`).toContain(status);
      return method === "HEAD"
        ? undefined
        : checkBody(validatorOf("/components/schemas/Problem"), { text, path });
    }
    const described = operation.responses[status];
    expect(described, `${method} ${template} answers ${status}: ${text}`).toBeDefined();
    if (status === 304) return undefined;
    const type = headers.get("content-type") ?? "none";
    expect(Object.keys(described?.content ?? {}), `${template} ${status}`).toContain(type);
    if (method === "HEAD") return undefined;
    const parts = ["paths", template, name, "responses", String(status), "content", type, "schema"];
    return checkBody(validatorOf(parts.map((part) => `/${escapePointer(part)}`).join("")), {
      text,
      path,
      type,
    });
  };
}

/** The body as text, whatever its encoding on the way. */
export async function textOf(response: Response): Promise<string> {
  const bytes = Buffer.from(await response.arrayBuffer());
  // What answers HEAD has the encoding of what answers GET, and nothing that is encoded.
  if (bytes.length === 0) return "";
  const encoding = response.headers.get("content-encoding");
  if (encoding === "gzip") return gunzipSync(bytes).toString();
  return (encoding === "br" ? brotliDecompressSync(bytes) : bytes).toString();
}

/** A body that was cut short, or one that is said to be longer than it is, would leave its reader waiting. */
async function checkLength({ method, path, response }: Exchange): Promise<void> {
  const { status, headers } = response;
  const { byteLength } = await response.arrayBuffer();
  const said = headers.get("content-length");
  if (status === 204 || status === 304) return expect([said, byteLength], path).toEqual([null, 0]);
  // The length of what answers GET, which may be an empty file.
  if (method === "HEAD") return expect([said, byteLength], path).toEqual([expect.stringMatching(/^\d+$/), 0]);
  return expect(said, `${method} ${path}`).toBe(String(byteLength));
}

function checkHeaders({ status, headers }: Response): void {
  expect(Object.fromEntries(headers)).toMatchObject({
    "access-control-allow-origin": "*",
    "content-security-policy": expect.stringMatching(/^default-src 'none';/),
    "cross-origin-resource-policy": "cross-origin",
    "referrer-policy": "no-referrer",
    vary: expect.stringContaining("Accept-Encoding"),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    ...(status === 204 ? {} : { "x-request-id": expect.stringMatching(/^[\w.:-]{1,64}$/) }),
  });
  for (const name of ["set-cookie", "x-powered-by", "access-control-allow-credentials"]) {
    expect(headers.has(name), name).toBe(false);
  }
  if (status >= 400) expect(headers.has("etag")).toBe(false);
}

function checkBody(
  validate: ValidateFunction,
  { text, path, type = "application/problem+json" }: { text: string; path: string; type?: string },
): void {
  const value: unknown = /\bjson\b/.test(type) ? JSON.parse(text) : text;
  expect(validate(value) ? [] : validate.errors, `${path} ${text.slice(0, 500)}`).toEqual([]);
}

function escapePointer(part: string): string {
  return encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"));
}

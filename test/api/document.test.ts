import { hash } from "node:crypto";
import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import { createApp } from "../../offchain/api/app.ts";
import { html, inline, prose } from "../../offchain/api/html.ts";
import { openTestLedger } from "../support/ledger.ts";
import { textOf } from "../support/source.ts";
import type { Document } from "./conformance.ts";
import { dependenciesOf, documentOf, jsonOf, openApi } from "./open-api.ts";

/** The document of a service that has everything. */
async function served(): Promise<Document> {
  const metrics = { contentType: "text/plain", text: async () => "", answered: () => {}, passed: () => {} };
  return documentOf(createApp({ ...dependenciesOf(await openTestLedger()), metrics }));
}

test("given the document, it is OpenAPI 3.1 as its own schema says", async () => {
  const validator = new Validator();
  const result = await validator.validate(structuredClone(await served()) as never);
  expect([result.valid, result.errors]).toEqual([true, undefined]);
  expect(validator.version).toBe("3.1");
});

test("given every operation, it says what it is, has an id of its own, and names only tags that are described", async () => {
  const document = (await served()) as Document & { tags: { name: string }[] };
  const operations = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods),
  ) as unknown as {
    operationId: string;
    summary: string;
    description: string;
    tags: string[];
  }[];
  const ids = operations.map(({ operationId }) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
  const known = document.tags.map(({ name }) => name);
  for (const { operationId, summary, description, tags } of operations) {
    expect([summary, description], operationId).toEqual([
      expect.stringMatching(/\w/),
      expect.stringMatching(/\w/),
    ]);
    expect(known, operationId).toEqual(expect.arrayContaining(tags));
  }
});

test("given any object that an answer is made of, it has no properties but those that are described", async () => {
  const open: string[] = [];
  const visit = (name: string, schema: unknown): void => {
    if (schema === null || typeof schema !== "object") return;
    const { type, properties, additionalProperties } = schema as Record<string, unknown>;
    if (type === "object" && properties !== undefined && additionalProperties !== false) open.push(name);
    for (const [key, part] of Object.entries(schema)) visit(`${name}.${key}`, part);
  };
  const { components } = await served();
  for (const [name, schema] of Object.entries(components.schemas)) visit(name, schema);
  // What producers write may have more than is read.
  expect(open.filter((name) => !/^(Event|JobDetails)\b/.test(name))).toEqual([]);
});

test("given the README's table of routes, it has every path of the document and no other", async () => {
  const rows = [...textOf("README.md").matchAll(/^\| *`(?:GET |POST )?(\/[^`?]*)[^`]*`/gm)].map(
    ([, path = ""]) => path,
  );
  const plain = (path: string): string => path.replaceAll(/\{\w+\}/g, "{}");
  const described = Object.keys((await served()).paths);
  expect([...new Set(rows.map(plain))].sort()).toEqual(described.map(plain).sort());
});

test("given the example of a proof to verify, it is true", async () => {
  const api = await openApi();
  const { paths } = (await documentOf(api.app)) as unknown as {
    paths: Record<string, { post: { requestBody: { content: Record<string, { example: unknown }> } } }>;
  };
  const example = paths["/v1/verify"]?.post.requestBody.content["application/json"]?.example;
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(example) };
  expect(await jsonOf(await api.request("/v1/verify", init))).toMatchObject({
    valid: true,
    epochs: [],
    onChain: false,
  });
});

test("given the reference page, every operation is on it, its links lead somewhere, and it loads nothing", async () => {
  const { request, app } = await openApi();
  const response = await request("/docs");
  const page = await response.text();
  const { paths, components } = await documentOf(app);
  for (const path of Object.keys(paths)) expect(page).toContain(`<code>${path}</code>`);
  for (const name of Object.keys(components.schemas)) expect(page).toContain(`id="schema-${name}"`);
  const ids = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
  const links = [...page.matchAll(/ href="([^"]+)"/g)].map(([, target = ""]) => target);
  expect(links.filter((target) => !(target.startsWith("#") && ids.has(target.slice(1))))).toEqual([
    "openapi.json",
  ]);
  expect(page).not.toMatch(/<script|<link|<img|@import|url\(|https?:\/\/(?!127\.0\.0\.1:8787)/);
  const [, style = ""] = /<style>([\s\S]*?)<\/style>/.exec(page) ?? [];
  // Paths and names longer than a phone is wide are broken, and long commands are moved by themselves.
  expect(style).toMatch(/body \{[^}]*overflow-wrap: anywhere;/);
  expect(style).toMatch(/pre \{[^}]*overflow-x: auto;/);
  const policy = response.headers.get("content-security-policy");
  expect(policy).toContain(`style-src 'sha256-${hash("sha256", style, "base64")}'`);
  expect(policy).not.toContain("unsafe");
});

test("given the example commands of the reference page, those that read are answered", async () => {
  const api = await openApi();
  const page = await (await api.request("/docs")).text();
  const urls = [...page.matchAll(/<code>curl '([^']+)'<\/code>/g)].map(([, url = ""]) => new URL(url));
  expect(urls.length).toBeGreaterThan(15);
  for (const { pathname, search } of urls) {
    const { status } = await api.request(pathname + search);
    expect([200, 404], pathname).toContain(status);
  }
});

test("given a text with signs of HTML in it, they are shown and not obeyed", () => {
  expect(html`<p title="${'"'}">${"<b>&"}</p>`.text).toBe('<p title="&quot;">&lt;b&gt;&amp;</p>');
  expect(html`${inline("a `<b>` c")}`.text).toBe("a <code>&lt;b&gt;</code> c");
  expect(html`${prose("one\n\ntwo `x`")}`.text).toBe("<p>one</p>\n<p>two <code>x</code></p>\n");
});

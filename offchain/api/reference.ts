import { type Html, html, inline, prose } from "./html.ts";
import { referenceStyle } from "./reference-style.ts";

// The reference page is made of the OpenAPI document alone: what it says is what is checked.

/** What is read of a JSON schema. */
export type Schema = {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly description?: string;
  readonly example?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly additionalProperties?: boolean | Schema;
};

type Content = Readonly<Record<string, { readonly schema?: Schema; readonly example?: unknown }>>;
type Parameter = {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: Schema;
};

/** An operation as an OpenAPI document has it. */
export type Operation = {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
};

/** What is read of an OpenAPI document. */
export type ReferenceDocument = {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

type Listed = { readonly method: string; readonly path: string; readonly operation: Operation };

/** The reference as one page without scripts, readable on a phone and in the dark. */
export function referencePage(document: ReferenceDocument): string {
  const { info, components } = document;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
  const groups = document.tags
    .map((tag) => ({
      ...tag,
      listed: operations.filter(({ operation }) => operation.tags.includes(tag.name)),
    }))
    .filter(({ listed }) => listed.length > 0);
  const schemas = Object.entries(components.schemas).sort(([a], [b]) => (a < b ? -1 : 1));
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${info.title} HTTP API</title>
<style>${referenceStyle}</style>
</head>
<body>
<header>
<h1>${info.title} HTTP API</h1>
${prose(info.description)}<p>The same for machines: <a href="openapi.json">openapi.json</a>, OpenAPI 3.1, version ${info.version}.</p>
</header>
<nav aria-label="Operations">
${groups.map(({ name, listed }) => html`<h2>${name}</h2>\n<ul>\n${listed.map(link)}</ul>\n`)}</nav>
<main>
${groups.map(
  ({ name, description, listed }) => html`<section aria-labelledby="tag-${name}">
<h2 id="tag-${name}">${name}</h2>
<p>${description}</p>
${listed.map(article)}</section>
`,
)}<section aria-labelledby="schemas">
<h2 id="schemas">What answers are made of</h2>
${schemas.map(([name, schema]) => html`<article id="schema-${name}">\n<h3>${name}</h3>\n${schemaBody(schema)}</article>\n`)}</section>
</main>
</body>
</html>
`;
  return page.text;
}

function link({ method, path, operation }: Listed): Html {
  return html`<li><a href="#${operation.operationId}"><b>${method.toUpperCase()}</b> ${path}</a></li>\n`;
}

function article(listed: Listed): Html {
  const { method, path, operation } = listed;
  const { operationId, summary, description, parameters = [], responses } = operation;
  return html`<article id="${operationId}">
<h3><b>${method.toUpperCase()}</b> <code>${path}</code></h3>
<p><strong>${summary}</strong></p>
${prose(description)}${parameters.length === 0 ? undefined : parameterTable(parameters)}<h4>Example</h4>
<pre><code>${curl(listed)}</code></pre>
<h4>Answers</h4>
<dl>
${Object.entries(responses).map(
  ([status, { description: about, content = {} }]) => html`<dt>${status}</dt>
<dd>${inline(about)}${kindsOf(content)}</dd>
`,
)}</dl>
</article>
`;
}

/** What a body may be; that a problem is one, the status says. */
function kindsOf(content: Content): Html[] {
  return Object.entries(content)
    .filter(([type]) => type !== "application/problem+json")
    .map(([type, { schema = {} }]) => html`<br><small>${type}: ${typeText(schema)}</small>`);
}

function parameterTable(parameters: readonly Parameter[]): Html {
  return html`<h4>Parameters</h4>
<dl>
${parameters.map(
  ({
    name,
    in: place,
    required,
    schema = {},
  }) => html`<dt><code>${name}</code> <small>${place}${usual(required, schema)}</small></dt>
<dd>${inline(schema.description ?? "")} <small>${typeText(schema)}</small></dd>
`,
)}</dl>
`;
}

function usual(required: boolean | undefined, schema: Schema): string {
  if (required === true) return "";
  return schema.default === undefined ? ", may be left out" : `, ${String(schema.default)} when left out`;
}

function schemaBody(schema: Schema): Html {
  const { description, properties } = schema;
  const about = description === undefined ? undefined : prose(description);
  if (properties === undefined) return html`${about}<p>${typeText(schema)}</p>\n`;
  return html`${about}${propertyList(schema)}`;
}

function propertyList({ properties = {}, required = [] }: Schema): Html {
  return html`<dl>
${Object.entries(properties).map(
  ([
    name,
    schema,
  ]) => html`<dt><code>${name}</code> <small>${typeText(schema)}${required.includes(name) ? "" : ", may be absent"}</small></dt>
<dd>${inline(schema.description ?? "")}${nested(schema)}</dd>
`,
)}</dl>
`;
}

/** The properties of an object that has no name of its own. */
function nested(schema: Schema): Html | undefined {
  if (schema.properties !== undefined) return propertyList(schema);
  return schema.items === undefined ? undefined : nested(schema.items);
}

function typeText(schema: Schema): Html {
  const { $ref, type, items, anyOf = schema.oneOf, minimum, maximum } = schema;
  if ($ref !== undefined) {
    const name = $ref.split("/").at(-1) ?? "";
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  if (anyOf !== undefined)
    return html`${anyOf.map((one, index) => html`${index > 0 ? " or " : ""}${typeText(one)}`)}`;
  if (schema.enum !== undefined) return html`${schema.enum.map((word) => JSON.stringify(word)).join(" or ")}`;
  if (items !== undefined) return html`list of ${typeText(items)}`;
  const range = [
    minimum === undefined ? "" : ` from ${minimum}`,
    maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? "" : ` to ${maximum}`,
  ].join("");
  return html`${[type ?? "anything"].flat().join(" or ")}${range}`;
}

/** A command that works against a service at its usual place. */
function curl({ method, path, operation }: Listed): string {
  const parameters = operation.parameters ?? [];
  const exampleOf = (name: string) => {
    const example = parameters.find((parameter) => parameter.name === name)?.schema?.example;
    return encodeURIComponent(String(example ?? name));
  };
  const filled = path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => exampleOf(name));
  const needed = parameters.filter(({ in: place, required }) => place === "query" && required === true);
  const query = needed.map(({ name }) => `${name}=${exampleOf(name)}`).join("&");
  const url = `http://127.0.0.1:8787${filled}${query && "?"}${query}`;
  if (method === "get") return `curl '${url}'`;
  const [type = "application/json", body] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  const example = body?.example === undefined ? "…" : JSON.stringify(body.example);
  return `curl '${url}' \\\n  --header 'Content-Type: ${type}' \\\n  --data '${example}'`;
}

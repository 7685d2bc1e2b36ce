import type { Api } from "./frame.ts";

const description = `What a pool owes its workers, and the proofs to claim it with. Reading needs no key.

Amounts are decimal texts in the asset's smallest unit (wei for ETH). Times are RFC 3339 in UTC. Addresses are taken in
lower case or with a correct EIP-55 checksum, and given with one. What lives carries \`asOf\`: the newest object read, the
newest closed epoch, the newest block seen. Lists come in pages: give \`nextCursor\` as \`cursor\` until it is null.

Every answer has a strong ETag. What an active epoch fixes is \`immutable\`; everything else is \`no-cache\`, and costs
nothing to ask again with If-None-Match. Errors are problem details (RFC 9457), \`application/problem+json\`, with a \`code\` that never changes.`;

const tags = [
  { name: "workers", description: "What each worker earned, where it is, and how to claim it." },
  { name: "epochs", description: "What was closed and published, file by file." },
  { name: "performance", description: "How well workers do their work." },
  { name: "pool", description: "The pool as a whole." },
  { name: "intake", description: "Where producers write what was done." },
  { name: "earlier", description: "What clients of earlier pools read." },
  { name: "service", description: "How this service stands." },
];

/** The OpenAPI document of everything that was added. */
export function openApiDocument(api: Api) {
  return api.hono.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "Payroot", version: "1.0.0", description },
    servers: [{ url: "/", description: "this service" }],
    tags,
  });
}

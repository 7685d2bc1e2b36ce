import { z } from "@hono/zod-openapi";
import { PayrootError } from "../errors.ts";
import type { Intake } from "../intake/intake.ts";
import { signatureHeaders } from "../intake/signature.ts";
import type { ApiDependencies } from "./app.ts";
import { jobColumns } from "./earlier-schemas.ts";
import type { Api } from "./frame.ts";
import { json } from "./respond.ts";
import { address, count, time } from "./schemas.ts";

const tag = "intake";

// Who signs is never limited: neither by what others behind the same address do, nor in being told why what was signed
// is refused. Whoever cannot sign uses up the limit of an address like any reader.
const unproven = [
  ...["intake-unsigned", "intake-expired", "intake-signature-invalid", "intake-replayed"],
  ...["body-too-large", "invalid-query", "url-too-long"],
];

/** What signing asks for, and what it can come to. */
const signing = {
  ...({ method: "post", tag, cost: 0, countedCodes: unproven, maxBodyBytes: 4 << 20 } as const),
  headers: z.object(
    Object.fromEntries(
      Object.values(signatureHeaders).map(({ name, pattern, expected }) => [
        name,
        z.string().regex(pattern).openapi({ description: expected }),
      ]),
    ),
  ),
  problems: [
    ...["intake-off", "intake-unsigned", "intake-signature-invalid", "intake-expired", "intake-replayed"],
    ...["intake-body-invalid", "intake-body-too-large", "intake-events-refused"],
    ...["body-too-large", "server-busy"],
    ...["intake-busy", "intake-starting", "intake-stopping", "intake-not-stored", "intake-journal-failed"],
  ],
} as const;

const howToSign =
  "Signed with a key of the producer: `X-Payroot-Signature` is the HMAC-SHA256, in lower-case hex, of method, path with query, timestamp and nonce, each ended by a line feed, and the raw body as sent. Every attempt is signed anew, with another nonce. A 2xx means that it is durable; after anything else, or nothing, the same may be sent again: it counts once. What nobody signed, or was sent before, counts towards the sender's rate limit; what is signed never does.";

const event = z
  .looseObject({
    DT: z.string().openapi({ description: "RFC 3339 with a zone" }),
    EventType: z.string(),
    ID: z.string().openapi({ description: "counts once, ever" }),
    NodeType: z.string(),
    Payload: z.looseObject({}),
    Region: z.string(),
    Version: z.literal(1),
  })
  .openapi("Event");

const accepted = z
  .strictObject({
    accepted: count.openapi({ description: "events of the request; all of it" }),
    objects: z.array(z.string()).openapi({ description: "keys of the objects in the log that hold them" }),
  })
  .openapi("Accepted");

const whole = z.union([z.int(), z.string().regex(/^\d+$/)]);
const jobDetails = z
  .looseObject({
    transcoder: z.string().openapi({ description: "address that is paid" }),
    faceValue: whole.openapi({ description: "wei, of any size" }),
    pixels: whole.optional(),
    duration: z.union([z.number(), z.string()]).optional().openapi({ description: "seconds" }),
    profiles: whole.optional(),
    roundJob: whole.optional(),
    txHash: z.string().optional(),
  })
  .openapi("JobDetails");

const recorded = z
  .strictObject({
    id: z.string().openapi({ description: "of the event that it became" }),
    createdAt: time,
    transcoder: address,
    ...jobColumns,
    object: z.string().openapi({ description: "key of the object in the log that holds it" }),
  })
  .openapi("RecordedJob");

/** Adds what producers write to. */
export function addIntakeRoutes(api: Api, deps: Pick<ApiDependencies, "intake">): void {
  const intake = (): Intake => {
    if (deps.intake === undefined) throw intakeOff();
    return deps.intake;
  };
  api.add(
    {
      ...signing,
      path: "/v1/events",
      summary: "Write events",
      description: `A JSON array of events, or NDJSON, gzipped or not, of one or several partitions: all of them are stored, or none when one is refused. ${howToSign}`,
      rawBody: { "application/json": z.array(event), "application/x-ndjson": z.string() },
      answers: { 201: { about: "Stored, durably.", kinds: [{ schema: accepted }] } },
    },
    async (_input, { bytes, ...request }) =>
      json(await intake().acceptEvents({ ...request, body: bytes }), { status: 201 }),
  );
  api.add(
    {
      ...signing,
      path: "/recordTranscoderJob",
      summary: "Record a job, as clients of earlier pools do",
      description: `It becomes a transcode event, paid like any other: pixels are its compute units, the face value its fees. The same job of the same producer is one event, however often it is sent; two jobs that are alike in every field need a further field to tell them apart. ${howToSign}`,
      rawBody: {
        "application/json": z.strictObject({ jobDetails }),
        "application/x-www-form-urlencoded": z.strictObject({
          jobDetails: z.string().openapi({ description: "JobDetails as JSON" }),
        }),
      },
      answers: { 200: { about: "Recorded, durably.", kinds: [{ schema: recorded }] } },
    },
    async (_input, { bytes, ...request }) => json(await intake().recordJob({ ...request, body: bytes })),
  );
}

function intakeOff(): PayrootError {
  return new PayrootError("intake-off", "This pool takes no events over HTTP.", {
    next: "write objects into the pool's event log, or ask its operator to set INTAKE_KEYS",
  });
}

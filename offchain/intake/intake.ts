import type { Partition } from "../core/partition.ts";
import type { Ruleset } from "../core/ruleset.ts";
import { formatTime } from "../core/time.ts";
import { PayrootError } from "../errors.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { createAdmission, type IntakeRequest } from "./admission.ts";
import { createBatches } from "./batches.ts";
import { checkEvents, EventsRefused, readElements } from "./events.ts";
import { openNonceJournal, type UsedNonce } from "./nonce-journal.ts";
import { createNonces } from "./nonces.ts";
import { createRecentEvents, type LedgerView } from "./recent.ts";
import { createKeyring, type ProducerKey } from "./signature.ts";
import { jobEvent, jobId, readTranscoderJob, type TranscoderJob } from "./transcoder-job.ts";

/** What the intake works on. */
export type IntakePorts = {
  readonly log: Pick<ObjectStore, "put">;
  readonly ledger: LedgerView & {
    /** The rules by which events that are written now will be read. */
    readonly ruleset: () => Promise<Ruleset>;
    /** Whether everything that was in the log before this process began has been read. */
    readonly isCaughtUp: () => boolean;
  };
};

/** How the intake works; `now` in ms since 1970. */
export type IntakeOptions = {
  readonly keys: readonly ProducerKey[];
  /** Where the intake keeps what must survive a restart; made if missing. */
  readonly folder: string;
  /** How far a timestamp may be off. */
  readonly windowSeconds: number;
  /** The region of jobs that clients of earlier pools record. */
  readonly region: string;
  /** The only partitions that are read; all when undefined. */
  readonly partitions: readonly Partition[] | undefined;
  readonly now: () => number;
  /** How long the first request of an object waits for others; 100 when left out. */
  readonly gatherMilliseconds?: number;
};

/** What was stored: events, and the keys of the objects that hold them. */
export type Accepted = { readonly accepted: number; readonly objects: readonly string[] };

/** A recorded job, in the columns of the earlier pool; `duration` in seconds, what was not given null. */
export type RecordedJob = {
  readonly id: string;
  readonly createdAt: string;
  readonly transcoder: string;
  readonly pixels: number | bigint | null;
  readonly duration: number | null;
  readonly profiles: number | bigint | null;
  /** Wei, decimal. */
  readonly faceValue: string;
  readonly roundJob: number | bigint | null;
  readonly txHash: string | null;
  readonly object: string;
};

/** Signed writes that become objects in the event log. What it answers is durable. */
export type Intake = {
  /** Takes a list of events, all or none. Throws what signature, nonces, events and batches do. */
  readonly acceptEvents: (request: IntakeRequest) => Promise<Accepted>;
  /** Takes a job as clients of earlier pools send it; the same job again is the same event. Throws likewise, and `intake-starting`. */
  readonly recordJob: (request: IntakeRequest) => Promise<RecordedJob>;
  /** Stores what is gathered, answers, and takes nothing more. */
  readonly drain: () => Promise<void>;
};

/** Opens the intake. Throws `intake-journal-failed`. */
export async function openIntake(ports: IntakePorts, options: IntakeOptions): Promise<Intake> {
  const { now, windowSeconds, region, partitions } = options;
  const journal = await openNonceJournal(options.folder, { windowSeconds, now });
  const nonces = createNonces(journal, { windowSeconds, most: mostNonces, now });
  const keyring = createKeyring(options.keys);
  const { admit, close, emptied } = createAdmission({ keyring, nonces, mostBytes: mostPendingBytes });
  const recent = createRecentEvents(ports.ledger, { most: mostRecent, now });
  const batches = createBatches({
    log: ports.log,
    journal,
    gatherMilliseconds: options.gatherMilliseconds ?? 100,
    now,
  });
  const store = async (elements: Parameters<typeof checkEvents>[0], nonce: UsedNonce): Promise<Accepted> => {
    const ruleset = await ports.ledger.ruleset();
    const events = checkEvents(elements, { ruleset, partitions });
    await recent.note(events);
    try {
      const maxBytes = Math.min(largestObject, ruleset.maxObjectBytes);
      return { accepted: events.length, objects: await batches.add({ nonce, events, maxBytes }) };
    } catch (error) {
      recent.doubt(events);
      throw error;
    }
  };
  return {
    acceptEvents: (request) => admit(request, async ({ nonce }) => store(readElements(request.body), nonce)),
    recordJob: (request) =>
      admit(request, async ({ nonce, producer }) => {
        if (!ports.ledger.isCaughtUp()) throw starting();
        const job = readTranscoderJob(request.body);
        const id = jobId(job, producer);
        for (let attempt = 0; ; attempt++) {
          // A job that is sent again must be the same event, down to its time.
          const known = await recent.timeOf(id);
          const time = known ?? Math.floor(now() / 1000) * 1000;
          try {
            const { objects } = await store([jobEvent(job, { id, region, time })], nonce);
            return recordedJob(job, { id, time, object: objects[0] ?? "" });
          } catch (error) {
            // It may just have come in by another request.
            if (!isConflict(error) || known !== undefined || attempt > 0) throw error;
          }
        }
      }),
    async drain() {
      close();
      batches.hurry();
      await emptied();
      await journal.close();
    },
  };
}

const largestObject = 16 << 20;
const mostPendingBytes = 64 << 20;
const mostNonces = 1_000_000;
const mostRecent = 500_000;

function isConflict(error: unknown): boolean {
  return error instanceof EventsRefused && error.refused[0]?.reason === "conflicting-duplicate";
}

function recordedJob(job: TranscoderJob, of: { id: string; time: number; object: string }): RecordedJob {
  return {
    id: of.id,
    createdAt: formatTime(of.time),
    transcoder: String(job.transcoder),
    pixels: job.pixels ?? null,
    duration: job.duration === undefined ? null : Number(job.duration.text),
    profiles: job.profiles ?? null,
    faceValue: String(job.faceValue),
    roundJob: job.roundJob ?? null,
    txHash: job.txHash ?? null,
    object: of.object,
  };
}

function starting(): PayrootError {
  return new PayrootError(
    "intake-starting",
    "The log is still being read, so that no job is recorded twice.",
    {
      next: "send the job again in a few seconds, signed anew; /ready says how far the start is",
      retryable: true,
    },
  );
}

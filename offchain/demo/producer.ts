import { createHmac, randomBytes } from "node:crypto";
import { PayrootError } from "../errors.ts";

/** A producer that has no access to the bucket: it delivers over HTTP, signed. */
export type Producer = {
  /** What the setting INTAKE_KEYS says of it. */
  readonly setting: string;
  /** Delivers the bytes of a list of events to the intake of a service. Throws `demo-delivery-failed`. */
  readonly deliver: (url: string, events: Uint8Array) => Promise<void>;
};

/** Makes a producer with a key of its own, for this run only. */
export function createProducer(name: string): Producer {
  const key = "demo";
  const secret = randomBytes(32).toString("hex");
  return {
    setting: `${name}:${key}:${secret}`,
    deliver: async (url, events) => {
      const timestamp = String(Math.floor(Date.now() / 1000));
      const nonce = randomBytes(16).toString("hex");
      const signature = createHmac("sha256", secret)
        .update(`POST\n/v1/events\n${timestamp}\n${nonce}\n`)
        .update(events)
        .digest("hex");
      const response = await fetch(`${url}/v1/events`, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          "X-Payroot-Producer": name,
          "X-Payroot-Key": key,
          "X-Payroot-Timestamp": timestamp,
          "X-Payroot-Nonce": nonce,
          "X-Payroot-Signature": signature,
        },
        body: Buffer.from(events),
      });
      const answer = await response.text();
      if (!response.ok) throw deliveryFailed({ status: response.status, answer });
    },
  };
}

function deliveryFailed(facts: { status: number; answer: string }): PayrootError {
  return new PayrootError("demo-delivery-failed", "The intake did not take what a producer delivered.", {
    facts: { status: facts.status, answer: facts.answer.slice(0, 500) },
  });
}

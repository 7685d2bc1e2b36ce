import { expect, onTestFinished, test } from "vitest";
import { Secret } from "../../../offchain/core/secret.ts";
import type { WebhookEvent } from "../../../offchain/pipeline/operate/webhook-events.ts";
import {
  createOutbox,
  pauseMs,
  type WebhookFailure,
} from "../../../offchain/pipeline/operate/webhook-outbox.ts";
import { openWebhookQueue } from "../../../offchain/pipeline/operate/webhook-queue.ts";
import { createWebhookSender, webhookSignature } from "../../../offchain/pipeline/operate/webhook-send.ts";
import { closedPort } from "../../e2e/process.ts";
import { openTestLedger, type TestLedger } from "../../support/ledger.ts";
import { startReceiver, webhookSecret } from "../../support/receiver.ts";

const dayMs = 86_400_000;
const event = (epoch: number, topic: WebhookEvent["topic"] = "epoch.posted"): WebhookEvent => {
  return { topic, facts: { chainId: 31_337, epoch, recordHash: "0x12" }, since: null };
};

async function* list(...events: WebhookEvent[]): AsyncGenerator<WebhookEvent> {
  yield* events;
}

/** An outbox of a ledger that has told everything before; it stops with the test, or when it is stopped. */
async function startOutbox(ledger: TestLedger, urls: readonly string[], laterMs = 0) {
  const now = () => Date.now() + laterMs;
  const failures: WebhookFailure[] = [];
  const waiting = new Set<() => void>();
  const queue = await openWebhookQueue(ledger.store);
  const outbox = createOutbox(queue, {
    urls,
    firstEpoch: 3,
    now,
    send: createWebhookSender({ secret: new Secret(webhookSecret), now, timeoutMs: 500 }),
    random: () => 1,
    onFailure: (failure) => {
      failures.push(failure);
      for (const look of waiting) look();
    },
  });
  const stop = new AbortController();
  const running = outbox.run(stop.signal);
  const end = async () => {
    stop.abort();
    await running;
  };
  onTestFinished(end);
  const failed = (count: number) =>
    new Promise<readonly WebhookFailure[]>((resolve) => {
      const look = () => {
        if (failures.length >= count) resolve(failures);
      };
      waiting.add(look);
      look();
    });
  return { outbox, end, failed };
}

async function begun(): Promise<TestLedger> {
  const ledger = await openTestLedger();
  const { outbox, end } = await startOutbox(ledger, []);
  await outbox.announce(list());
  await end();
  return ledger;
}

test("given the example of the specification's libraries, the signature is theirs", () => {
  const message = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", body: '{"test": 2432232314}' };
  const key = Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64");
  expect(webhookSignature({ ...message, timestamp: 1_614_265_330 }, key)).toBe(
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  );
});

test("given events, every receiver is told each once, the older first", async () => {
  const ledger = await begun();
  const [one, other] = [await startReceiver(webhookSecret), await startReceiver(webhookSecret)];
  const { outbox } = await startOutbox(ledger, [one.url, other.url]);

  await outbox.announce(list(event(2), event(1)));
  await outbox.announce(list(event(2), event(1)));
  await outbox.announce(list(event(3), event(2), event(1)));

  for (const receiver of [one, other]) {
    const received = await receiver.until(3);
    expect(received.map(({ body }) => body.data.epoch)).toEqual([1, 2, 3]);
    expect(received[0]?.body).toMatchObject({ type: "epoch.posted", data: { chainId: 31_337 } });
    expect(received[0]?.headers["content-type"]).toBe("application/json");
  }
});

test("given a pool that is years old, whoever begins to listen is told of epochs to come, not of those that were", async () => {
  const ledger = await openTestLedger();
  const receiver = await startReceiver(webhookSecret);
  const { outbox } = await startOutbox(ledger, [receiver.url]);

  await outbox.announce(list(event(3), event(2), event(1)));
  await outbox.announce(list(event(4), event(3), event(2), event(1)));

  expect((await receiver.until(2)).map(({ body }) => body.data.epoch)).toEqual([3, 4]);
});

test("given a receiver that fails, and restarts between, the same message comes again until it is taken", async () => {
  const ledger = await begun();
  const receiver = await startReceiver(webhookSecret);
  receiver.status = 500;
  const first = await startOutbox(ledger, [receiver.url]);
  await first.outbox.announce(list(event(1)));
  expect(await first.failed(1)).toMatchObject([{ receiver: 1, reason: "it answered 500", dropped: false }]);
  await first.end();

  const second = await startOutbox(ledger, [receiver.url], dayMs);
  await second.failed(1);
  await second.end();
  receiver.status = 204;
  const third = await startOutbox(ledger, [receiver.url], 2 * dayMs);
  const received = await receiver.until(3);
  await third.outbox.announce(list(event(1)));

  expect(new Set(received.map(({ id }) => id)).size).toBe(1);
  await expect.poll(() => third.outbox.counts()[0]?.delivered).toBe(1);
  await third.end();
  expect((await startOutbox(ledger, [receiver.url])).outbox.counts()).toEqual([
    { receiver: 1, waiting: 0, delivered: 1, dropped: 0 },
  ]);
  expect(receiver.received).toHaveLength(3);
});

test("given a receiver that redirects, its redirect is a failure and nobody else gets the message", async () => {
  const ledger = await begun();
  const receiver = await startReceiver(webhookSecret);
  receiver.status = 307;
  const { outbox, failed } = await startOutbox(ledger, [receiver.url]);

  await outbox.announce(list(event(1)));

  expect(await failed(1)).toMatchObject([{ reason: "it answered 307" }]);
  expect(receiver.received.map(({ path }) => path)).toEqual(["/hook"]);
});

test("given receivers that hang, refuse or are not there, the others are told all the same", async () => {
  const ledger = await begun();
  const [hanging, fine] = [await startReceiver(webhookSecret), await startReceiver(webhookSecret)];
  hanging.status = 0;
  const nobody = `http://127.0.0.1:${await closedPort()}/`;
  const { outbox, failed } = await startOutbox(ledger, [hanging.url, nobody, fine.url]);

  await outbox.announce(list(event(1)));

  await fine.until(1);
  const failures = await failed(2);
  expect(failures.map(({ receiver }) => receiver).sort()).toEqual([1, 2]);
  expect(failures.find(({ receiver }) => receiver === 1)?.reason).toMatch(/timeout/);
  expect(failures.find(({ receiver }) => receiver === 2)?.reason).toMatch(/ECONNREFUSED/);
});

test.each([
  ["fails for five days", 500, 5 * dayMs],
  ["says that it is gone", 410, 0],
])("given a receiver that %s, the message is given up and that is told", async (_what, status, laterMs) => {
  const ledger = await begun();
  const receiver = await startReceiver(webhookSecret);
  receiver.status = 500;
  const first = await startOutbox(ledger, [receiver.url]);
  await first.outbox.announce(list(event(1)));
  await first.failed(1);
  await first.end();
  receiver.status = status;

  const last = await startOutbox(ledger, [receiver.url], laterMs + 60_000);

  expect(await last.failed(1)).toMatchObject([{ dropped: true, attempts: 2 }]);
  expect(last.outbox.counts()).toEqual([{ receiver: 1, waiting: 0, delivered: 0, dropped: 1 }]);
});

test("given more and more attempts, the pauses double up to six hours, less some chance", () => {
  const pauses = [1, 2, 3, 4].map((attempts) => pauseMs(attempts, () => 0));
  expect(pauses).toEqual([5_000, 10_000, 20_000, 40_000]);
  expect(pauseMs(3, () => 1)).toBe(10_000);
  expect(pauseMs(1_000, () => 0)).toBe(6 * 3_600_000);
});

test("given a secret that is plain text and an address with a password, both are used", async () => {
  const receiver = await startReceiver(Buffer.from("just some text").toString("base64"));
  const send = createWebhookSender({ secret: new Secret("just some text"), now: Date.now });
  const url = receiver.url.replace("//", "//user:p%40ss@");

  const outcome = await send(
    url,
    { id: "msg_1", body: '{"type":"x"}' },
    { signal: new AbortController().signal },
  );

  expect(outcome).toEqual({ kind: "delivered" });
  const credentials = Buffer.from("user:p@ss").toString("base64");
  expect(receiver.received[0]?.headers.authorization).toBe(`Basic ${credentials}`);
});

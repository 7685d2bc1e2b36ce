import { expect, test } from "vitest";
import { publishEpoch } from "../../offchain/pipeline/publish/publish.ts";
import { openPool } from "../commands/payroot.ts";
import { deployTestDistributor, useAnvil } from "../support/anvil.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { openTestLedger } from "../support/ledger.ts";
import { closeForChain } from "../support/published-epochs.ts";
import { startReceiver, webhookSecret } from "../support/receiver.ts";
import { program, secrets, start } from "./process.ts";
import { isReady, until } from "./running.ts";

const anvil = useAnvil();

async function openChainPool() {
  const pool = await openPool();
  const distributor = await deployTestDistributor(anvil, { activationDelaySeconds: 3600 });
  const receiver = await startReceiver(webhookSecret);
  const env = {
    ...pool.env,
    S3_SENSOR_INTERVAL_SECONDS: "1",
    EPOCH_SECONDS: "1",
    CHAIN_ID: "31337",
    DISTRIBUTOR_ADDRESS: distributor.address,
    ETH_RPC_ENDPOINT: anvil.local().rpcUrl,
    ETH_PRIVATE_KEY: secrets.privateKey,
    AUTO_PUBLISH: "true",
    WEBHOOK_URLS: receiver.url,
    WEBHOOK_SECRET: webhookSecret,
  };
  return { pool, distributor, receiver, env };
}

test("given an epoch posted and claimable while the daemon is killed and the receiver fails, it is told of both", async () => {
  const { pool, distributor, receiver, env } = await openChainPool();
  receiver.status = 503;
  // The first round of all reads, closes and posts, and even that is told.
  await pool.write(transcodeKey("1"), [transcodeJob({ id: "1", account: account(0) })]);
  const first = start([...program, "run"], env);
  await first.until(/serving/);
  const id = (await receiver.until(1))[0]?.id;
  const url = /serving (\S+),/.exec(first.said())?.[1] ?? "";
  await until(`${url}/ready`, isReady, first);
  first.kill("SIGKILL");
  await first.ended;
  receiver.status = 200;
  const second = start([...program, "run"], env);
  const posted = (await receiver.until(2))[1];
  expect(posted).toMatchObject({
    id,
    body: {
      type: "epoch.posted",
      data: {
        epoch: 1,
        distributor: distributor.address,
        transaction: expect.stringMatching(/^0x/),
        activatesAt: expect.stringMatching(/Z$/),
      },
    },
  });

  await anvil.control().pass(3700);
  const claimable = (await receiver.until(3))[2];

  expect(claimable?.body).toMatchObject({ type: "epoch.claimable", data: { epoch: 1 } });
  expect(claimable?.id).not.toBe(id);
  second.kill("SIGTERM");
  expect((await second.ended).code).toBe(0);
});

test("given something else on chain under our number, receivers are told of a mismatch", async () => {
  const { pool, distributor, receiver, env } = await openChainPool();
  const elsewhere = { ...(await openTestLedger()), chain: distributor.open() };
  const daemon = start([...program, "run"], env);
  await daemon.until(/serving/);
  await closeForChain(elsewhere, { epoch: 1, distributor: distributor.address });
  await publishEpoch(elsewhere, 1, { broadcast: true, signer: distributor.poster, pollMs: 20 });
  await pool.write(transcodeKey("1"), [transcodeJob({ id: "1", account: account(0) })]);

  const [mismatch] = await receiver.until(1);

  expect(mismatch?.body).toMatchObject({
    type: "epoch.mismatch",
    data: { epoch: 1, onChain: expect.stringMatching(/^0x/) },
  });
});

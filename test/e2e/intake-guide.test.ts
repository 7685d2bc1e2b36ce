import { spawnSync } from "node:child_process";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { openPool } from "../commands/payroot.ts";
import { openGuideShell, readGuide } from "../support/guide.ts";
import { intakeKeys } from "../support/intake.ts";
import { textOf } from "../support/source.ts";
import { writeStandIns } from "../support/stand-ins.ts";
import { program, start } from "./process.ts";

const path = "offchain/intake/README.md";
const worker = "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B";
const key = "orchestrator-1:2026-a:an-example-secret-of-32-characters";
const real = ["curl", "openssl"].every((name) => spawnSync(name, ["version"]).error === undefined);

for (const tools of real ? ["of this machine", "stood in for"] : ["stood in for"]) {
  test(`given the guide for producers and curl and openssl ${tools}, every command works, and what it writes is paid`, async () => {
    const pool = await openPool({
      INTAKE_KEYS: `${key},${intakeKeys.replaceAll("orchestrator-1", "third")}`,
      S3_SENSOR_INTERVAL_SECONDS: "1",
      EPOCH_SECONDS: "31536000",
    });
    const daemon = start([...program, "run"], pool.env);
    const [, url = ""] = await daemon.until(/serving (http:\S+?),? /);
    const other = await openPool({ TLS_DNS_NAME: "pool.example.org" });
    const secure = start([...program, "run"], other.env);
    const [, secureUrl = ""] = await secure.until(/serving (https:\S+?),? /);
    const folder = join(pool.folder, "tools");
    await mkdir(folder);
    if (tools === "stood in for") await writeStandIns(folder);
    const cwd = join(pool.folder, "guide");
    await mkdir(cwd);
    // The guide has the data directory where it runs.
    await symlink(join(other.folder, "data"), join(cwd, "data"));
    await until(`${url}/ready`);
    const shell = openGuideShell({
      cwd,
      env: { PATH: `${folder}:${process.env.PATH}` },
      literally: new Map([
        ["http://127.0.0.1:8787", url],
        ["https://localhost:8787", secureUrl.replace("127.0.0.1", "localhost")],
      ]),
    });
    const said = new Map<string, string>();
    for (const step of readGuide(path)) {
      expect(step.kind).toBe("run");
      if (step.kind === "run") said.set(step.commands, await shell.run(step.commands));
    }
    const answer = (part: string) => [...said].find(([commands]) => commands.includes(part))?.[1] ?? "";
    expect(answer("./payroot-post /v1/events")).toMatch(
      /^\{"accepted":1,"objects":\["eu-central\/transcode\//,
    );
    expect(JSON.parse(answer("./payroot-post /recordTranscoderJob"))).toMatchObject({
      transcoder: worker,
      duration: 2.5,
    });
    // The vector, as the guide has it and as it is computed.
    const vector = /ends in `([0-9a-f]{64})`/.exec(textOf(path))?.[1];
    expect(answer("-hmac an-example").trim()).toMatch(new RegExp(`${vector}$`));
    expect(JSON.parse(answer("--cacert"))).toEqual({ status: "ok" });
    const paid = await until<{ assets: { earned: string }[] }>(
      `${url}/v1/workers/${worker}`,
      ({ assets }) => assets[0]?.earned === "900049766400001",
    );
    expect(paid.assets).toHaveLength(1);
    const jobs = (await (await fetch(`${url}/getTranscodersJobs`)).json()) as unknown;
    expect(jobs).toMatchObject([
      { transcoder: worker, profiles: 4, faceValue: "1200000000000001", roundJob: 3141 },
    ]);
  }, 120_000);
}

async function until<T>(address: string, wanted: (answer: T) => boolean = () => true): Promise<T> {
  for (let tries = 0; ; tries++) {
    const response = await fetch(address);
    const answer = (await response.json()) as T;
    if (response.status === 200 && wanted(answer)) return answer;
    if (tries === 400) throw new Error(`${address} stays at ${JSON.stringify(answer)}`);
    await pause(25);
  }
}

import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { getContractAddress } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { settings } from "../offchain/settings.ts";
import packageJson from "../package.json" with { type: "json" };
import { openPool } from "./commands/payroot.ts";
import { start } from "./e2e/process.ts";
import { useAnvil } from "./support/anvil.ts";
import { temporaryFolder } from "./support/ledger.ts";
import { readSources, root } from "./support/source.ts";

// There is no Docker where these run: what an image would hold is put together, and run, as its Dockerfile says.

const dockerfile = readFileSync(join(root, "deployments/Dockerfile"), "utf8");
const compose = parse(readFileSync(join(root, "deployments/compose.yaml"), "utf8"), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};

type Service = {
  readonly environment?: Record<string, string>;
  readonly build?: { context: string; dockerfile: string };
  readonly command?: string[];
  readonly volumes?: string[];
  readonly depends_on?: Record<string, unknown>;
};

/** What the last stage copies from the checkout: source and target. */
const copies = [...dockerfile.matchAll(/^COPY (?!--from)(.+) (\S+)$/gm)].flatMap(([, from = "", to = ""]) =>
  from
    .split(" ")
    .map((source) => ({ source, target: to.endsWith("/") ? join(to, source.split("/").at(-1) ?? "") : to })),
);

function listOf(instruction: string): string[] {
  const line = new RegExp(`^${instruction}.*?(\\[.+\\])$`, "m").exec(dockerfile)?.[1];
  return JSON.parse(line ?? "[]") as string[];
}

/** The image's folder with the packages of this checkout. */
async function makeImage(): Promise<string> {
  const app = join(await temporaryFolder(), "app");
  for (const { source, target } of copies) {
    mkdirSync(dirname(join(app, target)), { recursive: true });
    cpSync(join(root, source), join(app, target), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(app, "node_modules"));
  return app;
}

test("given the Dockerfile, all it copies is there, is let into the build, and needs no package of development", () => {
  const ignored = readFileSync(join(root, ".dockerignore"), "utf8").split("\n");
  expect(ignored).toContain("*");
  expect(copies.length).toBeGreaterThan(3);
  for (const { source } of copies) {
    expect([source, existsSync(join(root, source))]).toEqual([source, true]);
    expect(ignored).toContain(`!${source}`);
  }
  const used = readSources()
    .filter(({ path }) => path.startsWith("offchain/") && !path.startsWith("offchain/demo/"))
    .flatMap(({ imports }) => imports.map(({ from }) => from));
  const packages = used
    .filter((from) => !/^(node:|offchain\/|package\.json)/.test(from))
    .map((from) =>
      from
        .split("/")
        .slice(0, from.startsWith("@") ? 2 : 1)
        .join("/"),
    );
  expect(Object.keys(packageJson.dependencies)).toEqual(expect.arrayContaining([...new Set(packages)]));
  expect(dockerfile).toMatch(/^USER node$/m);
});

// In front of a command: root, too, is bound by the modes of files.
const bound = "-dac_override,-dac_read_search";
const asMortal =
  process.getuid?.() === 0 ? ["setpriv", `--bounding-set=${bound}`, `--inh-caps=${bound}`] : [];
const [, ...entrypoint] = listOf("ENTRYPOINT");
const health = listOf("HEALTHCHECK")[1] ?? "";

test.each([
  ["HTTP", {}],
  ["HTTPS with a certificate of its own", { TLS_DNS_NAME: "payroot.example" }],
])(
  "given nothing but the data directory to write to, the image's command runs over %s and is healthy",
  async (_how, own) => {
    const app = await makeImage();
    const pool = await openPool();
    chmodSync(app, 0o555);
    spawnSync("chmod", ["-R", "a-w", app]);
    onTestFinished(() => void spawnSync("chmod", ["-R", "u+w", app]));
    const commandLine = [
      ...asMortal,
      ...[process.execPath, "--disable-warning=ExperimentalWarning", join(app, entrypoint.at(-1) ?? "")],
      ...listOf("CMD"),
    ];
    const env = { ...pool.env, HTTP_HOST: "0.0.0.0", ...own };
    const check = () => spawnSync(process.execPath, [join(app, health)], { env });
    expect(check().status).toBe(1);
    const image = start(commandLine, env);
    await image.until(/serving http/);

    const checked = check();

    expect([checked.status, checked.stderr.toString()]).toEqual([0, ""]);
    image.kill("SIGTERM");
    expect((await image.ended).code).toBe(0);
    expect(check().status).toBe(1);
  },
);

test("given the compose file, its settings, files and services are there", () => {
  const names = Object.values(settings).map(({ env }) => env);
  for (const [name, { environment = {}, build, volumes = [], depends_on = {} }] of Object.entries(
    compose.services,
  )) {
    if (build !== undefined) {
      expect(join("deployments", build.context)).toBe(".");
      expect(existsSync(join(root, build.dockerfile))).toBe(true);
      for (const setting of Object.keys(environment)) expect(names).toContain(setting);
    }
    for (const [from = ""] of volumes.map((volume) => volume.split(":"))) {
      const known = from.startsWith("./")
        ? existsSync(join(root, "deployments", from))
        : from in compose.volumes;
      expect([name, from, known]).toEqual([name, from, true]);
    }
    for (const other of Object.keys(depends_on)) expect(Object.keys(compose.services)).toContain(other);
  }
  const { environment = {} } = compose.services.payroot ?? {};
  const buckets = Object.values(environment).filter((value) => String(value).startsWith("s3://"));
  for (const bucket of buckets)
    expect(compose.services.buckets?.command?.join()).toContain(bucket.replace("s3://", " "));
});

const anvil = useAnvil();

test("given a chain that is new, the compose file's distributor is deployed to the address it names, once", async () => {
  const { environment = {}, command = [] } = compose.services.distributor ?? {};
  const key = environment.ETH_PRIVATE_KEY as `0x${string}`;
  const from = privateKeyToAccount(key).address;
  expect(getContractAddress({ from, nonce: 0n })).toBe(environment.DISTRIBUTOR_ADDRESS);
  const app = await makeImage();
  const env = { ...environment, ETH_RPC_ENDPOINT: anvil.local().rpcUrl, PATH: process.env.PATH };
  const run = () => spawnSync(process.execPath, ["-e", ...command], { cwd: app, env, encoding: "utf8" });

  const first = run();
  const second = run();

  expect(first.stdout, first.stderr).toContain(`DISTRIBUTOR_ADDRESS=${environment.DISTRIBUTOR_ADDRESS}`);
  expect([first.status, second.status, second.stdout]).toEqual([0, 0, ""]);
  expect(await anvil.control().client.getTransactionCount({ address: from })).toBe(1);
});

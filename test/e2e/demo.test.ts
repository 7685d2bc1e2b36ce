import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { start } from "./process.ts";

const demo = fileURLToPath(new URL("../../offchain/demo/main.ts", import.meta.url));

test("given npm start -- --once, three epochs are posted, claimed and audited, and every wei is accounted for", {
  timeout: 180_000,
}, async () => {
  const { code, stdout, stderr } = await start([process.execPath, demo, "--once"], { HTTP_PORT: "0" }).ended;
  expect(code, `${stdout}${stderr}`).toBe(0);
  expect(stdout).toContain("every check holds in 3 epochs\nevery wei is accounted for\n");
  expect(stdout.match(/^ok {4}/gm)).toHaveLength(4);
  expect(stderr).not.toMatch(/behind|failed/);
});

test("given npm start until Ctrl-C, dirt in every epoch stops nothing, and at the end every wei is accounted for", {
  timeout: 180_000,
}, async () => {
  const shown = start([process.execPath, demo], { HTTP_PORT: "0" });
  await shown.until(/closed epoch 3 .*\n(?:.*\n)*epoch 3 is posted/);
  shown.kill("SIGINT");
  const { code, stdout, stderr } = await shown.ended;
  expect(code, `${stdout}${stderr}`).toBe(0);
  expect(stdout).toContain("every check holds in 3 epochs\nevery wei is accounted for\n");
  expect(stderr).not.toMatch(/behind|failed/);
});

test("given npm start with an option it does not know, it says so and exits 2", async () => {
  const { code, stderr } = await start([process.execPath, demo, "--forever"], {}).ended;
  expect(code).toBe(2);
  expect(stderr).toContain("error [usage-invalid]: The demo knows one option only.\n  given     --forever\n");
});

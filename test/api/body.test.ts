import { expect, test } from "vitest";
import { createBodyReader } from "../../offchain/api/input.ts";

/** A request whose body comes as the test says. */
function upload() {
  let feed: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      feed = controller;
    },
  });
  const request = new Request("http://pool.example/v1/events", { method: "POST", body, duplex: "half" });
  return {
    request,
    send: (bytes: number) => feed?.enqueue(new Uint8Array(bytes)),
    end: () => feed?.close(),
  };
}

test("given a body of no announced length, it is refused at the first byte too many", async () => {
  const read = createBodyReader({ mostBytes: 1000 });
  const { request, send } = upload();
  const answer = read(request, 100);
  send(100);
  send(1);
  await expect(answer).rejects.toMatchObject({ code: "body-too-large" });
});

test("given more bodies at a time than can be held, the next is told to come again, and there is room afterwards", async () => {
  const read = createBodyReader({ mostBytes: 250 });
  const [first, second, third] = [upload(), upload(), upload()];
  const answers = [read(first.request, 100), read(second.request, 100)];
  first.send(100);
  second.send(100);
  await new Promise(setImmediate);
  const refused = read(third.request, 100);
  third.send(60);
  await expect(refused).rejects.toMatchObject({ code: "server-busy", retryable: true });
  first.end();
  second.end();
  expect((await Promise.all(answers)).map(({ length }) => length)).toEqual([100, 100]);
  const again = upload();
  const answer = read(again.request, 250);
  again.send(250);
  again.end();
  expect(await answer).toHaveLength(250);
});

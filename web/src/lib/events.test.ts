import { expect, test } from "vitest";

import { ProblemError } from "../api/client";
import { events, follow, type Sent } from "./events";

async function* given(text: string) {
  for (const line of text.split("\n")) yield line;
}

async function all(from: AsyncIterable<Sent>) {
  const found: Sent[] = [];
  for await (const each of from) found.push(each);
  return found;
}

test("events have their number, name and data; comments are none", async () => {
  const found = await all(events(given(': hello\n\nid: 7\ndata: {"a":\ndata: 1}\n\nevent: end\ndata:x\n\n')));
  expect(found).toEqual([{ id: "7", name: "message", data: '{"a":\n1}' }, { id: null, name: "end", data: "x" }]);
});

test("an event that the stream breaks off in is none", async () => {
  expect(await all(events(given("id: 1\ndata: whole\n\nid: 2\ndata: hal")))).toEqual([{ id: "1", name: "message", data: "whole" }]);
});

test("a stream goes on behind the last event that was seen", async () => {
  const asked: Headers[] = [];
  const answer = (async (_path: string, init: RequestInit) => {
    asked.push(new Headers(init.headers));
    return new Response("id: 6\ndata: x\n\n", { headers: { "content-type": "text/event-stream" } });
  }) as typeof fetch;
  const signal = new AbortController().signal;
  expect(await all(follow("/events", 5, signal, answer))).toEqual([{ id: "6", name: "message", data: "x" }]);
  await all(follow("/events", 0, signal, answer));
  expect(asked.map((headers) => headers.get("last-event-id"))).toEqual(["5", null]);
  expect(asked[0]?.get("accept")).toBe("text/event-stream");
});

test("a refusal is a problem, whoever it comes from", async () => {
  const refuse = (body: string, status: number) => (async () => new Response(body, { status })) as typeof fetch;
  const signal = new AbortController().signal;
  const failure = (body: string, status: number) => all(follow("/events", 0, signal, refuse(body, status))).catch((error: unknown) => error);
  const ours = await failure('{"type":"/errors/not_found","code":"not_found","title":"Not found","status":404}', 404);
  expect(ours).toBeInstanceOf(ProblemError);
  expect((ours as ProblemError).problem.code).toBe("not_found");
  expect(((await failure("<html>", 502)) as ProblemError).problem).toMatchObject({ code: "unexpected", status: 502 });
});

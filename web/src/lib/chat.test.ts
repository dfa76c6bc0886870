import { expect, test } from "vitest";

import { AGAIN, argumentsOf, type Call, type ChatEvent, empty, extend, type Item, type Log, over, subject } from "./chat";

type Part = ChatEvent extends infer E ? (E extends ChatEvent ? Omit<E, "number" | "at"> : never) : never;
const AT = "2026-11-20T18:53:00Z";
const log = (...parts: Part[]): ChatEvent[] => parts.map((part, i) => ({ ...part, number: i + 1, at: AT }) as ChatEvent);
const cost = { usd: "0.01", nanos: 10_000_000 };
const finished = (stop: "end_turn" | "tool_use" = "end_turn"): Part => ({ kind: "step_finished", stop, cost }) as Part;
const call = (id: string, tool = "run", block = 1): Part => ({ kind: "tool_call", call: id, block, tool, arguments: '{"command":"make test"}' }) as Part;

const whole = log(
  { kind: "queued", message: "m1", text: "Fix it", by: "usr_1" } as Part,
  { kind: "message", message: "m1", text: "Fix it", by: "usr_1" } as Part,
  { kind: "step_started", step: 1 } as Part,
  { kind: "thinking", block: 0, text: "Let me " } as Part,
  { kind: "thinking", block: 0, text: "see." } as Part,
  { kind: "text", block: 1, text: "I run " } as Part,
  { kind: "text", block: 1, text: "the tests." } as Part,
  call("c1", "run", 2),
  finished("tool_use"),
  { kind: "tool_started", call: "c1" } as Part,
  { kind: "tool_output", call: "c1", channel: "stdout", text: "ok 1\n" } as Part,
  { kind: "tool_output", call: "c1", channel: "stderr", text: "not ok 2\n" } as Part,
  { kind: "tool_result", call: "c1", outcome: "ok", text: "exit 1" } as Part,
  { kind: "state", state: "waiting", plan: "off" } as Part,
);

function answers(of: Log) {
  return of.items.filter((item): item is Extract<Item, { kind: "answer" }> => item.kind === "answer");
}

function calls(of: Log): Call[] {
  return answers(of).flatMap((item) => item.blocks.flatMap((block) => (block.kind === "call" ? [block.call] : [])));
}

test("a chat is folded into messages, answers and calls", () => {
  const found = extend(empty, whole);
  expect(found.items.map((item) => item.kind)).toEqual(["message", "answer"]);
  const [answer] = answers(found);
  expect(answer?.state).toBe("whole");
  expect(answer?.blocks.map((block) => (block.kind === "call" ? block.call.tool : block.text))).toEqual(["Let me see.", "I run the tests.", "run"]);
  expect(calls(found)[0]).toMatchObject({ started: true, output: "ok 1\nnot ok 2\n", result: { outcome: "ok", text: "exit 1" } });
  expect(found).toMatchObject({ queued: [], last: 14, state: "waiting" });
});

test("however the events are cut, and whatever comes twice after a resume, the same is shown", () => {
  const once = extend(empty, whole);
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const first = extend(empty, whole.slice(0, cut));
    // The server goes on behind the last event; a page that asks too early gets some again.
    expect(extend(first, whole.slice(cut))).toEqual(once);
    expect(extend(first, whole)).toEqual(once);
  }
  expect(whole.reduce((sofar, event) => extend(sofar, [event]), empty)).toEqual(once);
});

test("what was folded before is left as it was", () => {
  const before = extend(empty, whole.slice(0, 6));
  const copy = structuredClone(before);
  extend(before, whole.slice(6));
  expect(before).toEqual(copy);
  expect(extend(before, whole.slice(0, 6))).toBe(before);
  // What does not change keeps its identity, so that it is not drawn again with each token.
  expect(extend(before, whole.slice(6)).items[0]).toBe(before.items[0]);
});

test("an answer that was cut and is done again is not shown twice", () => {
  const start: Part[] = [{ kind: "step_started", step: 1 } as Part, { kind: "text", block: 0, text: "Half an ans" } as Part];
  const rest: Part[] = [{ kind: "step_started", step: 1 } as Part, { kind: "text", block: 0, text: "A whole answer" } as Part, finished()];
  // With a word from the server that was killed, and without one.
  for (const between of [[{ kind: "step_cut", kept: false } as Part], []]) {
    const found = extend(empty, log(...start, ...between, ...rest));
    expect(answers(found).map((item) => item.blocks)).toEqual([[{ kind: "text", block: 0, text: "A whole answer" }]]);
    expect(found.items.filter((item) => item.kind === "note")).toMatchObject([{ text: AGAIN }]);
  }
  const silent = extend(empty, log({ kind: "step_started", step: 1 } as Part, ...rest));
  expect(silent.items.map((item) => item.kind)).toEqual(["answer"]);
});

test("an answer that was cut and is kept keeps its words, and loses calls that are never run", () => {
  const found = extend(empty, log({ kind: "step_started", step: 1 } as Part, { kind: "text", block: 0, text: "I beg" } as Part, call("c1"), { kind: "step_cut", kept: true } as Part, { kind: "state", state: "paused", cause: "interrupted", plan: "off" } as Part));
  expect(answers(found)).toMatchObject([{ state: "cut", blocks: [{ kind: "text", text: "I beg" }] }]);
  expect(calls(found)).toEqual([]);
  expect(found.items.at(-1)).toMatchObject({ kind: "turn", state: "paused", cause: "interrupted" });
});

test("parts and calls that are not known change nothing", () => {
  const strange = [{ kind: "hologram", number: 15, at: AT, beam: 1 }, { kind: "tool_result", call: "c9", outcome: "ok", text: "?", number: 16, at: AT }] as unknown as ChatEvent[];
  const before = extend(empty, whole);
  const after = extend(before, strange);
  expect(after.items).toEqual(before.items);
  expect(after.last).toBe(16);
});

test("numbers may be left out, and a log may begin in the middle of an answer", () => {
  const found = extend(empty, [{ kind: "text", block: 3, text: "late", number: 40, at: AT } as ChatEvent, { kind: "text", block: 1, text: "early", number: 44, at: AT } as ChatEvent]);
  expect(answers(found)[0]?.blocks.map((block) => block.block)).toEqual([1, 3]);
});

test("messages wait until the agent reads them, or never does", () => {
  const one: Part = { kind: "queued", message: "a", text: "first", by: "usr_1" } as Part;
  const two: Part = { kind: "queued", message: "b", text: "second" } as Part;
  expect(extend(empty, log(one, two)).queued.map((each) => each.text)).toEqual(["first", "second"]);
  const found = extend(empty, log(one, two, { kind: "message", message: "b", text: "second" } as Part, { kind: "dropped", message: "a" } as Part));
  expect(found.queued).toEqual([]);
  expect(found.items).toMatchObject([{ text: "second", by: null, dropped: false }, { text: "first", by: "usr_1", dropped: true }]);
});

test("the first result of a call counts, and its live output is bounded", () => {
  const events = log({ kind: "step_started", step: 1 } as Part, call("c1"), finished(), { kind: "tool_output", call: "c1", channel: "stdout", text: `first${"x".repeat(400_000)}` } as Part, { kind: "tool_result", call: "c1", outcome: "unknown", text: "a" } as Part, { kind: "tool_result", call: "c1", outcome: "ok", text: "b" } as Part);
  expect(calls(extend(empty, events))[0]).toMatchObject({ lost: true, result: { outcome: "unknown", text: "a" } });
  expect(calls(extend(empty, events))[0]?.output).toHaveLength(400_000);
});

test("screen readers hear answers and turns, not tokens", () => {
  const heard = new Set(whole.map((_, i) => extend(empty, whole.slice(0, i + 1)).said));
  expect([...heard]).toEqual(["", "Agent: I run the tests. Calls run."]);
  expect(extend(empty, log({ kind: "state", state: "requires_action", plan: "planning" } as Part)).said).toBe("The agent waits for your answer.");
});

test("calls are named by what they are about, whatever the model wrote", () => {
  expect(subject({ tool: "run", arguments: '{"command":"make test\\nmake lint"}' })).toBe("make test …");
  expect(subject({ tool: "edit", arguments: '{"path":"src/a.rs","old":"a","new":"b"}' })).toBe("src/a.rs");
  for (const broken of ["", "{", "[1]", "null", '{"command":7}']) expect(subject({ tool: "run", arguments: broken })).toBe("");
  expect(argumentsOf({ arguments: "[1]" })).toBeNull();
  expect(argumentsOf({ arguments: "" })).toEqual({});
});

test("three states are the end", () => {
  expect((["waiting", "running", "tool", "requires_action", "paused", "completed", "failed", "cancelled"] as const).filter(over)).toEqual(["completed", "failed", "cancelled"]);
});

import type { Schemas } from "../api/client";

export type ChatEvent = Schemas["Page_ChatEvent"]["items"][number];
export type Outcome = Schemas["CallOutcome"];

/** Characters of a tool's live output that are kept: the last ones. */
const OUTPUT_KEPT = 400_000;

/** A tool call: as it was asked for, and how far it is. */
export interface Call {
  id: string;
  tool: string;
  arguments: string;
  started: boolean;
  /** What it has said so far. */
  output: string;
  /** Whether the beginning of that is gone. */
  lost: boolean;
  result: { outcome: Outcome; text: string; by: string | null } | null;
}

export type Block = { kind: "text" | "thinking"; block: number; text: string } | { kind: "call"; block: number; call: Call };

/** What stands in a chat, from the top. */
export type Item =
  | { kind: "message"; key: string; text: string; by: string | null; at: string; dropped: boolean }
  | { kind: "answer"; key: string; blocks: Block[]; state: "open" | "whole" | "cut"; stop: Schemas["ChatStop"] | null }
  | { kind: "note"; key: string; text: string }
  | { kind: "turn"; key: string; state: Schemas["ChatState"]; cause: Schemas["ChatCause"] | null; at: string };

/** The log of a chat, folded into what is shown of it. */
export interface Log {
  items: Item[];
  /** Messages that the agent has not read yet. */
  queued: { message: string; text: string; by: string | null }[];
  /** The number of the last event that was folded in. */
  last: number;
  /** How the chat is, as the log says. */
  state: Schemas["ChatState"] | null;
  /** What screen readers are told: whole sentences, not each token. */
  said: string;
}

export const empty: Log = { items: [], queued: [], last: 0, state: null, said: "" };

/** What a person reads where an answer begins anew. */
export const AGAIN = "The answer was cut off. The agent begins it again.";

const ENDS: readonly string[] = ["paused", "completed", "failed", "cancelled"];

/** Whether a chat in this state goes on no more. */
export function over(state: Schemas["ChatState"]): boolean {
  return state === "completed" || state === "failed" || state === "cancelled";
}

/** Folds in the events that follow. Those that were folded in already, and those of kinds that this page does not know, change nothing. */
export function extend(log: Log, events: ChatEvent[]): Log {
  const next = { ...log, items: [...log.items], queued: [...log.queued] };
  for (const event of events) {
    if (event.number <= next.last) continue;
    next.last = event.number;
    add(next, event);
  }
  return next.last === log.last ? log : next;
}

function add(log: Log, event: ChatEvent) {
  const key = String(event.number);
  switch (event.kind) {
    case "queued":
      log.queued.push({ message: event.message, text: event.text, by: event.by ?? null });
      return;
    case "message":
      log.queued = log.queued.filter((each) => each.message !== event.message);
      log.items.push({ kind: "message", key, text: event.text, by: event.by ?? null, at: event.at, dropped: false });
      return;
    case "dropped": {
      const lost = log.queued.find((each) => each.message === event.message);
      log.queued = log.queued.filter((each) => each !== lost);
      if (lost) log.items.push({ kind: "message", key, text: lost.text, by: lost.by, at: event.at, dropped: true });
      return;
    }
    case "step_started":
      discard(log, key);
      log.items.push({ kind: "answer", key, blocks: [], state: "open", stop: null });
      return;
    case "text":
    case "thinking":
      answer(log, key, (blocks) => grown(blocks, event.kind, event.block, event.text));
      return;
    case "tool_call": {
      const call: Call = { id: event.call, tool: event.tool, arguments: event.arguments, started: false, output: "", lost: false, result: null };
      answer(log, key, (blocks) => ordered([...blocks, { kind: "call", block: event.block, call }]));
      return;
    }
    case "step_finished":
      finish(log, "whole", event.stop);
      return;
    case "step_cut":
      if (event.kept) finish(log, "cut", null);
      else discard(log, key);
      return;
    case "tool_started":
      changeCall(log, event.call, (call) => ({ ...call, started: true }));
      return;
    case "tool_output":
      changeCall(log, event.call, (call) => {
        const output = call.output + event.text;
        return { ...call, started: true, output: output.slice(-OUTPUT_KEPT), lost: call.lost || output.length > OUTPUT_KEPT };
      });
      return;
    case "tool_result":
      // The first one counts: it is the only one.
      changeCall(log, event.call, (call) => ({ ...call, result: call.result ?? { outcome: event.outcome, text: event.text, by: event.by ?? null } }));
      return;
    case "state":
      log.state = event.state;
      if (ENDS.includes(event.state)) log.items.push({ kind: "turn", key, state: event.state, cause: event.cause ?? null, at: event.at });
      log.said = spoken(event.state) ?? log.said;
      return;
    case "note":
      log.items.push({ kind: "note", key, text: event.text });
      log.said = event.text;
      return;
    default:
      // A newer server may say more than this page knows.
      return;
  }
}

/** Where the answer under way stands; -1 = there is none. */
function open(log: Log): number {
  return log.items.findLastIndex((item) => item.kind === "answer" && item.state === "open");
}

/** Changes the answer under way, which is made if its beginning is not in the log. */
function answer(log: Log, key: string, change: (blocks: Block[]) => Block[]) {
  const at = open(log);
  const item = log.items[at];
  if (item?.kind === "answer") log.items[at] = { ...item, blocks: change(item.blocks) };
  else log.items.push({ kind: "answer", key, blocks: change([]), state: "open", stop: null });
}

function ordered(blocks: Block[]): Block[] {
  return blocks.sort((a, b) => a.block - b.block);
}

function grown(blocks: Block[], kind: "text" | "thinking", block: number, text: string): Block[] {
  const at = blocks.findIndex((each) => each.kind === kind && each.block === block);
  const found = blocks[at];
  if (!found || found.kind === "call") return ordered([...blocks, { kind, block, text }]);
  return blocks.with(at, { ...found, text: found.text + text });
}

/** The step is done again: what was said of it does not count. */
function discard(log: Log, key: string) {
  const at = open(log);
  const item = log.items[at];
  if (item?.kind !== "answer") return;
  log.items.splice(at, 1);
  if (item.blocks.length > 0) log.items.push({ kind: "note", key: `${key}-again`, text: AGAIN });
}

/** The answer is whole, or was cut off and stays. What it wanted to call when it was cut is never run. */
function finish(log: Log, state: "whole" | "cut", stop: Schemas["ChatStop"] | null) {
  const at = open(log);
  const item = log.items[at];
  if (item?.kind !== "answer") return;
  const blocks = state === "cut" ? item.blocks.filter((block) => block.kind !== "call") : item.blocks;
  if (blocks.length === 0 && state === "whole") log.items.splice(at, 1);
  else log.items[at] = { ...item, blocks, state, stop };
  const text = blocks.flatMap((block) => (block.kind === "text" ? [block.text] : [])).join(" ");
  const tools = blocks.flatMap((block) => (block.kind === "call" ? [block.call.tool.replaceAll("_", " ")] : []));
  const parts = [text.length > 600 ? `${text.slice(0, 600)} …` : text, tools.length > 0 ? `Calls ${tools.join(", ")}.` : "", state === "cut" ? "Interrupted." : ""];
  log.said = `Agent: ${parts.filter(Boolean).join(" ")}`;
}

function changeCall(log: Log, id: string, change: (call: Call) => Call) {
  for (let at = log.items.length - 1; at >= 0; at -= 1) {
    const item = log.items[at];
    if (item?.kind !== "answer") continue;
    const n = item.blocks.findIndex((block) => block.kind === "call" && block.call.id === id);
    const found = item.blocks[n];
    if (found?.kind !== "call") continue;
    log.items[at] = { ...item, blocks: item.blocks.with(n, { ...found, call: change(found.call) }) };
    return;
  }
}

function spoken(state: Schemas["ChatState"]): string | null {
  if (state === "requires_action") return "The agent waits for your answer.";
  if (state === "paused") return "The agent is paused.";
  if (over(state)) return `The chat is ${state}.`;
  return null;
}

/** The arguments of a call, where they are a JSON object. */
export function argumentsOf(call: Pick<Call, "arguments">): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(call.arguments || "{}");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** What a call is about, in one line: the command, the file, the pattern. */
export function subject(call: Pick<Call, "tool" | "arguments">): string {
  const given = argumentsOf(call);
  const names: Record<string, string> = { run: "command", process: "process", read: "path", write: "path", edit: "path", list: "path", search: "pattern", git_commit: "message", git_push: "branch", git_diff: "base", ask: "question" };
  const value = given?.[names[call.tool] ?? ""];
  const [first = "", ...more] = (typeof value === "string" ? value : "").trim().split("\n");
  return more.length > 0 ? `${first} …` : first;
}

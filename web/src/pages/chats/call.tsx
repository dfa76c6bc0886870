import { Box, Button, Group, Text, UnstyledButton } from "@mantine/core";
import { memo, useState } from "react";

import { Status, type Tone } from "../../components/misc";
import { PersonName } from "../../components/named";
import { argumentsOf, type Call, type Outcome, subject } from "../../lib/chat";
import { words } from "../../lib/format";
import { replaced } from "../../lib/patch";
import { Answer, type Awaited } from "./answer";
import { Diff, Output, Prose } from "./text";

const tools: Record<string, string> = {
  run: "Run",
  process: "Process",
  read: "Read",
  write: "Write",
  edit: "Edit",
  list: "List",
  search: "Search",
  git_status: "Git status",
  git_diff: "Git diff",
  git_commit: "Git commit",
  git_push: "Git push",
  ask: "Question",
  propose_plan: "Plan",
};

const outcomes: Record<Outcome, [Tone, string]> = {
  ok: ["good", "Done"],
  error: ["bad", "Failed"],
  refused: ["warn", "Refused"],
  rejected: ["warn", "Rejected"],
  interrupted: ["warn", "Interrupted"],
  unknown: ["bad", "Result unknown"],
  cancelled: ["off", "Cancelled"],
};

function CallState({ call, awaited, ended }: { call: Call; awaited: boolean; ended: boolean }) {
  if (call.result) {
    const [tone, word] = outcomes[call.result.outcome] ?? ["off", words(call.result.outcome)];
    return <Status tone={tone}>{word}</Status>;
  }
  if (awaited) return <Status tone="warn">Waits for you</Status>;
  if (ended) return <Status tone="off">Not run</Status>;
  return call.started ? <Status tone="busy">Running</Status> : <Status tone="off">To be run</Status>;
}

/** What is to be done, where that is more than a name. */
function Asked({ call }: { call: Call }) {
  const given = argumentsOf(call);
  const text = (name: string) => (typeof given?.[name] === "string" ? given[name] : undefined);
  const [old, now, content] = [text("old"), text("new"), text("content")];
  if (call.tool === "edit" && old !== undefined && now !== undefined) return <Diff lines={replaced(old, now)} label={`Change of ${subject(call)}`} />;
  if (call.tool === "write" && content !== undefined) return <Diff lines={replaced("", content)} label={`New content of ${subject(call)}`} />;
  if (call.tool === "ask" && given) return <Prose text={text("question") ?? ""} />;
  if (call.tool === "propose_plan" && given) return <Prose text={text("plan") ?? ""} />;
  if (!given) return <Output text={call.arguments} live={false} label="Arguments, as the model wrote them" />;
  // One line that is all there is to it stands in the head already.
  const [only, ...others] = Object.values(given);
  if (Object.keys(given).length === 0 || (others.length === 0 && only === subject(call))) return null;
  return <Output text={call.tool === "run" && Object.keys(given).length === 1 ? (text("command") ?? call.arguments) : JSON.stringify(given, null, 2)} live={false} label="Arguments" />;
}

function Came({ call }: { call: Call }) {
  const [live, setLive] = useState(false);
  const { result, output } = call;
  const lost = call.lost ? "… what came before is no longer here …\n" : "";
  if (!result) return output ? <Output text={lost + output} live label="Output so far" /> : null;
  // The agent is told the head and the tail of what is long; the rest is here for whoever asks.
  const more = output.trim() !== "" && output.length > result.text.length;
  return (
    <>
      {result.by ? <Text size="sm" c="dimmed" mb={4}>by <PersonName id={result.by} /></Text> : null}
      {result.text ? <Output text={result.text} live={false} label="Result" /> : <Text size="sm" c="dimmed">No output.</Text>}
      {more ? <Button size="compact-sm" variant="subtle" mt={4} onClick={() => setLive(!live)} aria-expanded={live}>{live ? "Hide the whole output" : "Show the whole output"}</Button> : null}
      {live ? <Output text={lost + output} live={false} label="Whole output" lines={200} /> : null}
    </>
  );
}

interface Props {
  call: Call;
  chat: string;
  /** The question or plan that waits in this call. */
  awaited: Awaited | undefined;
  /** Whether the one who looks may answer. */
  answers: boolean;
  /** Whether nothing in the chat is run any more. */
  ended: boolean;
}

/** Results that are short, and what asks for somebody, are seen at once; reading and listing is folded. */
const FOLDED: readonly string[] = ["read", "list", "search", "git_status", "process"];

export const CallCard = memo(function CallCard({ call, chat, awaited, answers, ended }: Props) {
  const [chosen, setChosen] = useState<boolean | null>(null);
  const opened = awaited !== undefined || (chosen ?? !(FOLDED.includes(call.tool) && call.result?.outcome === "ok"));
  const about = call.tool === "ask" ? "" : subject(call);
  const name = tools[call.tool] ?? words(call.tool);
  return (
    <Box className="call">
      <UnstyledButton className="call-head" aria-expanded={opened} onClick={() => setChosen(!opened)}>
        <Text span fw={600} size="sm">{name}</Text>
        <span className="mono call-about">{about}</span>
        <CallState call={call} awaited={awaited !== undefined} ended={ended} />
      </UnstyledButton>
      {opened ? (
        <Group className="call-body" gap="xs" display="block">
          <Asked call={call} />
          <Came call={call} />
          {awaited && !call.result ? answers ? <Answer chat={chat} call={call} awaited={awaited} /> : <Text size="sm" c="dimmed" mt="xs">Only the chat's owner can answer.</Text> : null}
        </Group>
      ) : null}
    </Box>
  );
});

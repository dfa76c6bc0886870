import { Button, Group, Stack, Textarea } from "@mantine/core";
import { useState } from "react";

import { api, call as ask, type Schemas } from "../../api/client";
import { useAction } from "../../api/hooks";
import { ProblemNote } from "../../components/problem";
import { argumentsOf, type Call } from "../../lib/chat";

export type Awaited = Schemas["ChatAwaited"];

interface Props {
  chat: string;
  call: Call;
}

function Question({ chat, call }: Props) {
  const [text, setText] = useState("");
  const given = argumentsOf(call)?.["options"];
  const options = Array.isArray(given) ? given.filter((option): option is string => typeof option === "string") : [];
  const send = useAction((answer: string) => ask(api.POST("/api/v1/chats/{id}/calls/{call}/answer", { params: { path: { id: chat, call: call.id } }, body: { text: answer } })), ["chats"]);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim()) send.mutate(text);
      }}
    >
      <Stack gap="xs" mt="xs">
        {options.length > 0 ? (
          <Group gap="xs" role="group" aria-label="Answers to choose from">
            {options.map((option, i) => <Button key={i} size="xs" variant="default" h="auto" py={6} disabled={send.isPending} onClick={() => send.mutate(option)} styles={{ label: { whiteSpace: "normal" } }}>{option}</Button>)}
          </Group>
        ) : null}
        <Textarea label={options.length > 0 ? "Or answer in your own words" : "Your answer"} autosize minRows={1} maxRows={8} value={text} onChange={(event) => setText(event.currentTarget.value)} />
        <ProblemNote error={send.error} />
        <Group><Button type="submit" size="xs" loading={send.isPending} disabled={text.trim() === ""}>Answer</Button></Group>
      </Stack>
    </form>
  );
}

function Plan({ chat, call }: Props) {
  const given = argumentsOf(call)?.["plan"];
  const plan = typeof given === "string" ? given : "";
  const [mode, setMode] = useState<"read" | "edit" | "reject">("read");
  const [edited, setEdited] = useState(plan);
  const [reason, setReason] = useState("");
  const send = useAction((body: Schemas["ChatPlanAnswer"]) => ask(api.POST("/api/v1/chats/{id}/calls/{call}/plan", { params: { path: { id: chat, call: call.id } }, body })), ["chats"]);
  const accept = () => send.mutate({ accept: true, ...(mode === "edit" && edited !== plan ? { plan: edited } : {}) });
  const reject = () => send.mutate({ accept: false, ...(reason.trim() ? { reason: reason.trim() } : {}) });
  const back = <Button size="xs" variant="default" onClick={() => setMode("read")}>Cancel</Button>;
  return (
    <Stack gap="xs" mt="xs">
      {mode === "edit" ? <Textarea label="The plan, as you want it" autosize minRows={6} maxRows={30} data-autofocus value={edited} onChange={(event) => setEdited(event.currentTarget.value)} /> : null}
      {mode === "reject" ? <Textarea label="What is wrong with it" description="The agent reads this and proposes another one." autosize minRows={2} maxRows={8} value={reason} onChange={(event) => setReason(event.currentTarget.value)} /> : null}
      <ProblemNote error={send.error} />
      {mode === "read" ? (
        <Group gap="xs">
          <Button size="xs" loading={send.isPending} onClick={accept}>Accept</Button>
          <Button size="xs" variant="default" disabled={send.isPending} onClick={() => setMode("edit")}>Edit</Button>
          <Button size="xs" variant="default" disabled={send.isPending} onClick={() => setMode("reject")}>Reject</Button>
        </Group>
      ) : mode === "edit" ? (
        <Group gap="xs"><Button size="xs" loading={send.isPending} disabled={edited.trim() === ""} onClick={accept}>Accept as changed</Button>{back}</Group>
      ) : (
        <Group gap="xs"><Button size="xs" loading={send.isPending} onClick={reject}>Reject the plan</Button>{back}</Group>
      )}
    </Stack>
  );
}

/** What a person says to a question or a plan of the agent. */
export function Answer({ awaited, ...props }: Props & { awaited: Awaited }) {
  return awaited.kind === "plan" ? <Plan {...props} /> : <Question {...props} />;
}

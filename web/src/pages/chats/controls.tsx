import { Alert, Button, Group, List, NumberInput, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../../api/client";
import { useAction, useMe } from "../../api/hooks";
import { Icon } from "../../components/icons";
import { Confirm } from "../../components/misc";
import { ProblemNote } from "../../components/problem";
import { over } from "../../lib/chat";
import { mayOn } from "../../lib/permissions";
import { causes, limits } from "./causes";

type Chat = Schemas["Chat"];

/** Interrupt, call done, stop: what can be done to a chat from its head. */
export function ChatControls({ chat, own }: { chat: Chat; own: boolean }) {
  const me = useMe();
  const [asked, setAsked] = useState<"stop" | "rename" | null>(null);
  const [title, setTitle] = useState(chat.title);
  const params = { params: { path: { id: chat.id } } };
  const close = () => setAsked(null);
  const interrupt = useAction(() => call(api.POST("/api/v1/chats/{id}/interrupt", params)), ["chats"]);
  const finish = useAction(() => call(api.POST("/api/v1/chats/{id}/finish", params)), ["chats"]);
  const stop = useAction(() => call(api.POST("/api/v1/chats/{id}/stop", params)), ["chats"], close);
  const rename = useAction(() => call(api.PATCH("/api/v1/chats/{id}", { ...params, body: { title: title.trim() } })), ["chats"], close);
  const ended = over(chat.state);
  const stops = mayOn(me, "chats.stop", chat.owner.id) && !ended;
  const works = chat.state === "running" || chat.state === "tool";
  return (
    <>
      {stops && works ? <Button variant="default" leftSection={<Icon name="pause" size={15} />} loading={interrupt.isPending} onClick={() => interrupt.mutate(undefined)}>Interrupt</Button> : null}
      {own && (chat.state === "waiting" || chat.state === "paused") ? <Button variant="default" leftSection={<Icon name="check" size={15} />} loading={finish.isPending} onClick={() => finish.mutate(undefined)}>Done</Button> : null}
      {own ? <Button variant="default" onClick={() => { setTitle(chat.title); setAsked("rename"); }}>Rename</Button> : null}
      {stops ? <Button variant="default" c="var(--mantine-color-error)" leftSection={<Icon name="stop" size={15} />} onClick={() => setAsked("stop")}>Stop</Button> : null}
      <ProblemNote error={interrupt.error ?? finish.error} />
      <Confirm opened={asked === "stop"} onClose={() => { stop.reset(); close(); }} title="Stop this chat?" action="Stop" dangerous run={() => stop.mutate(undefined)} pending={stop.isPending} error={stop.error}>
        <List>
          <List.Item><b>It does not go on after this.</b> To halt it for a while, interrupt it instead.</List.Item>
          <List.Item>What its tools run now ends. What they did stays in the workspace.</List.Item>
          <List.Item>What was said stays here to be read.</List.Item>
        </List>
      </Confirm>
      <Confirm opened={asked === "rename"} onClose={() => { rename.reset(); close(); }} title="Rename this chat" action="Rename" disabled={title.trim() === ""} run={() => rename.mutate(undefined)} pending={rename.isPending} error={rename.error}>
        <TextInput label="Title" data-autofocus maxLength={200} value={title} onChange={(event) => setTitle(event.currentTarget.value)} />
      </Confirm>
    </>
  );
}

const DOLLARS = /^\$?(\d+(\.\d{1,9})?|\.\d{1,9})$/;

/** A paused chat: why, and how it goes on. What is left empty is what the server allows. */
export function Resume({ chat, own }: { chat: Chat; own: boolean }) {
  const [steps, setSteps] = useState<number | string>("");
  const [minutes, setMinutes] = useState<number | string>("");
  const [amount, setAmount] = useState("");
  const resume = useAction(() => {
    const more: Schemas["ChatLimitsInput"] = {
      ...(typeof steps === "number" ? { steps } : {}),
      ...(typeof minutes === "number" ? { seconds: Math.round(minutes * 60) } : {}),
      ...(amount.trim() ? { cost: amount.trim().replace(/^\$/, "") } : {}),
    };
    return call(api.POST("/api/v1/chats/{id}/resume", { params: { path: { id: chat.id } }, body: Object.keys(more).length > 0 ? { more } : {} }));
  }, ["chats"]);
  const field = (name: string) => (resume.error instanceof ProblemError ? (resume.error.field(`/more/${name}`) ?? resume.error.field(`/${name}`)) : undefined);
  const bad = amount.trim() !== "" && !DOLLARS.test(amount.trim());
  const shown = ["steps", "seconds", "cost"].some((name) => field(name));
  const limited = chat.cause != null && limits.includes(chat.cause);
  return (
    <Alert color="orange" variant="light" icon={<Icon name="pause" />} title={`Paused ${chat.cause ? (causes[chat.cause] ?? chat.cause) : ""}`.trim()}>
      {own ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (!bad) resume.mutate(undefined);
          }}
        >
          <Stack gap="sm">
            {limited ? <Text size="sm">It gets as much again as it is allowed, or what you say here.</Text> : <Text size="sm">Everything stays as it is until it goes on.</Text>}
            {limited ? (
              <Group gap="sm" align="flex-start">
                <NumberInput label="More steps" placeholder="as allowed" min={1} allowDecimal={false} w={140} value={steps} onChange={setSteps} error={field("steps")} />
                <NumberInput label="More minutes" placeholder="as allowed" min={1} w={140} value={minutes} onChange={setMinutes} error={field("seconds")} />
                <TextInput label="More dollars" placeholder="as allowed" inputMode="decimal" w={140} value={amount} onChange={(event) => setAmount(event.currentTarget.value)} error={bad ? "Dollars such as 5 or 0.25" : field("cost")} />
              </Group>
            ) : null}
            {shown ? null : <ProblemNote error={resume.error} />}
            <Group><Button type="submit" size="xs" leftSection={<Icon name="play" size={14} />} loading={resume.isPending} disabled={bad}>Resume</Button></Group>
          </Stack>
        </form>
      ) : <Text size="sm">Its owner can let it go on.</Text>}
    </Alert>
  );
}

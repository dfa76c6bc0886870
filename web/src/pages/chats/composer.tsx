import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { type KeyboardEvent, useState } from "react";

import { api, call, type Schemas } from "../../api/client";
import { useAction } from "../../api/hooks";
import { Icon } from "../../components/icons";
import { ProblemNote } from "../../components/problem";

const placeholders: Partial<Record<Schemas["ChatState"], string>> = {
  waiting: "Say what is to be done",
  paused: "Write, and it goes on",
};

/** Sends with Enter; a new line is Shift and Enter. Enter that ends a composition of characters sends nothing. */
export function sendsOn(event: KeyboardEvent, send: () => void) {
  if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
  event.preventDefault();
  send();
}

/** Where one writes to the agent. */
export function Composer({ chat }: { chat: Schemas["Chat"] }) {
  const [text, setText] = useState("");
  const send = useAction((message: string) => call(api.POST("/api/v1/chats/{id}/messages", { params: { path: { id: chat.id } }, body: { text: message } })), ["chats"], () => setText(""));
  const go = () => {
    if (text.trim() && !send.isPending) send.mutate(text);
  };
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        go();
      }}
    >
      <Stack gap={6}>
        <ProblemNote error={send.error} />
        <Group gap="xs" align="flex-end" wrap="nowrap">
          <Textarea aria-label="Message to the agent" aria-describedby="composer-hint" placeholder={placeholders[chat.state] ?? "The agent reads it with its next step"} autosize minRows={1} maxRows={10} style={{ flex: 1 }} value={text} onChange={(event) => setText(event.currentTarget.value)} onKeyDown={(event) => sendsOn(event, go)} />
          <Button type="submit" loading={send.isPending} disabled={text.trim() === ""} leftSection={<Icon name="send" size={15} />}>Send</Button>
        </Group>
        <Text size="xs" c="dimmed" id="composer-hint">Enter sends, Shift and Enter begins a new line.</Text>
      </Stack>
    </form>
  );
}

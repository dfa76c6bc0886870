import { Group, SegmentedControl, Select, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import type { Schemas } from "../../api/client";
import { useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon } from "../../components/icons";
import { ButtonLink } from "../../components/links";
import { Empty, Page, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { reach } from "../../lib/permissions";
import { ChatTable } from "./table";

type State = Schemas["ChatState"];

const states: { value: State; label: string }[] = [
  { value: "requires_action", label: "Waits for an answer" },
  { value: "running", label: "Thinking" },
  { value: "tool", label: "Running tools" },
  { value: "waiting", label: "Waits for a message" },
  { value: "paused", label: "Paused" },
  { value: "completed", label: "Completed" },
  { value: "failed", label: "Failed" },
  { value: "cancelled", label: "Stopped" },
];

/** All chats that one may see, as they are now. */
export function ChatsPage() {
  const me = useMe();
  const search = useSearch({ from: "/shell/chats" });
  const navigate = useNavigate({ from: "/chats" });
  const wide = (reach(me, "chats.read") ?? "own") !== "own";
  const [whose, setWhose] = useState<"own" | "all">("own");
  const [text, setText] = useState("");
  const [typed] = useDebouncedValue(text.trim(), 200);
  const state = states.find((each) => each.value === search.state)?.value;
  const { query, rows, more, loading } = useRows(queries.chats({ owner: whose === "own" ? me.user.id : undefined, state, q: typed }));
  const filtered = typed !== "" || state !== undefined;
  return (
    <Page title="Chats" lead="Agents at work in workspaces. They are begun in a workspace of yours, or by a label on a ticket.">
      {(rows?.length ?? 0) > 0 || wide || filtered ? (
        <Group>
          {wide ? <SegmentedControl aria-label="Whose chats" value={whose} onChange={(value) => setWhose(value as "own" | "all")} data={[{ value: "own", label: "Mine" }, { value: "all", label: "Everyone's" }]} /> : null}
          <TextInput type="search" aria-label="Search titles" placeholder="Search titles" leftSection={<Icon name="search" size={16} />} value={text} onChange={(event) => setText(event.currentTarget.value)} />
          <Select aria-label="State" placeholder="In any state" data={states} clearable value={state ?? null} onChange={(value) => void navigate({ search: value ? { state: value } : {}, replace: true })} />
        </Group>
      ) : null}
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      <Section padded={false}>
        {rows === undefined ? (query.error ? null : <Rows />) : rows.length > 0 ? (
          <ChatTable rows={rows} more={more} loading={loading} owners={whose === "all"} />
        ) : filtered ? (
          <Empty icon="search" title="No chat is like that">Change what is searched for, or clear it.</Empty>
        ) : (
          <Empty icon="chats" title={whose === "own" ? "You have no chat yet" : "Nobody has a chat yet"} action={<ButtonLink to="/workspaces">Go to the workspaces</ButtonLink>}>
            An agent reads, edits, runs tests and uses git in a workspace of yours, and asks you where it must not guess. Begin one under “Chat” on a workspace's page.
          </Empty>
        )}
      </Section>
    </Page>
  );
}

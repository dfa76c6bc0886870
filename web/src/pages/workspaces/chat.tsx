import { Button, Checkbox, Group, Select, Stack, Text, Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../../api/client";
import { useAction, useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Empty, Loaded, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { dollars, span } from "../../lib/format";
import { may } from "../../lib/permissions";
import { sendsOn } from "../chats/composer";
import { ChatTable } from "../chats/table";

type Workspace = Schemas["Workspace"];

/** What a chat takes before a person is asked, in words. */
export function most(limits: Schemas["ChatLimits"]): string {
  const parts = [limits.steps != null ? `${limits.steps} steps` : null, limits.seconds != null ? `${span(limits.seconds)} of work` : null, limits.cost ? dollars(limits.cost) : null].filter(Boolean);
  return parts.length > 0 ? `After ${parts.join(", ")} it pauses and you are asked.` : "It has no limit of its own; budgets hold all the same.";
}

function Begin({ workspace, options }: { workspace: Workspace; options: Schemas["ChatOptions"] }) {
  const navigate = useNavigate();
  const [message, setMessage] = useState("");
  const [model, setModel] = useState<string | null>(options.model ?? null);
  const [plan, setPlan] = useState(false);
  const begin = useAction(
    () => call(api.POST("/api/v1/workspaces/{id}/chats", { params: { path: { id: workspace.id } }, body: { message, plan, ...(model ? { model } : {}) } })),
    ["chats"],
    (made) => void navigate({ to: "/chats/$id", params: { id: made.id } }),
  );
  const field = (pointer: string) => (begin.error instanceof ProblemError ? begin.error.field(pointer) : undefined);
  const go = () => {
    if (message.trim() && model && !begin.isPending) begin.mutate(undefined);
  };
  if (options.models.length === 0) return <Text c="dimmed">There is no model that you may use for chats in this workspace. Whoever runs Bailey sets them up.</Text>;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        go();
      }}
    >
      <Stack gap="sm">
        <Textarea label="What is to be done" description="Enter begins, Shift and Enter begins a new line." placeholder="Make the failing test pass" autosize minRows={2} maxRows={12} value={message} onChange={(event) => setMessage(event.currentTarget.value)} onKeyDown={(event) => sendsOn(event, go)} error={field("/message")} />
        <Select label="Model" description="It stays the same for the whole chat." data={options.models.map((each) => ({ value: each.name, label: each.display_name }))} allowDeselect={false} placeholder="Choose one" maw={420} value={model} onChange={setModel} error={field("/model")} />
        <Checkbox label="Plan first" description="Nothing is written before you accept a plan." checked={plan} onChange={(event) => setPlan(event.currentTarget.checked)} />
        {field("/message") || field("/model") ? null : <ProblemNote error={begin.error} />}
        <Group>
          <Button type="submit" loading={begin.isPending} disabled={message.trim() === "" || !model}>Begin</Button>
          <Text size="sm" c="dimmed">{workspace.status === "running" ? "" : "The workspace is started for it. "}{most(options.limits)}</Text>
        </Group>
      </Stack>
    </form>
  );
}

/** The chats of a workspace, and a new one. */
export function WorkspaceChats({ workspace }: { workspace: Workspace }) {
  const me = useMe();
  const own = workspace.owner.id === me.user.id && may(me, "chats.write", "workspaces.access");
  const options = useQuery(queries.chatOptions(workspace.id, own));
  const { query, rows, more, loading } = useRows(queries.chats({ workspace: workspace.id }));
  return (
    <Stack>
      {own ? <Section title="New chat"><Loaded query={options}>{(found) => <Begin workspace={workspace} options={found} />}</Loaded></Section> : null}
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      <Section title="Chats" padded={false}>
        {rows === undefined ? (query.error ? null : <Rows />) : rows.length > 0 ? <ChatTable rows={rows} more={more} loading={loading} without="workspace" /> : (
          <Empty icon="chats" title="No agent was here yet">{own ? "Say above what is to be done." : "Only its owner begins chats in a workspace."}</Empty>
        )}
      </Section>
    </Stack>
  );
}

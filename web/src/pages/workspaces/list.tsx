import { Group, SegmentedControl, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";

import type { Schemas } from "../../api/client";
import { useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon } from "../../components/icons";
import { ButtonLink, TextLink } from "../../components/links";
import { WorkspaceStatus } from "../../components/misc";
import { Empty, Page, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { type Column, DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { bytes } from "../../lib/format";
import { may, mayOn, reach } from "../../lib/permissions";
import { WorkspaceActions } from "./actions";
import { KeptHomes } from "./homes";

type Workspace = Schemas["Workspace"];

export function resources(workspace: Workspace): string {
  const { cpu_milli: cpu, memory } = workspace.resources;
  return [cpu ? `${cpu / 1000} CPU` : null, memory ? bytes(memory) : null].filter(Boolean).join(", ") || "not limited";
}

/** Everything that one may see, as it is now. */
export function WorkspacesPage() {
  const me = useMe();
  const wide = reach(me, "workspaces.read") !== "own";
  const [whose, setWhose] = useState<"own" | "all">(wide && !may(me, "workspaces.create") ? "all" : "own");
  const [text, setText] = useState("");
  const [typed] = useDebouncedValue(text.trim(), 200);
  const { query, rows, more, loading } = useRows(queries.workspaces(whose === "own" ? me.user.id : undefined, typed));

  const button = may(me, "workspaces.create") ? <ButtonLink to="/workspaces/new" leftSection={<Icon name="plus" size={16} />}>New workspace</ButtonLink> : null;
  const columns: Column<Workspace>[] = [
    { label: "Name", lead: true, render: (w) => <TextLink to="/workspaces/$id" params={{ id: w.id }} fw={600}>{w.name}</TextLink> },
    ...(whose === "all" ? [{ label: "Owner", render: (w: Workspace) => w.owner.name }] : []),
    { label: "Status", render: (w) => <WorkspaceStatus workspace={w} /> },
    { label: "Template", render: (w) => <span>{w.template.name} <Text span size="sm" c="dimmed">v{w.version}{w.outdated ? ", a newer one is there" : ""}</Text></span> },
    { label: "Size", render: resources },
    { label: "Last active", render: (w) => <Time at={w.last_active_at} /> },
    ...(may(me, "workspaces.update") || may(me, "workspaces.access")
      ? [
          {
            label: "Actions",
            bare: true,
            end: true,
            render: (w: Workspace) => (
              <Group gap="xs" justify="flex-end" wrap="nowrap">
                {w.status === "running" && mayOn(me, "workspaces.access", w.owner.id) ? <TextLink to="/workspaces/$id" params={{ id: w.id }} search={{ tab: "terminal" }} size="sm" aria-label={`Terminal of ${w.name}`}>Terminal</TextLink> : null}
                <WorkspaceActions workspace={w} compact />
              </Group>
            ),
          },
        ]
      : []),
  ];

  return (
    <Page title="Workspaces" lead="Isolated places to work in, for people and agents." actions={button}>
      {(rows?.length ?? 0) > 0 || wide || text !== "" ? (
        <Group>
          {wide ? <SegmentedControl aria-label="Whose workspaces" value={whose} onChange={(value) => setWhose(value as "own" | "all")} data={[{ value: "own", label: "Mine" }, { value: "all", label: "Everyone's" }]} /> : null}
          <TextInput type="search" aria-label="Search by name, owner or template" placeholder="Search" leftSection={<Icon name="search" size={16} />} value={text} onChange={(event) => setText(event.currentTarget.value)} />
        </Group>
      ) : null}
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      <Section padded={false}>
        {rows === undefined ? (query.error ? null : <Rows />) : rows.length > 0 ? (
          <DataTable caption="Workspaces" columns={columns} rows={rows} rowKey={(w) => w.id} more={more} loading={loading} />
        ) : typed !== "" ? (
          <Empty icon="search" title="No workspace is called so">Change what is searched for, or clear it.</Empty>
        ) : (
          <Empty icon="workspaces" title={whose === "own" ? "You have no workspace yet" : "Nobody has a workspace yet"} action={button}>
            A workspace has a home directory, a terminal in the browser, and a network that leads to the model gate. It is up in about a second.
          </Empty>
        )}
      </Section>
      <KeptHomes owner={whose === "own" ? me.user.id : undefined} />
    </Page>
  );
}

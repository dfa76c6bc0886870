import { Alert, Button, Group, Skeleton, Stack, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense } from "react";

import type { Schemas } from "../../api/client";
import { useMe } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { WorkspaceStatus } from "../../components/misc";
import { Page, Rows } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { may, mayOn } from "../../lib/permissions";
import { WorkspaceActions } from "./actions";
import { Builds } from "./builds";
import { WorkspaceChats } from "./chat";
import { Overview } from "./overview";
import { Settings } from "./settings";
import { WorkspaceTasks } from "./tasks";

// xterm.js is large: it is loaded with the first terminal.
const Terminals = lazy(() => import("./terminal").then((module) => ({ default: module.Terminals })));

type Workspace = Schemas["Workspace"];

function Failure({ workspace, show }: { workspace: Workspace; show: () => void }) {
  if (workspace.build.state !== "failed") return null;
  return (
    <Alert color="red" variant="light" icon={<Icon name="alert" />} title={`The last ${workspace.build.transition} failed`}>
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{workspace.build.error ?? "The log says more."}</Text>
        <Button size="xs" variant="default" onClick={show}>Show its log</Button>
      </Stack>
    </Alert>
  );
}

/** One workspace: how it is, what happens to it, and what can be done with it. */
export function WorkspacePage() {
  const { id } = useParams({ from: "/shell/workspaces/$id" });
  const search = useSearch({ from: "/shell/workspaces/$id" });
  const navigate = useNavigate({ from: "/workspaces/$id" });
  const me = useMe();
  const query = useQuery(queries.workspace(id));
  const workspace = query.data;
  const back = <TextLink to="/workspaces">Workspaces</TextLink>;
  if (!workspace) {
    return (
      <Page title="Workspace" back={back}>
        {query.error ? <ProblemNote error={query.error} again={() => void query.refetch()} /> : <><Skeleton h={40} /><Rows /></>}
      </Page>
    );
  }
  const show = (tab: string | null) => void navigate({ search: tab && tab !== "overview" ? { tab } : {}, replace: true });
  const access = mayOn(me, "workspaces.access", workspace.owner.id);
  const own = workspace.owner.id === me.user.id;
  return (
    <Page
      title={workspace.name}
      back={back}
      lead={<Group gap="md" component="span"><WorkspaceStatus workspace={workspace} /><span>{workspace.template.name} v{workspace.version}{own ? "" : `, of ${workspace.owner.name}`}</span></Group>}
      actions={<WorkspaceActions workspace={workspace} />}
    >
      {query.error ? <ProblemNote error={query.error} /> : null}
      <Failure workspace={workspace} show={() => show("builds")} />
      <Tabs value={search.tab ?? "overview"} onChange={show} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="overview">Overview</Tabs.Tab>
          {access ? <Tabs.Tab value="terminal">Terminal</Tabs.Tab> : null}
          {may(me, "chats.read") ? <Tabs.Tab value="chat">Chat</Tabs.Tab> : null}
          {may(me, "chats.read") ? <Tabs.Tab value="tasks">Tasks</Tabs.Tab> : null}
          <Tabs.Tab value="builds">Builds</Tabs.Tab>
          <Tabs.Tab value="settings">Settings</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="overview"><Overview workspace={workspace} /></Tabs.Panel>
        {access ? <Tabs.Panel value="terminal"><Suspense fallback={<Rows />}><Terminals workspace={workspace} /></Suspense></Tabs.Panel> : null}
        {may(me, "chats.read") ? <Tabs.Panel value="chat"><WorkspaceChats workspace={workspace} /></Tabs.Panel> : null}
        {may(me, "chats.read") ? <Tabs.Panel value="tasks"><WorkspaceTasks workspace={workspace} /></Tabs.Panel> : null}
        <Tabs.Panel value="builds"><Builds workspace={workspace} /></Tabs.Panel>
        <Tabs.Panel value="settings"><Settings workspace={workspace} /></Tabs.Panel>
      </Tabs>
    </Page>
  );
}

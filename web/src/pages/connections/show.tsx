import { Alert, Button, Group, List, Skeleton, Stack, Tabs, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, type Schemas } from "../../api/client";
import { useAction, useMe } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { CodeLine, Confirm, Status } from "../../components/misc";
import { Page, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable, Facts } from "../../components/table";
import { Time } from "../../components/time";
import { providerLines } from "../../lib/forge";
import { may } from "../../lib/permissions";
import { text } from "../../lib/parameters";
import { ConnectionForm } from "./form";
import { Deliveries, Runs } from "./runs";

type Connection = Schemas["Connection"];
type Check = Schemas["ConnectionCheck"];

/** What a check found: for each project what is missing, and what to do about it. */
function Found({ check }: { check: Check }) {
  return (
    <Stack>
      {check.ok ? <Alert color="green" variant="light" icon={<Icon name="check" />} title="Nothing is missing">It works as {check.account ?? "its token's user"}.</Alert> : <Alert color="orange" variant="light" icon={<Icon name="alert" />} title="Something is missing">{check.account ? `The token is that of ${check.account}.` : "The token was not taken."} What to do is said below.</Alert>}
      {check.token_expires ? <Text size="sm">Its token ends on {check.token_expires}.</Text> : null}
      {check.notes.length > 0 ? <List size="sm">{check.notes.map((note) => <List.Item key={note}>{note}</List.Item>)}</List> : null}
      <DataTable
        caption="Projects"
        rows={check.projects}
        rowKey={(project) => project.path}
        columns={[
          { label: "Project", lead: true, render: (project) => project.path },
          { label: "Webhook", render: (project) => (project.registered ? <Status tone="good">Registered</Status> : <Status tone="warn">Not registered</Status>) },
          { label: "Missing", render: (project) => (project.missing.length > 0 ? <List size="sm" ta="left">{project.missing.map((each) => <List.Item key={each}>{each}</List.Item>)}</List> : "nothing") },
        ]}
      />
    </Stack>
  );
}

function Checked({ connection }: { connection: Connection }) {
  const params = { params: { path: { id: connection.id } } };
  const [found, setFound] = useState<Check | null>(null);
  const check = useAction(() => call(api.POST("/api/v1/connections/{id}/check", params)), [], setFound);
  const register = useAction(() => call(api.POST("/api/v1/connections/{id}/webhook", params)), ["connections"], setFound);
  return (
    <Section title="Check">
      <Stack>
        <Text size="sm" c="dimmed">Asks the forge whether the token may do what Bailey needs, and whether the webhook is there. “Register the webhook” makes it in each project, or brings it up to date.</Text>
        <Group>
          <Button loading={check.isPending} disabled={register.isPending} onClick={() => { register.reset(); check.mutate(undefined); }}>Check</Button>
          <Button variant="default" loading={register.isPending} disabled={check.isPending} onClick={() => { check.reset(); register.mutate(undefined); }}>Register the webhook</Button>
        </Group>
        <ProblemNote error={check.error ?? register.error} />
        <div aria-live="polite">{found ? <Found check={found} /> : null}</div>
        <div>
          <Text size="sm" fw={500} mb={4}>Where the forge sends its deliveries</Text>
          <CodeLine text={connection.hook_url} label="Copy the address" />
        </div>
      </Stack>
    </Section>
  );
}

function Settings({ connection, writes }: { connection: Connection; writes: boolean }) {
  const navigate = useNavigate();
  const [asked, setAsked] = useState<"change" | "delete" | null>(null);
  const remove = useAction(() => call(api.DELETE("/api/v1/connections/{id}", { params: { path: { id: connection.id } } })), ["connections"], () => {
    notifications.show({ message: `${connection.name} is deleted.` });
    void navigate({ to: "/connections" });
  });
  const parameters = Object.entries(connection.parameters);
  return (
    <Section title="Settings" actions={writes ? <Group gap="xs"><Button size="xs" variant="default" onClick={() => setAsked("change")}>Change</Button><Button size="xs" variant="default" c="var(--mantine-color-error)" onClick={() => setAsked("delete")}>Delete</Button></Group> : null}>
      <Facts
        items={[
          ["Forge", connection.base_url],
          ["Projects", connection.projects.join(", ")],
          ["Labels", `${connection.label_prefix}-hitl, ${connection.label_prefix}-agent, ${connection.label_prefix}-agent:MODEL`],
          ["Template", connection.template ?? "none: nothing starts before one is named"],
          ...(parameters.length > 0 ? [["Its parameters", parameters.map(([name, value]) => `${name} = ${text(value)}`).join(", ")] as [string, string]] : []),
          ["Model", connection.default_model ?? "the template's or the deployment's"],
          ["Labels may name", connection.models ? connection.models.join(", ") : "all that the person may use"],
          ["Identity providers", providerLines(connection.identity_providers).join(", ") || "none: people link their accounts"],
          ["Deliveries", connection.signs ? "signed; nothing else is taken" : "with a secret token"],
          ["Made", <Time key="made" at={connection.created_at} />],
        ]}
      />
      {asked === "change" ? <ConnectionForm connection={connection} onClose={() => setAsked(null)} /> : null}
      <Confirm opened={asked === "delete"} onClose={() => { remove.reset(); setAsked(null); }} title={`Delete ${connection.name}?`} action="Delete" dangerous acknowledge="I understand that its token and secrets are gone" run={() => remove.mutate(undefined)} pending={remove.isPending} error={remove.error}>
        <List>
          <List.Item>Tickets of its projects start nothing any more, and the records of its runs are deleted.</List.Item>
          <List.Item>Workspaces that it has started stay as they are.</List.Item>
          <List.Item>The webhooks at the forge stay there, and lead nowhere.</List.Item>
        </List>
      </Confirm>
    </Section>
  );
}

/** One connection: what it started, whether it works, and how it is set up. */
export function ConnectionPage() {
  const { id } = useParams({ from: "/shell/connections/$id" });
  const search = useSearch({ from: "/shell/connections/$id" });
  const navigate = useNavigate({ from: "/connections/$id" });
  const me = useMe();
  const query = useQuery(queries.connection(id));
  const connection = query.data;
  const back = <TextLink to="/connections">Connections</TextLink>;
  if (!connection) {
    return (
      <Page title="Connection" back={back}>
        {query.error ? <ProblemNote error={query.error} again={() => void query.refetch()} /> : <><Skeleton h={40} /><Rows /></>}
      </Page>
    );
  }
  const writes = may(me, "connections.write");
  return (
    <Page title={connection.name} back={back} lead={<Group gap="md" component="span">{connection.enabled ? <Status tone="good">In use</Status> : <Status tone="off">Not in use</Status>}<span>{connection.base_url}</span></Group>}>
      {query.error ? <ProblemNote error={query.error} /> : null}
      <Tabs value={search.tab ?? "runs"} onChange={(tab) => void navigate({ search: tab && tab !== "runs" ? { tab } : {}, replace: true })} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="runs">Runs</Tabs.Tab>
          {writes ? <Tabs.Tab value="check">Check</Tabs.Tab> : null}
          <Tabs.Tab value="deliveries">Deliveries</Tabs.Tab>
          <Tabs.Tab value="settings">Settings</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="runs"><Runs connection={connection} /></Tabs.Panel>
        {writes ? <Tabs.Panel value="check"><Checked connection={connection} /></Tabs.Panel> : null}
        <Tabs.Panel value="deliveries"><Deliveries connection={connection} /></Tabs.Panel>
        <Tabs.Panel value="settings"><Settings connection={connection} writes={writes} /></Tabs.Panel>
      </Tabs>
    </Page>
  );
}

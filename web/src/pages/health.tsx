import { Box, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import type { Schemas } from "../api/client";
import { useMe } from "../api/hooks";
import * as queries from "../api/queries";
import { TextLink } from "../components/links";
import { Status } from "../components/misc";
import { Loaded, Page, Section } from "../components/page";
import { DataTable, Facts } from "../components/table";
import { Time } from "../components/time";
import { count, duration, words } from "../lib/format";
import { may } from "../lib/permissions";

type Health = Schemas["Health"];

/** Routes by their provider. */
function Providers({ models }: { models: Schemas["ModelList"] }) {
  const providers = new Map<string, { name: string; healthy: number; cooling: number; until: string | null }>();
  for (const model of models.items) {
    for (const route of model.routes) {
      const row = providers.get(route.provider) ?? { name: route.provider, healthy: 0, cooling: 0, until: null };
      if (route.healthy) row.healthy += 1;
      else row.cooling += 1;
      row.until = route.cooling_until ?? row.until;
      providers.set(route.provider, row);
    }
  }
  return (
    <DataTable
      caption="Providers"
      rows={[...providers.values()]}
      rowKey={(row) => row.name}
      columns={[
        { label: "Provider", lead: true, render: (row) => <Text span fw={600}>{row.name}</Text> },
        { label: "Health", render: (row) => (row.cooling === 0 ? <Status tone="good">Healthy</Status> : <Status tone={row.healthy === 0 ? "bad" : "warn"}>Cooling down</Status>) },
        { label: "Routes", end: true, render: (row) => `${row.healthy} of ${row.healthy + row.cooling}` },
        { label: "Tried again", render: (row) => <Time at={row.until} none="–" /> },
      ]}
    />
  );
}

function Database({ health }: { health: Health }) {
  const took = (value: number | null | undefined) => (value == null ? <Status tone="bad">no answer in time</Status> : <Status tone={value > 100_000 ? "warn" : "good"}>{duration(value)}</Status>);
  return (
    <Facts
      items={[
        ["Kind", health.database.kind === "sqlite" ? "SQLite" : "PostgreSQL"],
        ["A read took", took(health.database.read_us)],
        ["A committed write took", took(health.database.write_us)],
      ]}
    />
  );
}

function Agents({ health }: { health: Health }) {
  const { running, connected, lost } = health.agents;
  return (
    <Stack gap="sm">
      <Status tone={connected < running ? "warn" : "good"}>{running === 0 ? "No workspace runs" : `${count(connected)} of ${count(running)} running workspaces are connected`}</Status>
      {lost.map((w) => <Text size="sm" key={w.id}><TextLink to="/workspaces/$id" params={{ id: w.id }}>{w.name}</TextLink>: its agent is not connected. It dials again by itself; if it does not, restart the workspace.</Text>)}
      {running - connected > lost.length && lost.length > 0 ? <Text size="sm" c="dimmed">And {count(running - connected - lost.length)} more.</Text> : null}
    </Stack>
  );
}

function Queue({ health }: { health: Health }) {
  const { queued, running, builds } = health.queue;
  if (queued + running === 0) return <Box p="md"><Status tone="good">Nothing waits</Status></Box>;
  return (
    <>
      <Text px="md" pt="md">{count(running)} run, {count(queued)} wait for their turn.</Text>
      {builds.length > 0 ? (
        <DataTable
          caption="Builds under way, oldest first"
          rows={builds}
          rowKey={(build) => `${build.workspace.id} ${build.number}`}
          columns={[
            { label: "Workspace", lead: true, render: (build) => <TextLink to="/workspaces/$id" params={{ id: build.workspace.id }} search={{ tab: "builds" }}>{build.workspace.name}</TextLink> },
            { label: "Build", render: (build) => `${build.number}: ${build.transition}` },
            { label: "State", render: (build) => <Status tone="busy">{words(build.state)}</Status> },
            { label: "Asked for", render: (build) => <Time at={build.created_at} /> },
          ]}
        />
      ) : null}
    </>
  );
}

function Ready({ state }: { state: Health }) {
  return (
    <Stack gap="xs">
      <Status tone={state.ready ? "good" : "bad"}>{state.ready ? "Ready: the database and the journal take writes" : "Not ready: requests are refused"}</Status>
      {state.problems.map((problem) => <Text key={problem} c="red" size="sm">{words(problem)}.</Text>)}
      <Text size="sm" c="dimmed">Bailey {state.version}</Text>
    </Stack>
  );
}

/** How the server and what it leans on are. */
export function HealthPage() {
  const me = useMe();
  const health = useQuery(queries.health);
  const models = useQuery({ ...queries.models, refetchInterval: 5_000, enabled: may(me, "models.read") });
  return (
    <Page title="Health" lead="Whether everything that Bailey leans on works. It is looked at every five seconds.">
      <Loaded query={health}>
        {(state) => (
          <Stack>
            <SimpleGrid cols={{ base: 1, md: 3 }}>
              <Section title="Server"><Ready state={state} /></Section>
              <Section title="Database"><Database health={state} /></Section>
              <Section title="Agents"><Agents health={state} /></Section>
            </SimpleGrid>
            <Section title="Queue of builds" padded={false}><Queue health={state} /></Section>
          </Stack>
        )}
      </Loaded>
      {may(me, "models.read") ? <Section title="Providers" padded={false}><Loaded query={models}>{(list) => <Providers models={list} />}</Loaded></Section> : null}
    </Page>
  );
}

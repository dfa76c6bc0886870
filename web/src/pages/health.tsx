import { SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import type { Schemas } from "../api/client";
import { useMe, useRows } from "../api/hooks";
import * as queries from "../api/queries";
import { TextLink } from "../components/links";
import { Status } from "../components/misc";
import { Loaded, Page, Section } from "../components/page";
import { DataTable, Facts } from "../components/table";
import { Time } from "../components/time";
import { may } from "../lib/permissions";

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

function Fleet() {
  const { rows } = useRows(queries.workspaces());
  if (!rows) return null;
  const running = rows.filter((w) => w.status === "running");
  const lost = running.filter((w) => !w.connected);
  const queue = rows.filter((w) => w.build.state === "queued" || w.build.state === "running");
  const failed = rows.filter((w) => w.status === "failed");
  return (
    <Stack>
      <Facts
        items={[
          ["Agents connected", <Status key="a" tone={lost.length > 0 ? "warn" : "good"}>{running.length - lost.length} of {running.length}</Status>],
          ["Builds under way", queue.length],
          ["Failed workspaces", <Status key="f" tone={failed.length > 0 ? "bad" : "good"}>{failed.length}</Status>],
        ]}
      />
      {[...lost, ...failed].slice(0, 20).map((w) => (
        <Text size="sm" key={w.id}><TextLink to="/workspaces/$id" params={{ id: w.id }} search={{ tab: "builds" }}>{w.name} of {w.owner.name}</TextLink>: {w.status === "failed" ? (w.build.error ?? "failed") : "its agent is not connected"}</Text>
      ))}
    </Stack>
  );
}

/** How the server and what it leans on are. */
export function HealthPage() {
  const me = useMe();
  const ready = useQuery(queries.readiness);
  const models = useQuery({ ...queries.models, enabled: may(me, "models.read") });
  return (
    <Page title="Health" lead="Whether everything that Bailey leans on works.">
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Section title="Server">
          <Loaded query={ready}>
            {(state) => (
              <Stack gap="xs">
                <Status tone={state.ready ? "good" : "bad"}>{state.ready ? "Ready: the database and the journal take writes" : "Not ready"}</Status>
                {state.problems.map((problem) => <Text key={problem} c="red" size="sm">{problem}</Text>)}
              </Stack>
            )}
          </Loaded>
        </Section>
        {may(me, "workspaces.read") ? <Section title="Workspaces"><Fleet /></Section> : null}
      </SimpleGrid>
      {may(me, "models.read") ? <Section title="Providers" padded={false}><Loaded query={models}>{(list) => <Providers models={list} />}</Loaded></Section> : null}
    </Page>
  );
}

import { Button, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { api, call, type Schemas } from "../../api/client";
import { useAction, useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon, namedIcon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { BudgetBar, Status, type Tone } from "../../components/misc";
import { Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { Facts } from "../../components/table";
import { Time } from "../../components/time";
import { bytes, dollars, words } from "../../lib/format";
import { may, mayOn } from "../../lib/permissions";
import { text } from "../../lib/parameters";

type Workspace = Schemas["Workspace"];

const healthTones: Record<Schemas["AppHealth"], Tone> = { starting: "busy", healthy: "good", unhealthy: "bad" };

function AppCard({ workspace, app }: { workspace: Workspace; app: Schemas["App"] }) {
  const me = useMe();
  const open = useAction(
    (tab: Window | null) => call(api.POST("/api/v1/workspaces/{id}/apps/{app}/open", { params: { path: { id: workspace.id, app: app.name } } })).then((link) => ({ link, tab })),
    [],
    ({ link, tab }) => {
      if (tab) tab.location.replace(link.url);
      else window.location.assign(link.url);
    },
  );
  const ready = app.external != null || (workspace.status === "running" && workspace.connected);
  const allowed = mayOn(me, "workspaces.access", workspace.owner.id) || app.sharing !== "owner";
  const start = () => {
    // The tab is opened at once: browsers allow that only while the click is being answered. It cannot reach back.
    const tab = window.open("about:blank", "_blank");
    if (tab) tab.opener = null;
    open.mutate(tab, { onError: () => tab?.close() });
  };
  return (
    <Stack className="card" p="md" gap="xs">
      <Group justify="space-between" wrap="nowrap">
        <Group gap="xs" wrap="nowrap"><Icon name={namedIcon(app.icon, "open")} /><Text fw={600}>{app.display_name}</Text></Group>
        {app.health ? <Status tone={healthTones[app.health]}>{words(app.health)}</Status> : null}
      </Group>
      <Group justify="space-between">
        <Text size="sm" c="dimmed">{app.external ? "Outside Bailey" : { owner: "For the owner alone", authenticated: "For everyone who is signed in", public: "Public" }[app.sharing]}</Text>
        {allowed ? <Button size="xs" variant="default" rightSection={<Icon name="open" size={14} />} disabled={!ready} loading={open.isPending} onClick={start} aria-label={`Open ${app.display_name}`}>Open</Button> : null}
      </Group>
      <ProblemNote error={open.error} />
    </Stack>
  );
}

function Figures({ workspace }: { workspace: Workspace }) {
  const running = workspace.status === "running";
  const live = useQuery(queries.live(workspace.id, running));
  const figures = Object.entries(live.data?.metadata ?? {});
  if (!running) return <Text c="dimmed">Figures are read while it runs.</Text>;
  if (figures.length === 0) return <Text c="dimmed">{live.isPending ? "Waiting for the first figures …" : "Its template reads none."}</Text>;
  return (
    <SimpleGrid cols={{ base: 2, sm: 3 }}>
      {figures.map(([name, figure]) => (
        <div key={name}>
          <Text size="sm" c="dimmed">{figure.display_name}</Text>
          <Text fw={600} className="numeric">{figure.error ? "–" : figure.value}</Text>
          {figure.error ? <Text size="xs" c="red">{figure.error}</Text> : null}
        </div>
      ))}
    </SimpleGrid>
  );
}

function Money({ workspace }: { workspace: Workspace }) {
  const me = useMe();
  const sees = may(me, "ledger.read");
  const total = useQuery({ ...queries.spend(["day"], { workspace: workspace.id }), enabled: sees });
  const keys = useRows(queries.keys({ workspace: workspace.id, state: "active" }), may(me, "keys.read"));
  const key = keys.rows?.[0];
  return (
    <Stack gap="sm">
      {sees ? (
        <Group justify="space-between">
          <Text>Spent so far</Text>
          <Text fw={600} className="numeric">{total.data ? dollars(total.data.total.cost) : "…"}</Text>
        </Group>
      ) : null}
      {key ? (
        <>
          <Group justify="space-between"><Text>Key</Text><TextLink to="/keys/$id" params={{ id: key.id }} className="mono">{key.prefix}…</TextLink></Group>
          {key.budgets.map((budget) => <BudgetBar key={budget.id} budget={budget} />)}
        </>
      ) : (
        <Text c="dimmed" size="sm">It has a key of its own while it runs; the key ends when it stops.</Text>
      )}
      {sees ? <TextLink to="/requests" search={{ workspace: workspace.id }} size="sm">Its requests</TextLink> : null}
    </Stack>
  );
}

export function Overview({ workspace }: { workspace: Workspace }) {
  const limits = workspace.resources;
  const parameters = Object.entries(workspace.parameters);
  return (
    <Stack>
      <Section title="Apps">
        {workspace.apps.length > 0 ? (
          <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>{workspace.apps.map((app) => <AppCard key={app.name} workspace={workspace} app={app} />)}</SimpleGrid>
        ) : (
          <Text c="dimmed">Its template has none. Whatever listens in a workspace on a port can be one: see <span className="mono">[[apps]]</span> of templates.</Text>
        )}
      </Section>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Section title="Figures"><Figures workspace={workspace} /></Section>
        <Section title="Key and spend"><Money workspace={workspace} /></Section>
        <Section title="Limits">
          <Facts
            items={[
              ["CPU", limits.cpu_milli ? `${limits.cpu_milli / 1000}` : "not limited"],
              ["Memory", limits.memory ? bytes(limits.memory) : "not limited"],
              ["Home directory", limits.disk ? bytes(limits.disk) : "not limited"],
              ["Processes", limits.processes ?? "not limited"],
              ["Stops after", workspace.auto_stop ? `${workspace.auto_stop} without activity` : "never by itself"],
              ...(workspace.ends_at ? [["Ends", <Time key="ends" at={workspace.ends_at} />] as [string, React.ReactNode]] : []),
              ["Way in", workspace.browser_only ? "the browser alone" : "browser and command line"],
            ]}
          />
        </Section>
        <Section title="Details">
          <Facts
            items={[
              ["Owner", workspace.owner.name],
              ["Started", <Time key="started" at={workspace.started_at} none="not running" />],
              ["Last active", <Time key="active" at={workspace.last_active_at} />],
              ["Created", <Time key="created" at={workspace.created_at} />],
              ...parameters.map(([name, value]) => [words(name), text(value)] as [string, React.ReactNode]),
              ["Id", <span key="id" className="mono">{workspace.id}</span>],
            ]}
          />
        </Section>
      </SimpleGrid>
    </Stack>
  );
}

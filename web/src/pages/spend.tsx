import { Button, Group, SegmentedControl, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";

import type { Schemas } from "../api/client";
import { useMe } from "../api/hooks";
import * as queries from "../api/queries";
import { DayChart, Shares } from "../components/chart";
import { Icon } from "../components/icons";
import { TextLink } from "../components/links";
import { Empty, Loaded, Page, Section } from "../components/page";
import { count, dollars, about } from "../lib/format";
import { reach } from "../lib/permissions";

type Row = Schemas["SpendRow"];
const dimensions = ["model", "person", "group", "workspace", "key", "provider"] as const;
type Dimension = (typeof dimensions)[number];

function share(row: Row, by: Dimension) {
  const named = by === "person" || by === "group" || by === "key" ? row[by] : null;
  const id = named?.id ?? (by === "model" || by === "provider" || by === "workspace" ? row[by] : null);
  const name = named?.name ?? id;
  const link = { person: "/people/$id", group: "/groups/$id", key: "/keys/$id", workspace: "/workspaces/$id", model: null, provider: null }[by];
  return {
    key: id ?? "none",
    name: id && name ? (link ? <TextLink to={link} params={{ id }}>{name}</TextLink> : name) : `no ${by}`,
    value: row.cost.nanos / 1e9,
    note: `${count(row.requests)} requests`,
  };
}

function Figure({ label, value }: { label: string; value: string }) {
  return (
    <Stack gap={0} className="card" p="md">
      <Text size="sm" c="dimmed">{label}</Text>
      <Text fw={650} size="xl" className="numeric">{value}</Text>
    </Stack>
  );
}

/** What was spent: by day, and by whatever one asks. */
export function SpendPage() {
  const me = useMe();
  const search = useSearch({ from: "/shell/spend" });
  const navigate = useNavigate({ from: "/spend" });
  const days = { "7d": 7, "90d": 90 }[search.since ?? ""] ?? 30;
  const by = dimensions.find((name) => name === search.by) ?? "model";
  const filter = { since: `${days}d` };
  const daily = useQuery(queries.spend(["day"], filter));
  const parts = useQuery(queries.spend([by], filter));
  const wide = reach(me, "ledger.read") !== "own";
  const set = (change: Partial<typeof search>) => void navigate({ search: { ...search, ...change }, replace: true });
  const download = `/api/v1/spend?${new URLSearchParams({ since: `${days}d`, group_by: `day,${by}`, format: "csv" })}`;
  return (
    <Page title="Spend" lead={wide ? "What models cost, for everyone whom you may see." : "What models cost you."} actions={<Button component="a" href={download} download="spend.csv" variant="default" leftSection={<Icon name="download" size={16} />}>CSV</Button>}>
      <div><SegmentedControl aria-label="Time" value={`${days}d`} onChange={(since) => set({ since })} data={[{ value: "7d", label: "7 days" }, { value: "30d", label: "30 days" }, { value: "90d", label: "90 days" }]} /></div>
      <Loaded query={daily}>
        {(spend) => (
          <>
            <SimpleGrid cols={{ base: 2, md: 4 }}>
              <Figure label="Cost" value={dollars(spend.total.cost)} />
              <Figure label="Requests" value={count(spend.total.requests)} />
              <Figure label="Input tokens" value={about(spend.total.tokens.input + spend.total.tokens.cache_read + spend.total.tokens.cache_write_5m + spend.total.tokens.cache_write_1h)} />
              <Figure label="Output tokens" value={about(spend.total.tokens.output)} />
            </SimpleGrid>
            <Section title="By day (UTC)">
              {spend.total.requests === 0 ? <Empty icon="spend" title="Nothing was spent in this time">The first request at the model gate shows up here.</Empty> : <DayChart rows={spend.rows} days={days} label="Spend by day" />}
            </Section>
          </>
        )}
      </Loaded>
      <Section title="By">
        <Stack>
          <Group style={{ overflowX: "auto" }}>
            <SegmentedControl aria-label="Grouped by" value={by} onChange={(value) => set({ by: value })} data={dimensions.filter((name) => wide || (name !== "person" && name !== "group")).map((value) => ({ value, label: value.charAt(0).toUpperCase() + value.slice(1) }))} />
          </Group>
          <Loaded query={parts}>
            {(spend) => (spend.rows.length > 0 ? <Shares label={`Spend by ${by}`} rows={spend.rows.slice(0, 50).map((row) => share(row, by))} /> : <Text c="dimmed">Nothing.</Text>)}
          </Loaded>
          {(parts.data?.rows.length ?? 0) > 50 ? <Text size="sm" c="dimmed">The 50 largest of {count(parts.data?.rows.length ?? 0)}; the CSV has all.</Text> : null}
        </Stack>
      </Section>
    </Page>
  );
}

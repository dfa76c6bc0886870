import { Box, Button, Group, Select, Switch, Text, TextInput } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";

import type { Schemas } from "../../api/client";
import * as queries from "../../api/queries";
import { Icon } from "../../components/icons";
import { Outcome } from "../../components/misc";
import { Empty, Page, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { Time } from "../../components/time";
import { about, dollars, duration } from "../../lib/format";

type Request = Schemas["Request"];
const outcomes: readonly string[] = ["ok", "denied", "error", "client_gone", "unknown"] satisfies Schemas["Outcome"][];

interface Column {
  label: string;
  width: string;
  render: (row: Request) => React.ReactNode;
  end?: boolean;
  /** Also where there is little room. */
  narrow?: boolean;
}

const columns: Column[] = [
  { label: "Time", width: "110px", render: (row) => <Time at={row.started_at} />, narrow: true },
  { label: "Model", width: "minmax(120px, 1.5fr)", render: (row) => row.model, narrow: true },
  { label: "Provider", width: "minmax(80px, 1fr)", render: (row) => row.provider ?? "–" },
  { label: "Outcome", width: "minmax(150px, 1.5fr)", render: (row) => <Outcome request={row} /> },
  { label: "Input", width: "70px", render: (row) => about(row.tokens.input + row.tokens.cache_read + row.tokens.cache_write_5m + row.tokens.cache_write_1h), end: true },
  { label: "Output", width: "70px", render: (row) => about(row.tokens.output), end: true },
  { label: "Cost", width: "85px", render: (row) => dollars(row.cost), end: true, narrow: true },
  { label: "Latency", width: "80px", render: (row) => duration(row.latency_us), end: true },
];

function useNarrow() {
  const [narrow, setNarrow] = useState(() => window.matchMedia("(max-width: 62em)").matches);
  useEffect(() => {
    const query = window.matchMedia("(max-width: 62em)");
    const listen = () => setNarrow(query.matches);
    query.addEventListener("change", listen);
    return () => query.removeEventListener("change", listen);
  }, []);
  return narrow;
}

interface VirtualProps {
  rows: Request[];
  more: boolean;
  fetching: boolean;
  fetchMore: () => void;
}

/** Only the rows in view are in the page, however many there are. */
function VirtualTable({ rows, more, fetching, fetchMore }: VirtualProps) {
  const box = useRef<HTMLDivElement>(null);
  const shown = useNarrow() ? columns.filter((column) => column.narrow) : columns;
  const template = shown.map((column) => column.width).join(" ");
  // eslint-disable-next-line react-hooks/incompatible-library -- its functions are called in this component alone
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => 40, overscan: 12 });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && !fetching && last >= rows.length - 20) fetchMore();
  }, [more, fetching, last, rows.length, fetchMore]);
  return (
    <div className="virtual" ref={box} role="table" aria-label="Requests, newest first" aria-rowcount={more ? -1 : rows.length + 1} tabIndex={0}>
      <div role="rowgroup" style={{ position: "sticky", top: 0, background: "var(--bailey-surface)", zIndex: 1 }}>
        <div role="row" style={{ gridTemplateColumns: template, height: 36 }}>
          {shown.map((column) => <Text key={column.label} component="div" role="columnheader" size="xs" fw={600} c="dimmed" ta={column.end ? "right" : undefined}>{column.label}</Text>)}
        </div>
      </div>
      <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {items.map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          return (
            <div key={row.id} role="row" aria-rowindex={item.index + 2} className="row" style={{ gridTemplateColumns: template, position: "absolute", top: 0, left: 0, right: 0, height: item.size, transform: `translateY(${item.start}px)` }}>
              {shown.map((column, i) => (
                <div key={column.label} role="cell" className="cell numeric" style={{ textAlign: column.end ? "right" : undefined }}>
                  {i === 0 ? <Link to="/requests/$id" params={{ id: row.id }} style={{ color: "var(--mantine-color-anchor)" }} preload={false}>{column.render(row)}</Link> : column.render(row)}
                </div>
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** The ledger, newest first. */
export function RequestsPage() {
  const search = useSearch({ from: "/shell/requests" });
  const navigate = useNavigate({ from: "/requests" });
  const [following, setFollowing] = useState(true);
  const outcome = outcomes.includes(search.outcome ?? "") ? (search.outcome as Schemas["Outcome"]) : undefined;
  const filter: queries.RequestFilter = { ...search, outcome };
  const query = useInfiniteQuery(queries.requests(filter, following));
  const set = (change: Partial<typeof search>) => {
    const next = Object.fromEntries(Object.entries({ ...search, ...change }).filter(([, value]) => value));
    void navigate({ search: next, replace: true });
  };
  const [model, setModel] = useState(search.model ?? "");
  const filtered = Object.values(search).some(Boolean);
  const download = `/api/v1/requests?${new URLSearchParams({ ...Object.fromEntries(Object.entries(filter).filter((entry): entry is [string, string] => typeof entry[1] === "string")), format: "csv" })}`;
  const narrowed = (["key", "person", "workspace", "provider"] as const).filter((name) => search[name]);
  return (
    <Page title="Requests" lead="Every request at the model gate, with its tokens, cost and outcome." actions={<Button component="a" href={download} download="requests.csv" variant="default" leftSection={<Icon name="download" size={16} />}>CSV</Button>}>
      <Group align="flex-end" gap="sm">
        <Select label="Since" w={150} data={[{ value: "1h", label: "Last hour" }, { value: "24h", label: "Last day" }, { value: "7d", label: "Last 7 days" }, { value: "30d", label: "Last 30 days" }]} placeholder="The beginning" clearable value={search.since ?? null} onChange={(since) => set({ since: since ?? undefined })} />
        <Select label="Outcome" w={150} data={outcomes.map((value) => ({ value, label: value.replace("_", " ") }))} placeholder="Any" clearable value={outcome ?? null} onChange={(value) => set({ outcome: value ?? undefined })} />
        <form
          onSubmit={(event) => {
            event.preventDefault();
            set({ model: model.trim() || undefined });
          }}
        >
          <TextInput label="Model" w={200} placeholder="Any" value={model} onChange={(event) => setModel(event.currentTarget.value)} onBlur={() => set({ model: model.trim() || undefined })} />
        </form>
        {narrowed.map((name) => <Button key={name} variant="default" rightSection={<Icon name="close" size={14} />} onClick={() => set({ [name]: undefined })} aria-label={`Of every ${name} again`}>one {name}</Button>)}
        <Switch label="Follow" checked={following} onChange={(event) => setFollowing(event.currentTarget.checked)} mb={8} />
      </Group>
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      <Section padded={false}>
        {query.data === undefined ? (query.error ? null : <Rows count={8} />) : query.data.length > 0 ? (
          <VirtualTable rows={query.data} more={query.hasNextPage} fetching={query.isFetchingNextPage} fetchMore={() => void query.fetchNextPage()} />
        ) : filtered ? (
          <Empty icon="search" title="No request matches">Change the filters, or clear them.</Empty>
        ) : (
          <Empty icon="requests" title="No request yet">Make a key, point a client at this server, and its requests appear here by themselves.</Empty>
        )}
      </Section>
      <Box component="p" m={0}><Text size="sm" c="dimmed" component="span">{query.data && query.data.length > 0 ? `${query.data.length} shown${query.hasNextPage ? "; more are fetched as you scroll" : ""}.` : ""}</Text></Box>
    </Page>
  );
}

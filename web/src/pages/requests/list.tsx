import { Box, Button, Group, Select, Switch, Text, TextInput } from "@mantine/core";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";

import type { Schemas } from "../../api/client";
import { useMe } from "../../api/hooks";
import type { RequestFilter } from "../../api/queries";
import { PersonSelect } from "../../components/chooser";
import { Icon } from "../../components/icons";
import { Outcome, Status } from "../../components/misc";
import { GroupName, KeyName, PersonName, WorkspaceName } from "../../components/named";
import { Empty, Page, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { Time } from "../../components/time";
import { about, count, dollars, duration } from "../../lib/format";
import { reach } from "../../lib/permissions";
import { useTail } from "./tail";

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
  /** Whether somebody reads further down, or has a row under the keyboard: rows must not move then. */
  onHeld: (held: boolean) => void;
  box: React.RefObject<HTMLDivElement | null>;
}

/** Only the rows in view are in the page, however many there are. */
function VirtualTable({ rows, more, fetching, fetchMore, onHeld, box }: VirtualProps) {
  const shown = useNarrow() ? columns.filter((column) => column.narrow) : columns;
  const template = shown.map((column) => column.width).join(" ");
  // eslint-disable-next-line react-hooks/incompatible-library -- its functions are called in this component alone
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => 40, overscan: 12 });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && !fetching && last >= rows.length - 20) fetchMore();
  }, [more, fetching, last, rows.length, fetchMore]);
  const hold = (element: HTMLElement, focused: Element | null) => onHeld(element.scrollTop > 8 || (focused !== element && element.contains(focused)));
  return (
    <div className="virtual" ref={box} onScroll={(event) => hold(event.currentTarget, document.activeElement)} onFocus={(event) => hold(event.currentTarget, event.target)} onBlur={(event) => hold(event.currentTarget, event.relatedTarget)} role="table" aria-label="Requests, newest first" aria-rowcount={more ? -1 : rows.length + 1} tabIndex={0}>
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

/** What the tail does: it follows, waits, or is paused. */
function Tail({ following, waiting, show }: { following: boolean; waiting: number | null; show: () => void }) {
  if (!following) return <Status tone="off">Paused</Status>;
  if (waiting === 0) return <Status tone="busy">Live</Status>;
  return <Button size="xs" onClick={show}>Show {waiting === null ? "what is new" : `${count(waiting)} new`}</Button>;
}

const outcomeName = (outcome: string) => outcome.replace("_", " ");

/** The ledger, newest first. */
export function RequestsPage() {
  const me = useMe();
  const search = useSearch({ from: "/shell/requests" });
  const navigate = useNavigate({ from: "/requests" });
  const [following, setFollowing] = useState(true);
  const [held, setHeld] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const outcome = outcomes.includes(search.outcome ?? "") ? (search.outcome as Schemas["Outcome"]) : undefined;
  const filter: RequestFilter = { ...search, outcome };
  const tail = useTail(filter, following, held);
  const { rows } = tail;
  const set = (change: Partial<typeof search>) => {
    const next = Object.fromEntries(Object.entries({ ...search, ...change }).filter(([, value]) => value));
    void navigate({ search: next, replace: true });
  };
  const [model, setModel] = useState(search.model ?? "");
  const filtered = Object.values(search).some(Boolean);
  const wide = reach(me, "ledger.read") !== "own";
  const query = new URLSearchParams(Object.entries(filter).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  const download = `/api/v1/requests?${query}${query.size > 0 ? "&" : ""}format=csv`;
  const narrowed = [
    ["key", search.key ? <KeyName key="key" id={search.key} link={false} /> : null],
    ["group", search.group ? <GroupName key="group" id={search.group} link={false} /> : null],
    ["workspace", search.workspace ? <WorkspaceName key="workspace" id={search.workspace} link={false} /> : null],
    ["provider", search.provider ?? null],
    ["person", !wide && search.person ? <PersonName key="person" id={search.person} link={false} /> : null],
  ] as const;
  return (
    <Page title="Requests" lead="Every request at the model gate, with its tokens, cost and outcome." actions={<Button component="a" href={download} download="requests.csv" variant="default" leftSection={<Icon name="download" size={16} />}>CSV</Button>}>
      <Group align="flex-end" gap="sm">
        <Select label="Since" w={150} data={[{ value: "1h", label: "Last hour" }, { value: "24h", label: "Last day" }, { value: "7d", label: "Last 7 days" }, { value: "30d", label: "Last 30 days" }]} placeholder="The beginning" clearable value={search.since ?? null} onChange={(since) => set({ since: since ?? undefined })} />
        <Select label="Outcome" w={150} data={outcomes.map((value) => ({ value, label: outcomeName(value) }))} placeholder="Any" clearable value={outcome ?? null} onChange={(value) => set({ outcome: value ?? undefined })} />
        <form
          onSubmit={(event) => {
            event.preventDefault();
            set({ model: model.trim() || undefined });
          }}
        >
          <TextInput label="Model" w={180} placeholder="Any" value={model} onChange={(event) => setModel(event.currentTarget.value)} onBlur={() => set({ model: model.trim() || undefined })} />
        </form>
        {wide ? <PersonSelect label="Person" w={200} placeholder="Everyone" clearable value={search.person ?? null} onChange={(person) => set({ person: person ?? undefined })} /> : null}
        {narrowed.map(([name, value]) => (value ? <Button key={name} variant="default" rightSection={<Icon name="close" size={14} />} onClick={() => set({ [name]: undefined })} aria-label={`Of every ${name} again`}>{name} {value}</Button> : null))}
      </Group>
      <ProblemNote error={tail.error} again={tail.again} />
      <Section padded={false}>
        <Group justify="space-between" px="md" py="xs" gap="sm" mih={46} role="status" aria-live="off">
          <Tail
            following={following}
            waiting={tail.waiting}
            show={() => {
              tail.show();
              box.current?.scrollTo({ top: 0 });
            }}
          />
          <Switch label="Follow" checked={following} onChange={(event) => setFollowing(event.currentTarget.checked)} />
        </Group>
        {rows === undefined ? (tail.error ? null : <Rows count={8} />) : rows.length > 0 ? (
          <VirtualTable rows={rows} more={tail.more} fetching={tail.fetching} fetchMore={() => void tail.fetchMore()} onHeld={setHeld} box={box} />
        ) : filtered ? (
          <Empty icon="search" title="No request matches">Change the filters, or clear them.</Empty>
        ) : (
          <Empty icon="requests" title="No request yet">Make a key, point a client at this server, and its requests appear here by themselves.</Empty>
        )}
      </Section>
      <Box component="p" m={0}><Text size="sm" c="dimmed" component="span">{rows && rows.length > 0 ? `${count(rows.length)} shown${tail.more ? "; more are fetched as you scroll" : ""}.` : ""}</Text></Box>
    </Page>
  );
}

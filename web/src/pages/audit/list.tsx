import { Alert, Autocomplete, Badge, Button, Group, Menu, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, type Schemas } from "../../api/client";
import { useAction, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { PersonSelect } from "../../components/chooser";
import { Icon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { Status, type Tone } from "../../components/misc";
import { Empty, Page, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { count, instant, words } from "../../lib/format";

type Entry = Schemas["AuditEntry"];
type Report = Schemas["AuditReport"];

export const outcomeTones: Record<Entry["outcome"], Tone> = { done: "good", failed: "bad", denied: "warn", unknown: "bad", pending: "busy" };
const outcomes = ["done", "failed", "denied", "unknown", "pending"] as const satisfies Entry["outcome"][];
const filters = ["q", "actor", "action", "resource", "outcome", "since", "until", "causal"] as const;

export function actorOf(entry: Entry): string {
  const { kind, person, name } = entry.actor;
  return person?.name ?? name ?? { person: "somebody", system: "Bailey", anonymous: "not signed in" }[kind];
}

const faults: Record<Schemas["AuditFaultKind"], string> = { altered: "was altered", missing: "is missing", reordered: "stands in another's place", anchor: "is not what an anchor says" };

/** What was found when the chains were checked. */
function Verdict({ report }: { report: Report }) {
  const { rows, sound, first_fault: fault, reached } = report;
  if (sound) {
    return (
      <Alert color="green" variant="light" icon={<Icon name="check" />} title="The log is whole">
        <Text size="sm">{count(rows)} rows were checked, and each is as it was written, none missing and in its order.{reached ? <> Signed anchors prove it up to row {count(reached.seq)} ({instant(reached.at)}): nobody without the key can have changed what was written until then.</> : <> No anchor was signed yet: whoever can write to the database could have written all of it anew.</>}</Text>
      </Alert>
    );
  }
  return (
    <Alert color="red" variant="light" icon={<Icon name="alert" />} role="alert" title={fault ? `Not whole: row ${fault.seq} of ${fault.writer} ${faults[fault.kind]}` : "Not whole"}>
      <Stack gap="xs">
        <Text size="sm">{fault?.detail}</Text>
        {reached ? <Text size="sm">Anchors prove it up to row {count(reached.seq)} of {reached.writer} ({instant(reached.at)}).</Text> : null}
        <Text size="sm">What is before this row can be trusted, and what comes after it cannot. Keep a copy of the database, and compare with an export or anchor that is kept elsewhere.</Text>
        {fault ? <div><TextLink to="/audit/$id" params={{ id: `${fault.writer}:${fault.seq}` }} size="sm">Look at the row</TextLink></div> : null}
      </Stack>
    </Alert>
  );
}

function Anchors({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { query, rows, more, loading } = useRows(queries.auditAnchors, opened);
  return (
    <Modal opened={opened} onClose={onClose} title="Anchors" size="lg" centered>
      <Stack>
        <Text size="sm" c="dimmed">An anchor is a signed note of how far a chain had come. One that is kept elsewhere proves that nothing before it was changed since.</Text>
        <ProblemNote error={query.error} />
        {rows === undefined ? (query.error ? null : <Rows />) : rows.length > 0 ? (
          <DataTable
            caption="Anchors, newest first"
            rows={rows}
            rowKey={(anchor) => `${anchor.signer}:${anchor.number}`}
            more={more}
            loading={loading}
            columns={[
              { label: "Anchor", lead: true, render: (anchor) => <>{anchor.number}{anchor.kind === "cut" ? ", of a cut" : ""}</> },
              { label: "When", render: (anchor) => <Time at={anchor.at} /> },
              { label: "Up to rows", render: (anchor) => anchor.heads.map((head) => count(head.seq)).join(", ") || "none" },
              { label: "Signature", render: (anchor) => <span className="mono" title={anchor.signature}>{anchor.signature.slice(0, 12)}…</span> },
              { label: "Sent off", render: (anchor) => <Time at={anchor.sent_at} none="kept here" /> },
            ]}
          />
        ) : <Empty icon="shield" title="No anchor yet">The server signs one every so often; where to send them is <span className="mono">audit.anchors_url</span>.</Empty>}
      </Stack>
    </Modal>
  );
}

/** What was done, by whom, and what came of it. */
export function AuditPage() {
  const search = useSearch({ from: "/shell/audit" });
  const navigate = useNavigate({ from: "/audit" });
  const outcome = outcomes.find((each) => each === search.outcome);
  const filter: queries.AuditFilter = { ...search, outcome };
  const { query, rows, more, loading } = useRows(queries.audit(filter));
  const verify = useAction(() => call(api.POST("/api/v1/audit/verify")), []);
  const [anchors, { open, close }] = useDisclosure(false);
  const [text, setText] = useState(search.q ?? "");
  const [action, setAction] = useState(search.action ?? "");
  // Actions that were seen here are offered; others can be typed.
  const actions = [...new Set((rows ?? []).map((entry) => entry.action))].toSorted();
  const [resource, setResource] = useState(search.resource ?? "");
  const set = (change: Partial<typeof search>) => void navigate({ search: Object.fromEntries(Object.entries({ ...search, ...change }).filter(([, value]) => value)), replace: true });
  const apply = () => set({ q: text.trim() || undefined, action: action.trim() || undefined, resource: resource.trim() || undefined });
  const filtered = filters.some((name) => search[name]);
  const asked = new URLSearchParams(Object.entries(filter).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  const download = (format: string) => `/api/v1/audit/export?${new URLSearchParams([...asked, ["format", format]])}`;
  return (
    <Page
      title="Audit"
      lead="Every change, sign-in, terminal, app session, command and refusal. Rows are chained: one that was altered, removed or moved is found."
      actions={
        <>
          <Button leftSection={<Icon name="shield" size={16} />} loading={verify.isPending} onClick={() => verify.mutate(undefined)}>Verify</Button>
          <Button variant="default" onClick={open}>Anchors</Button>
          <Menu position="bottom-end">
            <Menu.Target><Button variant="default" leftSection={<Icon name="download" size={16} />}>Export</Button></Menu.Target>
            <Menu.Dropdown>
              <Menu.Label>{filtered ? "What is filtered" : "Everything"}</Menu.Label>
              <Menu.Item component="a" href={download("jsonl")} download="audit.jsonl">JSON lines, to be verified offline</Menu.Item>
              <Menu.Item component="a" href={download("csv")} download="audit.csv">CSV, to be read in a table</Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </>
      }
    >
      <div role="status" aria-live="polite">{verify.isPending ? <Text c="dimmed">Every row is checked against the one before it. This can take a while …</Text> : null}</div>
      <ProblemNote error={verify.error} />
      {verify.data && !verify.isPending ? <Verdict report={verify.data} /> : null}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          apply();
        }}
      >
        <Group align="flex-end" gap="sm">
          <TextInput label="Search" type="search" w={200} placeholder="Names, addresses, values" value={text} onChange={(event) => setText(event.currentTarget.value)} onBlur={apply} />
          <PersonSelect label="By" w={180} placeholder="Anybody" clearable value={search.actor ?? null} onChange={(actor) => set({ actor: actor ?? undefined })} />
          <Autocomplete label="Action" w={180} placeholder="Any" data={actions} value={action} onChange={setAction} onOptionSubmit={(value) => set({ action: value })} onBlur={apply} />
          <TextInput label="On" w={200} placeholder="The id of anything" value={resource} onChange={(event) => setResource(event.currentTarget.value)} onBlur={apply} />
          <Select label="Outcome" w={130} placeholder="Any" clearable data={outcomes.map((value) => ({ value, label: words(value) }))} value={outcome ?? null} onChange={(value) => set({ outcome: value ?? undefined })} />
          <Select label="Since" w={150} placeholder="The beginning" clearable data={[{ value: "1h", label: "Last hour" }, { value: "24h", label: "Last day" }, { value: "7d", label: "Last 7 days" }, { value: "30d", label: "Last 30 days" }]} value={search.since ?? null} onChange={(since) => set({ since: since ?? undefined })} />
          {search.causal ? <Button variant="default" rightSection={<Icon name="close" size={14} />} onClick={() => set({ causal: undefined })} aria-label="Of every cause again">one cause</Button> : null}
          <Button type="submit" variant="default">Search</Button>
        </Group>
      </form>
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      <Section padded={false}>
        {rows === undefined ? (query.error ? null : <Rows count={8} />) : rows.length > 0 ? (
          <DataTable
            caption="Audit log, newest first"
            rows={rows}
            rowKey={(entry) => entry.id}
            more={more}
            loading={loading}
            columns={[
              { label: "When", lead: true, render: (entry) => <TextLink to="/audit/$id" params={{ id: entry.id }} size="sm" className="numeric whole">{instant(entry.at)}</TextLink> },
              { label: "By", render: (entry) => actorOf(entry) },
              { label: "Action", render: (entry) => <span className="mono">{entry.action}</span> },
              { label: "On", render: (entry) => <><span className="breaks">{entry.resource.name ?? entry.resource.id}</span> <Badge variant="default" size="sm">{entry.resource.kind}</Badge></> },
              { label: "Outcome", render: (entry) => <><Status tone={outcomeTones[entry.outcome]}>{words(entry.outcome)}</Status>{entry.code ? <Text size="xs" c="dimmed">{words(entry.code)}</Text> : null}</> },
              { label: "Address", render: (entry) => <span className="mono">{entry.address ?? "–"}</span> },
            ]}
          />
        ) : filtered ? <Empty icon="search" title="Nothing matches">Change the filters, or clear them.</Empty> : <Empty icon="shield" title="Nothing was done yet">Whatever is changed from now on is listed here by itself.</Empty>}
      </Section>
      <Anchors opened={anchors} onClose={close} />
    </Page>
  );
}

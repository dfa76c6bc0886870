import { Stack, Switch, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";

import type { Schemas } from "../../api/client";
import * as queries from "../../api/queries";
import { TextLink } from "../../components/links";
import { Copy, Status } from "../../components/misc";
import { PersonName } from "../../components/named";
import { Loaded, Page, Section } from "../../components/page";
import { DataTable, Facts } from "../../components/table";
import { changed, fields } from "../../lib/diff";
import { instant, words } from "../../lib/format";
import { actorOf, outcomeTones } from "./list";

type Entry = Schemas["AuditEntry"];

/** Pages of what can be acted on. */
const pages = { workspace: "/workspaces/$id", template: "/templates/$id", key: "/keys/$id", person: "/people/$id", group: "/groups/$id", role: "/roles/$id", chat: "/chats/$id", connection: "/connections/$id" } as const;

function Resource({ resource }: { resource: Entry["resource"] }) {
  const to = pages[resource.kind as keyof typeof pages];
  const name = resource.name ?? resource.id;
  return <>{words(resource.kind)} {to ? <TextLink to={to} params={{ id: resource.id }}>{name}</TextLink> : name}</>;
}

/** What was there before and after, field by field. */
function Difference({ entry }: { entry: Entry }) {
  const all = fields(entry.before, entry.after);
  const [whole, setWhole] = useState(false);
  const differ = all.filter(changed);
  const shown = whole || differ.length === 0 ? all : differ;
  if (all.length === 0) return <Text c="dimmed" p="md">It changed no record.</Text>;
  const cell = (value: string | undefined) => (value === undefined ? <Text span size="sm" c="dimmed">nothing</Text> : <span className="mono" style={{ overflowWrap: "anywhere" }}>{value === "" ? "(empty)" : value}</span>);
  return (
    <>
      {differ.length > 0 && differ.length < all.length ? <Switch px="md" pt="md" label="Also what stayed as it was" checked={whole} onChange={(event) => setWhole(event.currentTarget.checked)} /> : null}
      <DataTable
        caption="What was there before and after"
        rows={shown}
        rowKey={(each) => each.path}
        columns={[
          { label: "Field", lead: true, render: (each) => <span className="mono">{each.path || "value"}</span> },
          { label: "Change", render: (each) => (!changed(each) ? "stayed" : each.before === undefined ? "added" : each.after === undefined ? "removed" : "changed") },
          { label: "Before", render: (each) => <span className={changed(each) ? "diff-old" : undefined}>{cell(each.before)}</span> },
          { label: "After", render: (each) => <span className={changed(each) ? "diff-new" : undefined}>{cell(each.after)}</span> },
        ]}
      />
    </>
  );
}

/** One entry of the audit log, in full. */
export function AuditEntryPage() {
  const { id } = useParams({ from: "/shell/audit/$id" });
  const query = useQuery(queries.auditEntry(id));
  const entry = query.data;
  return (
    <Page title={entry ? entry.action : "Entry"} back={<TextLink to="/audit">Audit</TextLink>} lead={entry ? <Status tone={outcomeTones[entry.outcome]}>{words(entry.outcome)}{entry.reason ? `: ${entry.reason}` : ""}</Status> : null}>
      <Loaded query={query}>
        {(value) => (
          <Stack>
            <Section title="What happened">
              <Facts
                items={[
                  ["When", instant(value.at)],
                  ...(value.ended_at ? [["Over", instant(value.ended_at)] as [string, string]] : []),
                  ["By", value.actor.person ? <PersonName key="by" id={value.actor.person.id} /> : actorOf(value)],
                  ["On", <Resource key="on" resource={value.resource} />],
                  ["From", <span key="from" className="mono">{value.address ?? "–"}</span>],
                  ["Way", value.session ? <>a session in a browser, <span key="s" className="mono">{value.session}</span></> : value.token ? <>an API token, <span key="t" className="mono">{value.token}</span></> : "neither session nor token"],
                  ["Cause", value.causal ? <TextLink key="c" to="/audit" search={{ causal: value.causal }} className="mono">{value.causal}</TextLink> : "–"],
                  ["Hash", <span key="hash" className="mono">{value.hash}</span>],
                  ["Row", <span key="id" className="mono">{value.id} <Copy text={value.id} label="Copy the row's id" /></span>],
                ]}
              />
            </Section>
            <Section title="Before and after" padded={false}><Difference entry={value} /></Section>
          </Stack>
        )}
      </Loaded>
    </Page>
  );
}

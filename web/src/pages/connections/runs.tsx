import { Anchor, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import type { Schemas } from "../../api/client";
import { useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { TextLink } from "../../components/links";
import { Status, type Tone } from "../../components/misc";
import { PersonName } from "../../components/named";
import { Empty, Loaded, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { branchPage, ticketPage } from "../../lib/forge";
import { words } from "../../lib/format";

type Connection = Schemas["Connection"];
type Run = Schemas["TicketRun"];

const tones: Record<string, Tone> = { starting: "busy", building: "busy", cloning: "busy", ready: "good", stopping: "busy", done: "good", failed: "bad", stopped: "off" };
const deliveryTones: Record<string, Tone> = { waiting: "busy", done: "good", ignored: "off", dead: "bad" };

/** A link to the forge, which learns nothing of where it was followed. */
function Out({ to, children }: { to: string | null; children: ReactNode }) {
  return to ? <Anchor href={to} target="_blank" rel="noopener noreferrer" inherit>{children}</Anchor> : <>{children}</>;
}

function RunState({ run }: { run: Run }) {
  return <><Status tone={tones[run.state] ?? "off"}>{words(run.state)}</Status>{run.cause ? <Text size="sm" c="dimmed">{run.cause}</Text> : null}</>;
}

/** What labels on tickets have started. */
export function Runs({ connection }: { connection: Connection }) {
  const { query, rows, more, loading } = useRows(queries.ticketRuns(connection.id));
  return (
    <>
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      <Section padded={false}>
        {rows === undefined ? (query.error ? null : <Rows />) : rows.length > 0 ? (
          <DataTable
            caption="Runs of tickets, newest first"
            rows={rows}
            rowKey={(run) => run.id}
            more={more}
            loading={loading}
            columns={[
              { label: "Ticket", lead: true, render: (run) => <Out to={ticketPage(connection, run.project, run.ticket)}>{run.project}#{run.ticket}</Out> },
              { label: "State", render: (run) => <RunState run={run} /> },
              { label: "Label", render: (run) => <>{run.label}{run.agent && run.model ? <Text size="sm" c="dimmed">{run.model}</Text> : null}</> },
              { label: "For", render: (run) => <PersonName id={run.person.id} /> },
              { label: "Workspace", render: (run) => <TextLink to="/workspaces/$id" params={{ id: run.workspace }} search={run.agent ? { tab: "chat" } : {}} inherit>{run.workspace_name}</TextLink> },
              { label: "Branch", render: (run) => <Out to={branchPage(connection, run.project, run.branch)}><span className="mono">{run.branch}</span></Out> },
              { label: "Started", render: (run) => <Time at={run.created_at} /> },
              { label: "Ended", render: (run) => <Time at={run.finished_at} none="–" /> },
            ]}
          />
        ) : (
          <Empty icon="connections" title="No ticket has started anything yet">
            Assign a ticket to somebody who is here, and put the label <span className="mono">{connection.label_prefix}-agent</span> or <span className="mono">{connection.label_prefix}-hitl</span> on it.
          </Empty>
        )}
      </Section>
    </>
  );
}

/** What the forge has told lately, and what came of it. */
export function Deliveries({ connection }: { connection: Connection }) {
  const query = useQuery(queries.deliveries(connection.id));
  return (
    <Section padded={false}>
      <Loaded query={query}>
        {(found) => found.items.length > 0 ? (
          <DataTable
            caption="Deliveries, newest first"
            rows={found.items}
            rowKey={(each) => each.id}
            columns={[
              { label: "What", lead: true, render: (each) => each.what },
              { label: "State", render: (each) => <Status tone={deliveryTones[each.state] ?? "off"}>{each.state === "dead" ? "Given up" : words(each.state)}</Status> },
              { label: "Why", render: (each) => each.reason ?? "–" },
              { label: "Tries", end: true, render: (each) => each.tries },
              { label: "Came", render: (each) => <Time at={each.received_at} /> },
            ]}
          />
        ) : <Empty icon="connections" title="The forge has told nothing yet">Register the webhook, and see what is missing under “Check”.</Empty>}
      </Loaded>
    </Section>
  );
}

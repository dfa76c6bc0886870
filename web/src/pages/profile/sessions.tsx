import { Button } from "@mantine/core";

import { api, call } from "../../api/client";
import { useAction, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Status } from "../../components/misc";
import { Empty, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { Time } from "../../components/time";

const methods: Record<string, string> = { password: "password", claim: "first run", invitation: "invitation" };

/** What a browser said it is, in short. */
function browser(agent: string): string {
  const name = /(Firefox|Edg|OPR|Chrome|Safari)\/(\d+)/.exec(agent);
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(agent);
  const names: Record<string, string> = { Edg: "Edge", OPR: "Opera" };
  return [name ? `${names[name[1] ?? ""] ?? name[1]} ${name[2]}` : "Unknown browser", system?.[1]?.replace("Mac OS X", "macOS")].filter(Boolean).join(", ");
}

/** Sessions in browsers: one's own, or those of somebody else. */
export function Sessions({ person }: { person?: string }) {
  const { query, rows, more, loading } = useRows(queries.sessions(person));
  const end = useAction((id: string) => call(api.DELETE("/api/v1/sessions/{id}", { params: { path: { id } } })), ["sessions"]);
  return (
    <>
      <ProblemNote error={query.error ?? end.error} again={() => void query.refetch()} />
      <Section padded={false}>
        {rows === undefined ? (query.error ? null : <Rows />) : rows.length > 0 ? (
          <DataTable
            caption="Sessions"
            rows={rows}
            rowKey={(session) => session.id}
            more={more}
            loading={loading}
            columns={[
              { label: "Browser", lead: true, render: (session) => <span title={session.agent}>{browser(session.agent)}</span> },
              { label: "Address", render: (session) => <span className="mono">{session.address}</span> },
              { label: "Signed in by", render: (session) => methods[session.method] ?? session.method.replace("provider:", "") },
              { label: "Began", render: (session) => <Time at={session.created_at} /> },
              { label: "Last used", render: (session) => <Time at={session.last_used_at} /> },
              { label: "Ends", render: (session) => <Time at={session.expires_at} /> },
              { label: "End it", bare: true, end: true, render: (session) => (session.current ? <Status tone="good">This one</Status> : <Button size="xs" variant="default" loading={end.isPending && end.variables === session.id} onClick={() => end.mutate(session.id)} aria-label={`End the session of ${browser(session.agent)}`}>End</Button>) },
            ]}
          />
        ) : <Empty icon="person" title="No session">Nobody is signed in with a browser.</Empty>}
      </Section>
    </>
  );
}

import { Button } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { Status } from "../../components/misc";
import { Empty, Page, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { may } from "../../lib/permissions";
import { ConnectionForm } from "./form";

/** Forges whose tickets start workspaces and agents. */
export function ConnectionsPage() {
  const me = useMe();
  const navigate = useNavigate();
  const [making, setMaking] = useState(false);
  const { query, rows, more, loading } = useRows(queries.connections);
  const button = may(me, "connections.write") ? <Button leftSection={<Icon name="plus" size={16} />} onClick={() => setMaking(true)}>New connection</Button> : null;
  return (
    <Page title="Connections" lead="Forges whose tickets start workspaces and agents, by a label." actions={button}>
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      <Section padded={false}>
        {rows === undefined ? (query.error ? null : <Rows />) : rows.length > 0 ? (
          <DataTable
            caption="Connections"
            rows={rows}
            rowKey={(each) => each.id}
            more={more}
            loading={loading}
            columns={[
              { label: "Name", lead: true, render: (each) => <TextLink to="/connections/$id" params={{ id: each.id }} fw={600}>{each.name}</TextLink> },
              { label: "Forge", render: (each) => each.base_url },
              { label: "State", render: (each) => (each.enabled ? <Status tone="good">In use</Status> : <Status tone="off">Not in use</Status>) },
              { label: "Projects", render: (each) => (each.projects.length > 3 ? `${each.projects.slice(0, 3).join(", ")} and ${each.projects.length - 3} more` : each.projects.join(", ")) },
              { label: "Template", render: (each) => each.template ?? <Status tone="warn">None</Status> },
              { label: "Since", render: (each) => <Time at={each.created_at} /> },
            ]}
          />
        ) : (
          <Empty icon="connections" title="There is no connection yet" action={button}>
            With one, a label on a ticket starts a workspace for its assignee, and an agent in it if the label says so.
          </Empty>
        )}
      </Section>
      {making ? <ConnectionForm onClose={() => setMaking(false)} done={(made) => void navigate({ to: "/connections/$id", params: { id: made.id } })} /> : null}
    </Page>
  );
}

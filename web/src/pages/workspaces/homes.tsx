import { Button, Text } from "@mantine/core";
import { useState } from "react";

import { api, call, type Schemas } from "../../api/client";
import { useAction, useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Confirm } from "../../components/misc";
import { Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { bytes } from "../../lib/format";
import { may, mayOn } from "../../lib/permissions";

type Home = Schemas["Home"];

/** Home directories that were kept when their workspaces were deleted. Where there is none, nothing is shown. */
export function KeptHomes({ owner }: { owner: string | undefined }) {
  const me = useMe();
  const { query, rows, more, loading } = useRows(queries.homes(owner));
  const [purged, setPurged] = useState<Home | null>(null);
  const remove = useAction((id: string) => call(api.DELETE("/api/v1/homes/{id}", { params: { path: { id } } })), ["homes", "quota"], () => setPurged(null));
  if (query.error) return <ProblemNote error={query.error} again={() => void query.refetch()} />;
  if (!rows || rows.length === 0) return null;
  return (
    <Section title="Kept home directories" padded={false}>
      <DataTable
        caption="Home directories of deleted workspaces"
        rows={rows}
        rowKey={(home) => home.id}
        more={more}
        loading={loading}
        columns={[
          { label: "Of", lead: true, render: (home) => home.name },
          { label: "Owner", render: (home) => home.owner.name },
          { label: "Template", render: (home) => home.template.name },
          { label: "At most", render: (home) => (home.disk == null ? "not limited" : bytes(home.disk)) },
          { label: "Deleted", render: (home) => <Time at={home.deleted_at} /> },
          ...(may(me, "workspaces.delete") ? [{ label: "Delete", bare: true, end: true, render: (home: Home) => (mayOn(me, "workspaces.delete", home.owner.id) ? <Button size="xs" variant="default" onClick={() => setPurged(home)} aria-label={`Delete the home directory of ${home.name}`}>Delete</Button> : null) }] : []),
        ]}
      />
      <Confirm opened={purged !== null} onClose={() => { remove.reset(); setPurged(null); }} title={`Delete the home directory of ${purged?.name ?? ""}?`} action="Delete" dangerous acknowledge="I understand that its files are gone for good" run={() => purged && remove.mutate(purged.id)} pending={remove.isPending} error={remove.error}>
        <Text>The workspace is gone already; this is what was kept of it.</Text>
      </Confirm>
    </Section>
  );
}

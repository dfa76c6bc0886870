import { Text } from "@mantine/core";

import { useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon, namedIcon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { CodeLine, Status } from "../../components/misc";
import { Empty, Page, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { may } from "../../lib/permissions";

const sources = { api: "pushed", folder: "folder", starter: "came with Bailey" };

/** What workspaces are made from. */
export function TemplatesPage() {
  const me = useMe();
  const writes = may(me, "templates.write");
  const { query, rows, more, loading } = useRows(queries.templates);
  return (
    <Page title="Templates" lead="What workspaces are made from: what runs in them, what can be chosen, and what they reach.">
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      <Section padded={false}>
        {rows === undefined ? (query.error ? null : <Rows />) : rows.length > 0 ? (
          <DataTable
            caption="Templates"
            rows={rows}
            rowKey={(template) => template.id}
            more={more}
            loading={loading}
            columns={[
              { label: "Name", lead: true, render: (template) => <span style={{ display: "inline-flex", gap: 8, alignItems: "center" }}><Icon name={namedIcon(template.icon, "templates")} /><TextLink to="/templates/$id" params={{ id: template.id }} fw={600}>{template.display_name}</TextLink></span> },
              { label: "Short name", render: (template) => template.name },
              { label: "In force", render: (template) => (template.active != null ? <Status tone="good">version {template.active}</Status> : <Status tone="warn">none promoted</Status>) },
              { label: "Source", render: (template) => sources[template.source] },
              { label: "Since", render: (template) => <Time at={template.created_at} /> },
            ]}
          />
        ) : <Empty icon="templates" title="There is no template">{writes ? "Push a directory with a template.toml." : "Ask a template admin for one."}</Empty>}
      </Section>
      {writes ? (
        <Section title="A template of your own">
          <Text size="sm" c="dimmed" mb="xs">A template is a directory; it is pushed from the command line or a pipeline, and checked as a whole before it is stored.</Text>
          <CodeLine text="bailey templates init mine --from shell && bailey templates push mine" label="Copy the commands" />
        </Section>
      ) : null}
    </Page>
  );
}

import { Alert, Badge, Button, Code, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, type Schemas } from "../../api/client";
import { useAction, useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon } from "../../components/icons";
import { ButtonLink, TextLink } from "../../components/links";
import { Confirm, Status } from "../../components/misc";
import { Loaded, Page, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable, Facts } from "../../components/table";
import { Time } from "../../components/time";
import { text } from "../../lib/parameters";
import { may } from "../../lib/permissions";
import { TemplateAccess } from "./access";

type Detail = Schemas["TemplateDetail"];
type Version = Schemas["TemplateVersion"];
type Content = Schemas["TemplateContent"];

function Versions({ template, writes }: { template: Detail; writes: boolean }) {
  const { query, rows, more, loading } = useRows(queries.templateVersions(template.id));
  const [asked, setAsked] = useState<Version | null>(null);
  const promote = useAction(
    (number: number) => call(api.POST("/api/v1/templates/{id}/promote", { params: { path: { id: template.id } }, body: { version: number } })),
    ["templates", "workspaces"],
    (changed) => {
      setAsked(null);
      notifications.show({ message: `Version ${changed.active} is in force.` });
    },
  );
  return (
    <Section title="Versions" padded={false}>
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      {rows === undefined ? <Rows /> : (
        <DataTable
          caption="Versions, newest first"
          rows={rows}
          rowKey={(version) => version.id}
          more={more}
          loading={loading}
          columns={[
            { label: "Version", lead: true, render: (version) => <Group gap="xs"><Text fw={600} span>{version.number}</Text>{version.active ? <Status tone="good">in force</Status> : version.number === template.previous ? <Text size="sm" c="dimmed" span>before</Text> : null}</Group> },
            { label: "Message", render: (version) => version.message || "–" },
            { label: "By", render: (version) => version.created_by?.name ?? "Bailey" },
            { label: "When", render: (version) => <Time at={version.created_at} /> },
            { label: "Digest", render: (version) => <span className="mono" title={version.digest}>{version.digest.slice(0, 12)}</span> },
            ...(writes ? [{ label: "Promote", bare: true, end: true, render: (version: Version) => (version.active ? null : <Button size="xs" variant="default" onClick={() => setAsked(version)} aria-label={`Promote version ${version.number}`}>Promote</Button>) }] : []),
          ]}
        />
      )}
      <Confirm opened={asked !== null} onClose={() => setAsked(null)} title={`Promote version ${asked?.number ?? ""}?`} action="Promote" run={() => asked && promote.mutate(asked.number)} pending={promote.isPending} error={promote.error}>
        <Text>New workspaces get it from now on. Those that are there stay as they are, and are offered the update.</Text>
      </Confirm>
    </Section>
  );
}

function Says({ content }: { content: Content }) {
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <Section title="What can be chosen" padded={content.parameters.length === 0}>
        {content.parameters.length > 0 ? (
          <DataTable
            caption="Parameters"
            rows={content.parameters}
            rowKey={(parameter) => parameter.name}
            columns={[
              { label: "Parameter", lead: true, render: (parameter) => parameter.display_name },
              { label: "Default", render: (parameter) => (parameter.default == null ? "needed" : text(parameter.default)) },
              { label: "May be", render: (parameter) => (parameter.options.length > 0 ? parameter.options.map((option) => option.name).join(", ") : parameter.min != null || parameter.max != null ? `${parameter.min ?? "…"} to ${parameter.max ?? "…"}` : parameter.type) },
            ]}
          />
        ) : <Text c="dimmed">Nothing.</Text>}
      </Section>
      <Section title="What workspaces of it are">
        <Facts
          items={[
            ["Apps", content.apps.map((app) => app.display_name).join(", ") || "none"],
            ["Presets", content.presets.map((preset) => preset.name).join(", ") || "none"],
            ["Tasks", content.tasks.map((task) => task.display_name).join(", ") || "none"],
            ["Way in", content.browser_only ? "the browser alone" : "browser and command line"],
            ["System", content.own_root ? "its own" : "the server's, read-only"],
            ["Installs", content.needs_layer ? "a layer, built once" : "nothing"],
            ["Reaches", content.egress.length > 0 ? <Group key="e" gap={4}>{content.egress.map((rule) => <Badge key={`${rule.host}:${rule.port}`} variant="default" tt="none">{rule.host}:{rule.port}</Badge>)}</Group> : "the model gate alone"],
          ]}
        />
      </Section>
    </SimpleGrid>
  );
}

function Actions({ template }: { template: Detail }) {
  const navigate = useNavigate();
  const [asked, setAsked] = useState<"rollback" | "delete" | null>(null);
  const path = { params: { path: { id: template.id } } };
  const rollback = useAction(() => call(api.POST("/api/v1/templates/{id}/rollback", path)), ["templates", "workspaces"], (changed) => {
    setAsked(null);
    notifications.show({ message: `Version ${changed.active} is in force again.` });
  });
  const remove = useAction(() => call(api.DELETE("/api/v1/templates/{id}", path)), [], () => void navigate({ to: "/templates" }));
  const close = () => {
    rollback.reset();
    remove.reset();
    setAsked(null);
  };
  return (
    <>
      {template.previous != null ? <Button variant="default" onClick={() => setAsked("rollback")}>Roll back</Button> : null}
      <Button variant="default" c="var(--mantine-color-error)" leftSection={<Icon name="trash" size={15} />} onClick={() => setAsked("delete")}>Delete</Button>
      <Confirm opened={asked === "rollback"} onClose={close} title="Roll back?" action="Roll back" run={() => rollback.mutate(undefined)} pending={rollback.isPending} error={rollback.error}>
        <Text>Version {template.previous} is in force again, in place of version {template.active}. Workspaces that are there stay as they are.</Text>
      </Confirm>
      <Confirm opened={asked === "delete"} onClose={close} title={`Delete ${template.display_name}?`} action="Delete" dangerous acknowledge="I understand that its versions are gone for good" run={() => remove.mutate(undefined)} pending={remove.isPending} error={remove.error}>
        <Text>All of its versions go with it. It is refused while a workspace is made from it.</Text>
      </Confirm>
    </>
  );
}

/** One template: what it says, its versions, and which is in force. */
export function TemplatePage() {
  const { id } = useParams({ from: "/shell/templates/$id" });
  const me = useMe();
  const query = useQuery(queries.template(id));
  const template = query.data;
  const writes = may(me, "templates.write") && template?.managed === false;
  return (
    <Page
      title={template?.display_name ?? "Template"}
      back={<TextLink to="/templates">Templates</TextLink>}
      lead={template?.description}
      actions={
        template ? (
          <>
            {template.active != null && may(me, "workspaces.create") ? <ButtonLink to="/workspaces/new" search={{ template: template.name }} leftSection={<Icon name="plus" size={16} />}>New workspace</ButtonLink> : null}
            {writes ? <Actions template={template} /> : null}
          </>
        ) : null
      }
    >
      <Loaded query={query}>
        {(value) => (
          <Stack>
            {value.managed ? <Alert color="gray" variant="light">The server's folder of templates has it: it is changed there, and not here.</Alert> : null}
            {value.content ? <Says content={value.content} /> : <Alert color="orange" variant="light">{value.active == null ? "No version of it is in force: promote one, and workspaces can be made from it." : "This Bailey cannot read the version in force any more: promote another."}</Alert>}
            <TemplateAccess template={value.id} writes={may(me, "templates.write")} />
            <Versions template={value} writes={writes} />
            {may(me, "templates.write") ? <Text size="sm" c="dimmed">Another version: <Code>bailey templates push DIRECTORY --name {value.name}</Code></Text> : null}
          </Stack>
        )}
      </Loaded>
    </Page>
  );
}

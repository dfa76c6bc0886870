import { Badge, Button, Group, Stack, Switch, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, call, type Schemas } from "../../api/client";
import { useAction } from "../../api/hooks";
import * as queries from "../../api/queries";
import { GroupNames, PeopleNames } from "../../components/chooser";
import { Loaded, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";

type Access = Schemas["TemplateAccess"];

function Form({ template, access }: { template: string; access: Access }) {
  const [next, setNext] = useState(access);
  const save = useAction(
    () => call(api.PUT("/api/v1/templates/{id}/access", { params: { path: { id: template } }, body: next.everyone ? { everyone: true, groups: [], people: [] } : next })),
    ["templates"],
    () => notifications.show({ message: "Saved. It holds for new workspaces from now on." }),
  );
  const [groups, people] = [next.groups ?? [], next.people ?? []];
  const nobody = !next.everyone && groups.length + people.length === 0;
  return (
    <Stack maw={560}>
      <Switch label="Everyone who may make workspaces" checked={next.everyone} onChange={(event) => setNext({ ...next, everyone: event.currentTarget.checked })} />
      {next.everyone ? null : (
        <>
          <GroupNames label="Groups" value={groups} onChange={(value) => setNext({ ...next, groups: value })} />
          <PeopleNames label="People" value={people} onChange={(value) => setNext({ ...next, people: value })} />
          {nobody ? <Text size="sm" c="dimmed">Nobody but those who see all templates.</Text> : null}
        </>
      )}
      <ProblemNote error={save.error} />
      <Group><Button variant="default" loading={save.isPending} onClick={() => save.mutate(undefined)}>Save</Button><Text size="sm" c="dimmed">Workspaces that are there stay as they are.</Text></Group>
    </Stack>
  );
}

function Words({ access }: { access: Access }) {
  if (access.everyone) return <Text>Everyone who may make workspaces.</Text>;
  const [groups, people] = [access.groups ?? [], access.people ?? []];
  if (groups.length + people.length === 0) return <Text>Nobody but those who see all templates.</Text>;
  return <Group gap={6}>{groups.map((name) => <Badge key={`g ${name}`} variant="default">group {name}</Badge>)}{people.map((name) => <Badge key={`p ${name}`} variant="default">{name}</Badge>)}</Group>;
}

/** Who may make workspaces from a template. */
export function TemplateAccess({ template, writes }: { template: string; writes: boolean }) {
  const query = useQuery(queries.templateAccess(template));
  return (
    <Section title="Who may use it">
      <Loaded query={query}>{(access) => (writes ? <Form key={JSON.stringify(access)} template={template} access={access} /> : <Words access={access} />)}</Loaded>
    </Section>
  );
}

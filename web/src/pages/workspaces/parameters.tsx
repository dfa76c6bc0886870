import { Button, Group, List, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../../api/client";
import { useAction, useMe } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Confirm } from "../../components/misc";
import { Loaded, Section } from "../../components/page";
import { ParameterFields } from "../../components/parameters";
import { checkValues, type Definition, initial, same, type Value } from "../../lib/parameters";
import { may, mayOn } from "../../lib/permissions";

type Workspace = Schemas["Workspace"];

function Form({ workspace, definitions }: { workspace: Workspace; definitions: Definition[] }) {
  const navigate = useNavigate({ from: "/workspaces/$id" });
  const former = workspace.parameters as Record<string, Value>;
  const [values, setValues] = useState(() => initial(definitions, {}, former));
  const [asked, setAsked] = useState(false);
  const changed = Object.fromEntries(Object.entries(values).filter(([name, value]) => former[name] === undefined || !same(value, former[name])));
  const faults = checkValues(definitions, values, former);
  const update = useAction(
    () => call(api.POST("/api/v1/workspaces/{id}/update", { params: { path: { id: workspace.id } }, body: { parameters: changed } })),
    ["workspaces"],
    () => void navigate({ search: { tab: "builds" } }),
  );
  const field = (name: string) => (update.error instanceof ProblemError ? update.error.field(`/parameters/${name}`) : undefined);
  return (
    <Stack gap="lg">
      <div style={{ maxWidth: 640 }}><ParameterFields definitions={definitions} values={values} former={former} refused={field} strict onChange={setValues} /></div>
      <Group><Button disabled={Object.keys(changed).length === 0 || Object.keys(faults).length > 0} onClick={() => setAsked(true)}>Change …</Button></Group>
      <Confirm opened={asked} onClose={() => setAsked(false)} title={`Build ${workspace.name} anew?`} action="Build anew" run={() => update.mutate(undefined)} pending={update.isPending} error={update.error}>
        <Text mb="xs">It is built anew with these values, from the version of {workspace.template.name} that is in force.</Text>
        <List>
          <List.Item>Everything that runs in it ends. Unsaved work in editors is lost.</List.Item>
          <List.Item><b>The home directory stays as it is.</b></List.Item>
        </List>
      </Confirm>
    </Stack>
  );
}

/** What was chosen for a workspace, to be chosen anew. */
export function Parameters({ workspace }: { workspace: Workspace }) {
  const me = useMe();
  const allowed = may(me, "templates.read") && mayOn(me, "workspaces.update", workspace.owner.id);
  const query = useQuery({ ...queries.template(workspace.template.id), enabled: allowed });
  if (!allowed) return null;
  return (
    <Section title="Parameters">
      <Loaded query={query}>
        {(template) =>
          template.content && template.content.parameters.length > 0 ? <Form key={workspace.build.number} workspace={workspace} definitions={template.content.parameters} /> : <Text c="dimmed">Its template lets nothing be chosen.</Text>
        }
      </Loaded>
    </Section>
  );
}

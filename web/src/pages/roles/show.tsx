import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, type Schemas } from "../../api/client";
import { useAction, useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { Confirm } from "../../components/misc";
import { Loaded, Page, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { words } from "../../lib/format";
import { may } from "../../lib/permissions";
import { GrantsOfRole } from "./grants";
import { actionsOf } from "./list";
import { Matrix } from "./matrix";

type Role = Schemas["RoleRecord"];

function Permissions({ role, editable }: { role: Role; editable: boolean }) {
  const roles = useRows(queries.roles);
  const actions = actionsOf(roles.rows ?? [role]);
  const [permissions, setPermissions] = useState(role.permissions);
  const [description, setDescription] = useState(role.description ?? "");
  const save = useAction(
    () => call(api.PATCH("/api/v1/roles/{id}", { params: { path: { id: role.name } }, body: { permissions, description: description.trim() } })),
    ["roles", "me"],
    () => notifications.show({ message: "Saved. It holds for everyone who has the role from now on." }),
  );
  if (!editable) return <Matrix actions={actions} permissions={role.permissions} />;
  return (
    <Stack>
      <TextInput label="What it is for" maw={560} value={description} onChange={(event) => setDescription(event.currentTarget.value)} />
      <Matrix actions={actions} permissions={permissions} onChange={setPermissions} />
      <ProblemNote error={save.error} />
      <Group><Button loading={save.isPending} onClick={() => save.mutate(undefined)} disabled={permissions.length === 0}>Save</Button></Group>
    </Stack>
  );
}

/** One role: what it allows, and who has it. */
export function RolePage() {
  const { id } = useParams({ from: "/shell/roles/$id" });
  const me = useMe();
  const navigate = useNavigate();
  const query = useQuery(queries.role(id));
  const [asked, setAsked] = useState(false);
  const remove = useAction(() => call(api.DELETE("/api/v1/roles/{id}", { params: { path: { id } } })), ["roles", "grants"], () => void navigate({ to: "/roles" }));
  const role = query.data;
  const editable = role?.built_in === false && may(me, "roles.write");
  return (
    <Page
      title={role ? (role.built_in ? words(role.name) : role.name) : "Role"}
      back={<TextLink to="/roles">Roles</TextLink>}
      lead={role?.built_in ? "It is built in, and cannot be changed." : role?.description}
      actions={editable ? <Button variant="default" c="var(--mantine-color-error)" leftSection={<Icon name="trash" size={15} />} onClick={() => setAsked(true)}>Delete</Button> : null}
    >
      <Loaded query={query}>
        {(value) => (
          <Stack>
            <Section title="What it allows"><Permissions key={JSON.stringify(value.permissions)} role={value} editable={editable} /></Section>
            {value.built_in ? <Text size="sm" c="dimmed">Each person has one built-in role, which is set on their page. It can be granted beside that, too.</Text> : null}
            <GrantsOfRole role={value.name} />
          </Stack>
        )}
      </Loaded>
      <Confirm opened={asked} onClose={() => setAsked(false)} title={`Delete ${id}?`} action="Delete" dangerous run={() => remove.mutate(undefined)} pending={remove.isPending} error={remove.error}>
        <Text>Everyone who was granted it loses what it allowed, at once.</Text>
      </Confirm>
    </Page>
  );
}

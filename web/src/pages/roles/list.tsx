import { Badge, Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../../api/client";
import { useAction, useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { Page, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { words } from "../../lib/format";
import { type Action, may } from "../../lib/permissions";
import { Matrix, type Permission } from "./matrix";

type Role = Schemas["RoleRecord"];

/** All actions that there are: the owner may do each. */
export function actionsOf(roles: Role[]): Action[] {
  return [...new Set(roles.flatMap((role) => role.permissions.map((each) => each.action as Action)))];
}

function Create({ roles, opened, onClose }: { roles: Role[]; opened: boolean; onClose: () => void }) {
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [permissions, setPermissions] = useState<Permission[]>([]);
  const create = useAction(
    () => call(api.POST("/api/v1/roles", { body: { name: name.trim(), permissions, ...(description.trim() ? { description: description.trim() } : {}) } })),
    ["roles"],
    (made) => void navigate({ to: "/roles/$id", params: { id: made.name } }),
  );
  const field = (pointer: string) => (create.error instanceof ProblemError ? create.error.field(pointer) : undefined);
  return (
    <Modal opened={opened} onClose={onClose} title="New role" size="xl" centered>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate(undefined);
        }}
      >
        <Stack>
          <TextInput label="Name" description="Lower-case letters, digits, and . _ -" required data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} error={field("/name")} />
          <TextInput label="What it is for" value={description} onChange={(event) => setDescription(event.currentTarget.value)} error={field("/description")} />
          <Text size="sm" c="dimmed">How far each action reaches: what is the person's own, what is their groups', or everything. You cannot give more than you have.</Text>
          <Matrix actions={actionsOf(roles)} permissions={permissions} onChange={setPermissions} />
          {field("/name") || field("/description") ? null : <ProblemNote error={create.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>Cancel</Button>
            <Button type="submit" loading={create.isPending} disabled={name.trim() === "" || permissions.length === 0}>Create</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** What people may be: the built-in roles, and those that were made here. */
export function RolesPage() {
  const me = useMe();
  const { query, rows, more, loading } = useRows(queries.roles);
  const [creating, { open, close }] = useDisclosure(false);
  return (
    <Page title="Roles" lead="A role says which actions reach how far. Everyone has one built-in role; more are granted to people or groups and add to it." actions={may(me, "roles.write") ? <Button leftSection={<Icon name="plus" size={16} />} onClick={open}>New role</Button> : null}>
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      <Section padded={false}>
        {rows === undefined ? (query.error ? null : <Rows />) : (
          <DataTable
            caption="Roles"
            rows={rows}
            rowKey={(role) => role.name}
            more={more}
            loading={loading}
            columns={[
              { label: "Role", lead: true, render: (role) => <Group gap="xs"><TextLink to="/roles/$id" params={{ id: role.name }} fw={600}>{role.built_in ? words(role.name) : role.name}</TextLink>{role.built_in ? <Badge variant="default" size="sm">built in</Badge> : null}</Group> },
              { label: "For", render: (role) => role.description || "–" },
              { label: "Actions", end: true, render: (role) => role.permissions.length },
              { label: "On everything", end: true, render: (role) => role.permissions.filter((each) => each.reach === "all").length },
            ]}
          />
        )}
      </Section>
      {rows && creating ? <Create roles={rows} opened={creating} onClose={close} /> : null}
    </Page>
  );
}

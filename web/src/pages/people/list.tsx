import { Button, Group, Modal, Select, Stack, TextInput } from "@mantine/core";
import { useDebouncedValue, useDisclosure } from "@mantine/hooks";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../../api/client";
import { useAction, useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { Status } from "../../components/misc";
import { Empty, Page, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { words } from "../../lib/format";
import { may } from "../../lib/permissions";
import { Invitations, Invite } from "./invitations";
import { roles } from "./roles";

function Create({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [display, setDisplay] = useState("");
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Schemas["Role"]>("member");
  const create = useAction(
    () => call(api.POST("/api/v1/users", { body: { name: name.trim(), role, ...(display.trim() ? { display_name: display.trim() } : {}), ...(email.trim() ? { email: email.trim() } : {}) } })),
    ["users"],
    (made) => void navigate({ to: "/people/$id", params: { id: made.id } }),
  );
  const field = (pointer: string) => (create.error instanceof ProblemError ? create.error.field(pointer) : undefined);
  return (
    <Modal opened={opened} onClose={onClose} title="New person" centered>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate(undefined);
        }}
      >
        <Stack>
          <TextInput label="Login name" description="Lower-case letters, digits, and . _ -" required data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} error={field("/name")} />
          <TextInput label="Name to show" placeholder="the login name" value={display} onChange={(event) => setDisplay(event.currentTarget.value)} error={field("/display_name")} />
          <TextInput label="E-mail" type="email" value={email} onChange={(event) => setEmail(event.currentTarget.value)} error={field("/email")} />
          <Select label="Role" data={roles} value={role} allowDeselect={false} onChange={(value) => setRole((value ?? "member") as Schemas["Role"])} error={field("/role")} />
          <ProblemNote error={["/name", "/display_name", "/email", "/role"].some((p) => field(p)) ? null : create.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>Cancel</Button>
            <Button type="submit" loading={create.isPending} disabled={name.trim() === ""}>Create</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** Everyone who may use Bailey, or could. */
export function PeoplePage() {
  const me = useMe();
  const [text, setText] = useState("");
  const [typed] = useDebouncedValue(text.trim(), 200);
  const { query, rows, more, loading } = useRows(queries.users(typed));
  const writes = may(me, "people.write");
  const search = useSearch({ from: "/shell/people" });
  const [creating, { open, close }] = useDisclosure(false);
  const [inviting, setInviting] = useState(search.invite !== undefined && writes);
  return (
    <Page title="People" lead="Who may use Bailey, and as what." actions={writes ? <><Button leftSection={<Icon name="plus" size={16} />} onClick={() => setInviting(true)}>Invite somebody</Button><Button variant="default" onClick={open}>New person</Button></> : null}>
      <div><TextInput aria-label="Search by name or address" placeholder="Search" type="search" maw={280} leftSection={<Icon name="search" size={16} />} value={text} onChange={(event) => setText(event.currentTarget.value)} /></div>
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      <Section padded={false}>
        {rows === undefined ? (query.error ? null : <Rows />) : rows.length > 0 ? (
          <DataTable
            caption="People"
            rows={rows}
            rowKey={(user) => user.id}
            more={more}
            loading={loading}
            columns={[
              { label: "Name", lead: true, render: (user) => <TextLink to="/people/$id" params={{ id: user.id }} fw={600}>{user.display_name}</TextLink> },
              { label: "Login name", render: (user) => user.name },
              { label: "Role", render: (user) => words(user.role) },
              { label: "Status", render: (user) => <Status tone={user.status === "active" ? "good" : "bad"}>{words(user.status)}</Status> },
              { label: "E-mail", render: (user) => user.email ?? "–" },
              { label: "Since", render: (user) => <Time at={user.created_at} /> },
            ]}
          />
        ) : <Empty icon="search" title="Nobody is called so">Change what is searched for, or clear it.</Empty>}
      </Section>
      {writes ? <Invitations /> : null}
      <Invite opened={inviting} onClose={() => setInviting(false)} />
      <Create opened={creating} onClose={close} />
    </Page>
  );
}

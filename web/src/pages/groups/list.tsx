import { Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, ProblemError } from "../../api/client";
import { useAction, useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { Empty, Page, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { may } from "../../lib/permissions";

function Create({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [display, setDisplay] = useState("");
  const create = useAction(
    () => call(api.POST("/api/v1/groups", { body: { name: name.trim(), ...(display.trim() ? { display_name: display.trim() } : {}) } })),
    ["groups"],
    (made) => void navigate({ to: "/groups/$id", params: { id: made.id } }),
  );
  const field = (pointer: string) => (create.error instanceof ProblemError ? create.error.field(pointer) : undefined);
  return (
    <Modal opened={opened} onClose={onClose} title="New group" centered>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate(undefined);
        }}
      >
        <Stack>
          <TextInput label="Name" description="Lower-case letters, digits, and . _ -" required data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} error={field("/name")} />
          <TextInput label="Name to show" placeholder="the name" value={display} onChange={(event) => setDisplay(event.currentTarget.value)} error={field("/display_name")} />
          <ProblemNote error={field("/name") || field("/display_name") ? null : create.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>Cancel</Button>
            <Button type="submit" loading={create.isPending} disabled={name.trim() === ""}>Create</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

export function GroupsPage() {
  const me = useMe();
  const { query, rows, more, loading } = useRows(queries.groups);
  const [creating, { open, close }] = useDisclosure(false);
  const button = may(me, "groups.write") ? <Button leftSection={<Icon name="plus" size={16} />} onClick={open}>New group</Button> : null;
  return (
    <Page title="Groups" lead="A group has budgets that its people share." actions={button}>
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      <Section padded={false}>
        {rows === undefined ? (query.error ? null : <Rows />) : rows.length > 0 ? (
          <DataTable
            caption="Groups"
            rows={rows}
            rowKey={(group) => group.id}
            more={more}
            loading={loading}
            columns={[
              { label: "Name", lead: true, render: (group) => <TextLink to="/groups/$id" params={{ id: group.id }} fw={600}>{group.display_name}</TextLink> },
              { label: "Short name", render: (group) => group.name },
              { label: "Since", render: (group) => <Time at={group.created_at} /> },
            ]}
          />
        ) : <Empty icon="groups" title="No group yet" action={button}>Make one for each team whose spend is counted together.</Empty>}
      </Section>
      <Create opened={creating} onClose={close} />
    </Page>
  );
}

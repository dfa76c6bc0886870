import { ActionIcon, Badge, Button, Group, SegmentedControl, Select, Stack, Text } from "@mantine/core";
import { useState } from "react";

import { api, call, type Schemas } from "../../api/client";
import { useAction, useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { GroupSelect, PersonSelect } from "../../components/chooser";
import { Icon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { Empty, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { type Column, DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { words } from "../../lib/format";
import { may } from "../../lib/permissions";

type Grant = Schemas["Grant"];

const changed = ["grants", "me", "users"];

function Whom({ grant }: { grant: Grant }) {
  if (grant.person) return <TextLink to="/people/$id" params={{ id: grant.person.id }}>{grant.person.name}</TextLink>;
  if (grant.group) return <Group gap={6} component="span"><TextLink to="/groups/$id" params={{ id: grant.group.id }}>{grant.group.name}</TextLink><Badge variant="default" size="sm">group</Badge></Group>;
  return <>–</>;
}

/** Grants as a table, each to be withdrawn. Those of an identity provider come and go with signing in. */
function Table({ grants, first, more }: { grants: Grant[]; first: Column<Grant>; more?: (() => void) | undefined }) {
  const writes = may(useMe(), "roles.write");
  const remove = useAction((id: string) => call(api.DELETE("/api/v1/grants/{id}", { params: { path: { id } } })), changed);
  return (
    <>
      <DataTable
        caption="Grants"
        rows={grants}
        rowKey={(grant) => grant.id}
        more={more}
        columns={[
          first,
          { label: "From", render: (grant) => (grant.source === "provider" ? (grant.provider ?? "the identity provider") : (grant.created_by?.name ?? "Bailey")) },
          { label: "Since", render: (grant) => <Time at={grant.created_at} /> },
          ...(writes ? [{ label: "Withdraw", bare: true, end: true, render: (grant: Grant) => (grant.source === "provider" ? null : <ActionIcon variant="subtle" color="gray" aria-label={`Withdraw ${grant.role}`} loading={remove.isPending && remove.variables === grant.id} onClick={() => remove.mutate(grant.id)}><Icon name="close" size={16} /></ActionIcon>) }] : []),
        ]}
      />
      <ProblemNote error={remove.error} />
    </>
  );
}

/** Who was granted a role. */
export function GrantsOfRole({ role }: { role: string }) {
  const writes = may(useMe(), "roles.write");
  const { query, rows, more } = useRows(queries.grants({ role }));
  const [kind, setKind] = useState<"person" | "group">("person");
  const [whom, setWhom] = useState<string | null>(null);
  const add = useAction((id: string) => call(api.POST("/api/v1/grants", { body: { role, ...(kind === "person" ? { person: id } : { group: id }) } })), changed, () => setWhom(null));
  const Chooser = kind === "person" ? PersonSelect : GroupSelect;
  return (
    <Section title="Granted to" padded={false}>
      <ProblemNote error={query.error} />
      {rows === undefined ? <Rows /> : rows.length > 0 ? <Table grants={rows} more={more} first={{ label: "Who", lead: true, render: (grant) => <Whom grant={grant} /> }} /> : <Empty icon="people" title="Granted to nobody">{writes ? "Choose a person or a group below." : "Nobody has it beside their own role."}</Empty>}
      {writes ? (
        <Group p="md" align="flex-end">
          <SegmentedControl aria-label="To whom" value={kind} onChange={(value) => { setKind(value as "person" | "group"); setWhom(null); }} data={[{ value: "person", label: "Person" }, { value: "group", label: "Group" }]} />
          <Chooser label={kind === "person" ? "Person" : "Group"} value={whom} onChange={setWhom} clearable />
          <Button disabled={!whom} loading={add.isPending} onClick={() => whom && add.mutate(whom)}>Grant</Button>
        </Group>
      ) : null}
      <ProblemNote error={add.error} />
    </Section>
  );
}

/** The roles that somebody or a group was granted. */
export function GrantsOf({ subject }: { subject: { person: string } | { group: string } }) {
  const me = useMe();
  const writes = may(me, "roles.write");
  const { query, rows, more } = useRows(queries.grants(subject));
  const roles = useRows(queries.roles, writes);
  const [role, setRole] = useState<string | null>(null);
  const add = useAction((name: string) => call(api.POST("/api/v1/grants", { body: { role: name, ...subject } })), changed, () => setRole(null));
  const had = new Set(rows?.map((grant) => grant.role));
  const free = (roles.rows ?? []).filter((each) => !had.has(each.name));
  return (
    <Section title="Granted roles" padded={false}>
      <ProblemNote error={query.error} />
      {rows === undefined ? <Rows count={1} /> : rows.length > 0 ? <Table grants={rows} more={more} first={{ label: "Role", lead: true, render: (grant) => <TextLink to="/roles/$id" params={{ id: grant.role }}>{grant.role}</TextLink> }} /> : <Text p="md" c="dimmed">{"person" in subject ? "None beside their own role, and what their groups were granted." : "None: its members have what they have themselves."}</Text>}
      {writes ? (
        <Stack p="md" gap="xs">
          <Group align="flex-end">
            <Select label="Grant a role" data={free.map((each) => ({ value: each.name, label: each.built_in ? words(each.name) : each.name }))} value={role} onChange={setRole} searchable clearable nothingFoundMessage="No other role is there" />
            <Button disabled={!role} loading={add.isPending} onClick={() => role && add.mutate(role)}>Grant</Button>
          </Group>
          <ProblemNote error={add.error} />
        </Stack>
      ) : null}
    </Section>
  );
}

import { Badge, Group, Select, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";

import { api, call, type Schemas } from "../../api/client";
import { useAction, useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { DayChart } from "../../components/chart";
import { Explain } from "../../components/explain";
import { TextLink } from "../../components/links";
import { BudgetBar, Status, WorkspaceStatus } from "../../components/misc";
import { Loaded, Page, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable, Facts } from "../../components/table";
import { Time } from "../../components/time";
import { count, dollars, words } from "../../lib/format";
import { may, reach } from "../../lib/permissions";
import { keyTones } from "../keys/list";
import { Sessions } from "../profile/sessions";
import { GrantsOf } from "../roles/grants";
import { Delete, Suspend, SuspensionReport } from "./offboard";
import { roles } from "./roles";

type Person = Schemas["UserDetail"];

function Rights({ person }: { person: Person }) {
  const me = useMe();
  const writes = may(me, "people.write");
  const change = useAction((body: Schemas["UserUpdate"]) => call(api.PATCH("/api/v1/users/{id}", { params: { path: { id: person.id } }, body })), ["users"], () => notifications.show({ message: "Saved." }));
  const groups = person.groups.length > 0 ? person.groups.map((group) => <TextLink key={group.id} to="/groups/$id" params={{ id: group.id }}><Badge variant="default" style={{ cursor: "pointer" }}>{group.name}</Badge></TextLink>) : <Text span size="sm" c="dimmed">none</Text>;
  if (!writes) return <Facts items={[["Role", words(person.role)], ["Spend is charged to", person.groups.find((group) => group.id === person.charged_group)?.name ?? "no group"], ["Groups", <Group key="groups" gap="xs">{groups}</Group>]]} />;
  return (
    <Stack gap="sm">
      <Select label="Role" data={roles} value={person.role} allowDeselect={false} onChange={(role) => role && change.mutate({ role: role as Schemas["Role"] })} />
      <Select label="Spend is charged to" description="One of their groups, whose budgets then hold, too." data={person.groups.map((group) => ({ value: group.id, label: group.name }))} value={person.charged_group ?? null} placeholder="no group" clearable onChange={(group) => change.mutate({ charged_group: group })} />
      <Group gap="xs">
        <Text size="sm">Groups:</Text>
        {groups}
      </Group>
      <ProblemNote error={change.error} />
    </Stack>
  );
}

function Spent({ id }: { id: string }) {
  const days = useQuery(queries.spend(["day"], { person: id, since: "30d" }));
  const budgets = useRows(queries.budgets({ kind: "person", id }));
  return (
    <Stack gap="sm">
      {budgets.rows?.map((budget) => <BudgetBar key={budget.id} budget={budget} />)}
      <Loaded query={days}>
        {(spend) => (
          <>
            <Text size="sm" c="dimmed" className="numeric">{dollars(spend.total.cost)} in {count(spend.total.requests)} requests in the last 30 days</Text>
            <DayChart rows={spend.rows} days={30} label="Spend by day" />
          </>
        )}
      </Loaded>
      <TextLink to="/requests" search={{ person: id }} size="sm">Their requests</TextLink>
    </Stack>
  );
}

function Belongings({ person }: { person: Person }) {
  const me = useMe();
  const workspaces = useRows(queries.workspaces(person.id), may(me, "workspaces.read"));
  const keys = useRows(queries.keys({ person: person.id, state: "active" }), may(me, "keys.read"));
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <Section title="Workspaces" padded={false}>
        {workspaces.rows && workspaces.rows.length > 0 ? (
          <DataTable caption="Their workspaces" rows={workspaces.rows} rowKey={(w) => w.id} more={workspaces.more} columns={[{ label: "Name", lead: true, render: (w) => <TextLink to="/workspaces/$id" params={{ id: w.id }}>{w.name}</TextLink> }, { label: "Status", render: (w) => <WorkspaceStatus workspace={w} /> }]} />
        ) : <Text c="dimmed" p="md">None.</Text>}
      </Section>
      <Section title="Active keys" padded={false}>
        {keys.rows && keys.rows.length > 0 ? (
          <DataTable caption="Their active keys" rows={keys.rows} rowKey={(key) => key.id} more={keys.more} columns={[{ label: "Name", lead: true, render: (key) => <TextLink to="/keys/$id" params={{ id: key.id }}>{key.name}</TextLink> }, { label: "State", render: (key) => <Status tone={keyTones[key.state]}>{words(key.scope)}</Status> }]} />
        ) : <Text c="dimmed" p="md">None.</Text>}
      </Section>
    </SimpleGrid>
  );
}

/** One person: what they may do, have and spend. */
export function PersonPage() {
  const { id } = useParams({ from: "/shell/people/$id" });
  const me = useMe();
  const query = useQuery(queries.user(id));
  const person = query.data;
  return (
    <Page
      title={person?.display_name ?? "Person"}
      back={<TextLink to="/people">People</TextLink>}
      lead={person ? <Status tone={person.status === "active" ? "good" : "bad"}>{words(person.status)}</Status> : null}
      actions={person && may(me, "people.write") && person.id !== me.user.id ? <><Suspend person={person} /><Delete person={person} /></> : null}
    >
      <Loaded query={query}>
        {(value) => (
          <Stack>
            <SuspensionReport person={value} />
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <Stack>
                <Section title="Person">
                  <Facts items={[["Login name", value.name], ["E-mail", value.email ?? "–"], ["Since", <Time key="since" at={value.created_at} />], ["Id", <span key="id" className="mono">{value.id}</span>]]} />
                </Section>
                <Section title="Role and groups"><Rights person={value} /></Section>
              </Stack>
              {may(me, "ledger.read") ? <Section title="Spend"><Spent id={value.id} /></Section> : null}
            </SimpleGrid>
            {may(me, "roles.read") ? <GrantsOf subject={{ person: value.id }} /> : null}
            {may(me, "roles.read") ? <Explain person={value.id} /> : null}
            <Belongings person={value} />
            {reach(me, "people.read") === "all" ? (
              <>
                <Title order={2}>Sessions</Title>
                <Sessions person={value.id} />
              </>
            ) : null}
          </Stack>
        )}
      </Loaded>
    </Page>
  );
}

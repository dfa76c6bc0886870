import { ActionIcon, Button, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, type Schemas } from "../../api/client";
import { useAction, useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { DayChart } from "../../components/chart";
import { PersonSelect } from "../../components/chooser";
import { Icon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { BudgetBar, Confirm } from "../../components/misc";
import { Empty, Loaded, Page, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { count, dollars } from "../../lib/format";
import { may } from "../../lib/permissions";
import { GrantsOf } from "../roles/grants";
import { GroupLimits } from "./limits";

type Detail = Schemas["GroupDetail"];

function Members({ group }: { group: Detail }) {
  const writes = may(useMe(), "groups.write");
  const [person, setPerson] = useState<string | null>(null);
  const member = (id: string) => ({ params: { path: { id: group.id, person: id } } });
  const add = useAction((id: string) => call(api.PUT("/api/v1/groups/{id}/members/{person}", member(id))), ["groups", "users"], () => setPerson(null));
  const remove = useAction((id: string) => call(api.DELETE("/api/v1/groups/{id}/members/{person}", member(id))), ["groups", "users"]);
  return (
    <Section title="Members" padded={false}>
      {group.members.length > 0 ? (
        <DataTable
          caption="Members"
          rows={group.members}
          rowKey={(each) => each.id}
          columns={[
            { label: "Name", lead: true, render: (each) => <TextLink to="/people/$id" params={{ id: each.id }}>{each.name}</TextLink> },
            ...(writes ? [{ label: "Remove", bare: true, end: true, render: (each: Schemas["Named"]) => <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${each.name} from the group`} onClick={() => remove.mutate(each.id)}><Icon name="close" size={16} /></ActionIcon> }] : []),
          ]}
        />
      ) : <Empty icon="people" title="Nobody is in it">Add people below.</Empty>}
      {writes ? (
        <Group p="md" align="flex-end">
          <PersonSelect label="Add a person" value={person} onChange={setPerson} clearable />
          <Button disabled={!person} loading={add.isPending} onClick={() => person && add.mutate(person)}>Add</Button>
        </Group>
      ) : null}
      <ProblemNote error={add.error ?? remove.error} />
    </Section>
  );
}

function Money({ id }: { id: string }) {
  const budgets = useRows(queries.budgets({ kind: "group", id }));
  const days = useQuery(queries.spend(["day"], { group: id, since: "30d" }));
  return (
    <Section title="Budget and spend">
      <Stack>
        {budgets.rows?.map((budget) => <BudgetBar key={budget.id} budget={budget} />)}
        {budgets.rows?.length === 0 ? <Text c="dimmed" size="sm">It has no budget. Set one under <TextLink to="/budgets" underline="always">Budgets</TextLink>.</Text> : null}
        <Loaded query={days}>
          {(spend) => (
            <>
              <Text size="sm" c="dimmed" className="numeric">{dollars(spend.total.cost)} in {count(spend.total.requests)} requests in the last 30 days, by those who are charged to it</Text>
              <DayChart rows={spend.rows} days={30} label="Spend by day" />
            </>
          )}
        </Loaded>
      </Stack>
    </Section>
  );
}

export function GroupPage() {
  const { id } = useParams({ from: "/shell/groups/$id" });
  const me = useMe();
  const navigate = useNavigate();
  const query = useQuery(queries.group(id));
  const [asked, setAsked] = useState(false);
  const remove = useAction(() => call(api.DELETE("/api/v1/groups/{id}", { params: { path: { id } } })), ["budgets", "users"], () => void navigate({ to: "/groups" }));
  const name = query.data?.display_name ?? "Group";
  return (
    <Page title={name} back={<TextLink to="/groups">Groups</TextLink>} actions={query.data && may(me, "groups.write") ? <Button variant="default" onClick={() => setAsked(true)}>Delete</Button> : null}>
      <Loaded query={query}>
        {(group) => (
          <Stack>
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <Members group={group} />
              {may(me, "ledger.read") ? <Money id={group.id} /> : null}
            </SimpleGrid>
            <GroupLimits key={JSON.stringify([group.models, group.quota])} group={group} writes={may(me, "groups.write")} />
            {may(me, "roles.read") ? <GrantsOf subject={{ group: group.id }} /> : null}
          </Stack>
        )}
      </Loaded>
      <Confirm opened={asked} onClose={() => setAsked(false)} title={`Delete ${name}?`} action="Delete" dangerous run={() => remove.mutate(undefined)} pending={remove.isPending} error={remove.error}>
        <Text>Its budgets go with it, and its people are charged to no group. The people stay, and so does what was spent.</Text>
      </Confirm>
    </Page>
  );
}

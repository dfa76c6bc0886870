import { ActionIcon, Button, Group, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../api/client";
import { useAction, useMe, useRows } from "../api/hooks";
import * as queries from "../api/queries";
import { GroupSelect, PersonSelect } from "../components/chooser";
import { Icon } from "../components/icons";
import { BudgetBar, Confirm } from "../components/misc";
import { GroupName, KeyName, PersonName } from "../components/named";
import { Empty, Page, Rows, Section } from "../components/page";
import { ProblemNote } from "../components/problem";
import { DataTable } from "../components/table";
import { dollars, words } from "../lib/format";
import { may } from "../lib/permissions";

type Budget = Schemas["Budget"];

function SubjectOf({ budget }: { budget: Budget }) {
  const { kind, id } = budget.subject;
  if (kind === "organization") return <Text span fw={600}>The organization</Text>;
  // What a person spends with API tokens of their own has a budget of its own.
  if (kind === "tokens") return <Text span fw={600}>API tokens of <PersonName id={id} /></Text>;
  const Named = { key: KeyName, person: PersonName, group: GroupName }[kind];
  return <Text span fw={600}><Named id={id} /></Text>;
}

function Edit({ budget, onClose }: { budget: Budget | "new"; onClose: () => void }) {
  const old = budget === "new" ? null : budget;
  const [kind, setKind] = useState<Schemas["SubjectKind"]>("group");
  const [id, setId] = useState<string | null>(null);
  const [limit, setLimit] = useState(old?.limit.usd ?? "");
  const [period, setPeriod] = useState<Schemas["Period"]>("month");
  const save = useAction(
    () => {
      const amount = limit.trim().replace(/^\$/, "");
      if (old) return call(api.PATCH("/api/v1/budgets/{id}", { params: { path: { id: old.id } }, body: { limit: amount } }));
      return call(api.POST("/api/v1/budgets", { body: { subject: { kind, ...(id ? { id } : {}) }, limit: amount, period } }));
    },
    ["budgets", "keys"],
    onClose,
  );
  const field = (pointer: string) => (save.error instanceof ProblemError ? save.error.field(pointer) : undefined);
  return (
    <Modal opened onClose={onClose} title={old ? "Change the budget" : "New budget"} centered>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate(undefined);
        }}
      >
        <Stack>
          {old ? null : (
            <>
              <Select label="For" data={[{ value: "group", label: "A group" }, { value: "person", label: "A person" }, { value: "organization", label: "The organization" }]} value={kind} allowDeselect={false} onChange={(value) => { setKind((value ?? "group") as Schemas["SubjectKind"]); setId(null); }} />
              {kind === "group" ? <GroupSelect label="Group" required value={id} onChange={setId} error={field("/subject")} /> : null}
              {kind === "person" ? <PersonSelect label="Person" required value={id} onChange={setId} error={field("/subject")} /> : null}
              <Select label="Per" data={["day", "week", "month", "total"]} value={period} allowDeselect={false} onChange={(value) => setPeriod((value ?? "month") as Schemas["Period"])} />
            </>
          )}
          <TextInput label="Limit in dollars" description={old ? `Holds now. ${dollars(old.spent)} of it is spent, and stays spent.` : "What a request could cost at most is set aside before it is sent, so this is never exceeded."} inputMode="decimal" required value={limit} onChange={(event) => setLimit(event.currentTarget.value)} error={field("/limit")} data-autofocus />
          <ProblemNote error={field("/limit") || field("/subject") ? null : save.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>Cancel</Button>
            <Button type="submit" loading={save.isPending} disabled={limit.trim() === "" || (!old && kind !== "organization" && !id)}>Save</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** Hard limits, and what is left of them. */
export function BudgetsPage() {
  const me = useMe();
  const writes = may(me, "budgets.write");
  const { query, rows, more, loading } = useRows(queries.budgets());
  const [edited, setEdited] = useState<Budget | "new" | null>(null);
  const [dropped, setDropped] = useState<Budget | null>(null);
  const drop = useAction((id: string) => call(api.DELETE("/api/v1/budgets/{id}", { params: { path: { id } } })), ["budgets", "keys"], () => setDropped(null));
  const button = writes ? <Button leftSection={<Icon name="plus" size={16} />} onClick={() => setEdited("new")}>New budget</Button> : null;
  const order = { organization: 0, group: 1, person: 2, tokens: 3, key: 4 };
  const sorted = rows?.toSorted((a, b) => order[a.subject.kind] - order[b.subject.kind]);
  return (
    <Page title="Budgets" lead="A request passes when every budget over it has room: of its key, its person, their charged group and the organization." actions={button}>
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      <Section padded={false}>
        {sorted === undefined ? (query.error ? null : <Rows />) : sorted.length > 0 ? (
          <DataTable
            caption="Budgets"
            rows={sorted}
            rowKey={(budget) => budget.id}
            more={more}
            loading={loading}
            columns={[
              { label: "For", lead: true, render: (budget) => <SubjectOf budget={budget} /> },
              { label: "Kind", render: (budget) => words(budget.subject.kind) },
              { label: "Left", render: (budget) => <BudgetBar budget={budget} label={`Budget of ${budget.subject.kind} ${budget.subject.id}`} /> },
              { label: "Spent", end: true, render: (budget) => dollars(budget.spent) },
              { label: "Overrun", end: true, render: (budget) => (budget.overrun.nanos > 0 ? dollars(budget.overrun) : "–") },
              ...(writes
                ? [
                    {
                      label: "Change",
                      bare: true,
                      end: true,
                      render: (budget: Budget) => {
                        const name = `${budget.subject.kind} ${budget.subject.id}`;
                        return (
                          <Group gap={4} justify="flex-end" wrap="nowrap">
                            <Button size="xs" variant="default" onClick={() => setEdited(budget)} aria-label={`Change the budget of ${name}`}>Change</Button>
                            <ActionIcon variant="subtle" color="gray" aria-label={`Remove the budget of ${name}`} onClick={() => setDropped(budget)}><Icon name="trash" size={16} /></ActionIcon>
                          </Group>
                        );
                      },
                    },
                  ]
                : []),
            ]}
          />
        ) : (
          <Empty icon="budgets" title="Nothing is limited yet" action={button}>Set a budget for the organization first: then no key can spend more than you mean to.</Empty>
        )}
      </Section>
      {edited ? <Edit budget={edited} onClose={() => setEdited(null)} /> : null}
      <Confirm opened={dropped !== null} onClose={() => setDropped(null)} title="Remove the budget?" action="Remove" dangerous run={() => dropped && drop.mutate(dropped.id)} pending={drop.isPending} error={drop.error}>
        <Text>From now on it limits nothing. What was spent stays in the ledger.</Text>
      </Confirm>
    </Page>
  );
}

import { Button, SegmentedControl, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useNavigate, useSearch } from "@tanstack/react-router";

import type { Schemas } from "../../api/client";
import { useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { BudgetBar, Status, type Tone } from "../../components/misc";
import { Empty, Page, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { words } from "../../lib/format";
import { may } from "../../lib/permissions";
import { CreateKey } from "./create";

type State = Schemas["KeyState"];
export const keyTones: Record<State, Tone> = { active: "good", expired: "off", revoked: "bad" };
const states: readonly string[] = ["active", "expired", "revoked"] satisfies State[];

/** Keys that open the model routes. */
export function KeysPage() {
  const me = useMe();
  const search = useSearch({ from: "/shell/keys" });
  const navigate = useNavigate({ from: "/keys" });
  const state = states.includes(search.state ?? "") ? (search.state as State) : search.state === "all" ? undefined : "active";
  const { query, rows, more, loading } = useRows(queries.keys({ state }));
  const [creating, { open, close }] = useDisclosure(false);
  const button = may(me, "keys.create") ? <Button leftSection={<Icon name="plus" size={16} />} onClick={open}>New key</Button> : null;
  return (
    <Page title="Keys" lead="A key opens the model routes, within its budget. People, agents and pipelines each get their own." actions={button}>
      <div>
        <SegmentedControl aria-label="Which keys" value={state ?? "all"} onChange={(value) => void navigate({ search: value === "active" ? {} : { state: value }, replace: true })} data={["active", "expired", "revoked", "all"].map((value) => ({ value, label: words(value) }))} />
      </div>
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      <Section padded={false}>
        {rows === undefined ? (query.error ? null : <Rows />) : rows.length > 0 ? (
          <DataTable
            caption="Keys"
            rows={rows}
            rowKey={(key) => key.id}
            more={more}
            loading={loading}
            columns={[
              { label: "Name", lead: true, render: (key) => <TextLink to="/keys/$id" params={{ id: key.id }} fw={600}>{key.name}</TextLink> },
              { label: "State", render: (key) => <Status tone={keyTones[key.state]}>{words(key.state)}</Status> },
              { label: "Person", render: (key) => key.person.name },
              { label: "Scope", render: (key) => words(key.scope) },
              { label: "Budget", render: (key) => (key.budgets[0] ? <BudgetBar budget={key.budgets[0]} label={`Budget of ${key.name}`} /> : <Text span c="dimmed">none of its own</Text>) },
              { label: "Expires", render: (key) => <Time at={key.expires_at} /> },
            ]}
          />
        ) : (
          <Empty icon="key" title={state === "active" ? "No key is active" : "No such key"} action={state === "active" ? button : null}>
            {state === "active" ? "Make one, and point Claude Code, Codex or any OpenAI client at this server with it." : "Keys that expired or were revoked are listed here."}
          </Empty>
        )}
      </Section>
      <CreateKey opened={creating} onClose={close} />
    </Page>
  );
}

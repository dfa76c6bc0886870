import { Button, SimpleGrid, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, type Schemas } from "../../api/client";
import { useAction, useMe } from "../../api/hooks";
import * as queries from "../../api/queries";
import { DayChart } from "../../components/chart";
import { TextLink } from "../../components/links";
import { BudgetBar, Confirm, Status } from "../../components/misc";
import { Loaded, Page, Section } from "../../components/page";
import { Facts } from "../../components/table";
import { Time } from "../../components/time";
import { count, dollars, words } from "../../lib/format";
import { may, mayOn } from "../../lib/permissions";
import { SecretOfKey } from "./create";
import { keyTones } from "./list";

type Key = Schemas["Key"];

function Actions({ value }: { value: Key }) {
  const me = useMe();
  const [asked, setAsked] = useState<"revoke" | "rotate" | null>(null);
  const [rotated, setRotated] = useState<Schemas["KeyWithSecret"] | null>(null);
  const path = { params: { path: { id: value.id } } };
  const revoke = useAction(() => call(api.POST("/api/v1/keys/{id}/revoke", path)), ["keys"], () => {
    setAsked(null);
    notifications.show({ message: `${value.name} is revoked.` });
  });
  const rotate = useAction(() => call(api.POST("/api/v1/keys/{id}/rotate", path)), ["keys"], (made) => {
    setAsked(null);
    setRotated(made);
  });
  const close = () => {
    revoke.reset();
    rotate.reset();
    setAsked(null);
  };
  const active = value.state === "active";
  return (
    <>
      {active && value.scope !== "workspace" && mayOn(me, "keys.update", value.person.id) ? <Button variant="default" onClick={() => setAsked("rotate")}>Rotate</Button> : null}
      {active && mayOn(me, "keys.revoke", value.person.id) ? <Button variant="default" onClick={() => setAsked("revoke")}>Revoke</Button> : null}
      <Confirm opened={asked === "revoke"} onClose={close} title={`Revoke ${value.name}?`} action="Revoke" dangerous run={() => revoke.mutate(undefined)} pending={revoke.isPending} error={revoke.error}>
        <Text>It is refused from now on, and answers under way end. What it spent stays in the ledger. It cannot be brought back.</Text>
      </Confirm>
      <Confirm opened={asked === "rotate"} onClose={close} title={`Rotate ${value.name}?`} action="Rotate" run={() => rotate.mutate(undefined)} pending={rotate.isPending} error={rotate.error}>
        <Text>It gets another secret, and the one so far is refused at once: whatever uses it must be told the new one. Name, limits and what is spent stay.</Text>
      </Confirm>
      <SecretOfKey created={rotated} onClose={() => setRotated(null)} />
    </>
  );
}

function Usage({ id }: { id: string }) {
  const days = useQuery(queries.spend(["day"], { key: id, since: "30d" }));
  return (
    <Section title="Last 30 days">
      <Loaded query={days}>
        {(spend) => (
          <Stack gap="sm">
            <Text size="sm" c="dimmed" className="numeric">{dollars(spend.total.cost)} in {count(spend.total.requests)} requests</Text>
            <DayChart rows={spend.rows} days={30} label="Spend of this key by day" />
            <TextLink to="/requests" search={{ key: id }} size="sm">Its requests</TextLink>
          </Stack>
        )}
      </Loaded>
    </Section>
  );
}

/** One key: what it may do, and what it did. */
export function KeyPage() {
  const { id } = useParams({ from: "/shell/keys/$id" });
  const me = useMe();
  const query = useQuery(queries.key(id));
  const key = query.data;
  return (
    <Page title={key?.name ?? "Key"} back={<TextLink to="/keys">Keys</TextLink>} lead={key ? <Status tone={keyTones[key.state]}>{words(key.state)}</Status> : null} actions={key ? <Actions value={key} /> : null}>
      <Loaded query={query}>
        {(value) => (
          <SimpleGrid cols={{ base: 1, md: 2 }}>
            <Section title="What it may do">
              <Facts
                items={[
                  ["Begins with", <span key="prefix" className="mono">{value.prefix}…</span>],
                  ["Person", value.person.name],
                  ["Scope", words(value.scope)],
                  ["Models", value.models.names?.length ? value.models.names.join(", ") : value.models.tiers?.length ? `of the tiers ${value.models.tiers.join(" and ")}` : "any"],
                  ["Requests a minute", value.rpm ?? "no limit"],
                  ["Tokens a minute", value.tpm ? count(value.tpm) : "no limit"],
                  ["At the same time", value.concurrent ?? "no limit"],
                  ["Expires", <Time key="expires" at={value.expires_at} />],
                  ["Created", <Time key="created" at={value.created_at} />],
                  ...(value.rotated_at ? [["Rotated", <Time key="rotated" at={value.rotated_at} />] as [string, React.ReactNode]] : []),
                  ...(value.revoked_at ? [["Revoked", <Time key="revoked" at={value.revoked_at} />] as [string, React.ReactNode]] : []),
                  ...(value.workspace ? [["Workspace", <TextLink key="ws" to="/workspaces/$id" params={{ id: value.workspace }} className="mono">{value.workspace}</TextLink>] as [string, React.ReactNode]] : []),
                  ["Id", <span key="id" className="mono">{value.id}</span>],
                ]}
              />
            </Section>
            <Stack>
              <Section title="Budgets">
                {value.budgets.length > 0 ? <Stack>{value.budgets.map((budget) => <BudgetBar key={budget.id} budget={budget} />)}</Stack> : <Text c="dimmed">It has none of its own; those of its person, group and organization hold.</Text>}
              </Section>
              {may(me, "ledger.read") ? <Usage id={value.id} /> : null}
            </Stack>
          </SimpleGrid>
        )}
      </Loaded>
    </Page>
  );
}

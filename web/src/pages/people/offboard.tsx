import { Button, List, Radio, SimpleGrid, Stack, Text, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, type Schemas } from "../../api/client";
import { useAction } from "../../api/hooks";
import * as queries from "../../api/queries";
import { PersonSelect } from "../../components/chooser";
import { Icon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { Confirm, Status } from "../../components/misc";
import { Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { count, words } from "../../lib/format";

type Person = Schemas["UserDetail"];
type Report = Schemas["Suspension"];

const changed = ["users", "keys", "workspaces", "tokens", "sessions", "suspension"];

/** What ended when somebody was suspended. It fills while the last things end. */
export function SuspensionReport({ person }: { person: Person }) {
  const query = useQuery(queries.suspension(person.id, person.status === "suspended"));
  const report: Report | undefined = query.data;
  if (person.status !== "suspended") return null;
  if (!report) return query.error ? <ProblemNote error={query.error} /> : null;
  const ended: [string, number][] = [
    ["Sessions", report.sessions],
    ["API tokens", report.tokens],
    ["Keys", report.keys],
    ["Invitations", report.invitations],
    ["Answers of models", report.streams],
    ["Terminals", report.terminals],
    ["Commands", report.exec],
    ["Files on their way", report.files],
    ["Requests of apps", report.apps],
    ["Logs that were followed", report.logs],
  ];
  return (
    <Section title="What ended" actions={<Status tone={report.finished ? "good" : "busy"}>{report.finished ? "All of it has ended" : "Ending"}</Status>}>
      <Stack>
        <Text size="sm" c="dimmed">Suspended <Time at={report.at} />{report.by ? ` by ${report.by.name}` : ""}{report.reason ? `: ${report.reason}` : ""}. Tokens and keys are refused, and work again after reactivation unless they expire; the rest is over.</Text>
        <SimpleGrid cols={{ base: 2, xs: 3, md: 5 }}>{ended.map(([name, number]) => <div key={name}><Text size="sm" c="dimmed">{name}</Text><Text fw={600} className="numeric">{count(number)}</Text></div>)}</SimpleGrid>
        {report.workspaces.length > 0 ? (
          <DataTable
            caption="Workspaces that stop"
            rows={report.workspaces}
            rowKey={(workspace) => workspace.id}
            columns={[
              { label: "Workspace", lead: true, render: (workspace) => <TextLink to="/workspaces/$id" params={{ id: workspace.id }}>{workspace.name}</TextLink> },
              { label: "State", render: (workspace) => <Status tone={workspace.state === "stopped" ? "off" : workspace.state === "failed" ? "bad" : "busy"}>{words(workspace.state)}</Status> },
            ]}
          />
        ) : null}
      </Stack>
    </Section>
  );
}

export function Suspend({ person }: { person: Person }) {
  const [asked, setAsked] = useState(false);
  const [reason, setReason] = useState("");
  const active = person.status === "active";
  const path = { params: { path: { id: person.id } } };
  const done = () => setAsked(false);
  const suspend = useAction(() => call(api.POST("/api/v1/users/{id}/suspend", { ...path, body: reason.trim() ? { reason: reason.trim() } : {} })), changed, done);
  const reactivate = useAction(() => call(api.POST("/api/v1/users/{id}/reactivate", path)), changed, () => {
    done();
    notifications.show({ message: `${person.display_name} may use Bailey again.` });
  });
  const run = active ? suspend : reactivate;
  return (
    <>
      <Button variant="default" onClick={() => setAsked(true)}>{active ? "Suspend" : "Reactivate"}</Button>
      <Confirm opened={asked} onClose={() => { run.reset(); done(); }} title={`${active ? "Suspend" : "Reactivate"} ${person.display_name}?`} action={active ? "Suspend" : "Reactivate"} dangerous={active} run={() => run.mutate(undefined)} pending={run.isPending} error={run.error}>
        {active ? (
          <Stack>
            <List>
              <List.Item>Within five seconds they are signed out, their tokens and keys are refused, and their open terminals, apps, commands and answers of models end.</List.Item>
              <List.Item>Their workspaces begin to stop: what runs in them ends, home directories stay.</List.Item>
              <List.Item>Nothing of theirs is deleted; they can be reactivated.</List.Item>
            </List>
            <Textarea label="Why" description="Kept in the audit log." autosize minRows={1} maxRows={4} value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
          </Stack>
        ) : <Text>They may sign in again. Tokens and keys that have not expired work again; workspaces stay stopped until they are started.</Text>}
      </Confirm>
    </>
  );
}

/** Deletes a person for good; what they have goes to somebody else, or with them. */
export function Delete({ person }: { person: Person }) {
  const navigate = useNavigate();
  const [asked, setAsked] = useState(false);
  const [fate, setFate] = useState<"hand-over" | "delete">("hand-over");
  const [heir, setHeir] = useState<string | null>(null);
  const remove = useAction(
    () => call(api.DELETE("/api/v1/users/{id}", { params: { path: { id: person.id }, query: { workspaces: fate, ...(fate === "hand-over" && heir ? { to: heir } : {}) } } })),
    changed,
    (report) => {
      const went = report.workspaces.length + report.homes;
      notifications.show({ message: `${person.display_name} is deleted${went > 0 ? `; ${count(report.workspaces.length)} workspaces and ${count(report.homes)} kept homes ${report.handed_to ? `went to ${report.handed_to.name}` : "are deleted"}` : ""}.`, autoClose: 10_000 });
      void navigate({ to: "/people" });
    },
  );
  const ready = fate === "delete" || heir !== null;
  return (
    <>
      <Button variant="default" c="var(--mantine-color-error)" leftSection={<Icon name="trash" size={15} />} onClick={() => setAsked(true)}>Delete</Button>
      <Confirm opened={asked} onClose={() => { remove.reset(); setAsked(false); }} title={`Delete ${person.display_name}?`} action="Delete" dangerous disabled={!ready} acknowledge={fate === "delete" ? "I understand that their workspaces and files are gone for good" : "I understand that the person cannot be brought back"} run={() => remove.mutate(undefined)} pending={remove.isPending} error={remove.error}>
        <Stack>
          <Text>They are suspended first, if they are not yet; their tokens, keys, sessions and memberships end for good. What they spent and did stays in the ledger and the audit log.</Text>
          <Radio.Group label="Their workspaces" value={fate} onChange={(value) => setFate(value as "hand-over" | "delete")}>
            <Stack gap="xs" mt="xs">
              <Radio value="hand-over" label="go to somebody else, with their home directories" />
              <Radio value="delete" label="are deleted, with their home directories" />
            </Stack>
          </Radio.Group>
          {fate === "hand-over" ? <PersonSelect label="To" required value={heir} onChange={setHeir} /> : null}
        </Stack>
      </Confirm>
    </>
  );
}

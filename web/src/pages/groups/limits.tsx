import { Button, Group, NumberInput, Stack, Switch, TagsInput, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../../api/client";
import { useAction } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { Facts } from "../../components/table";
import { amount, quotaNames } from "../../lib/quota";

type Group = Schemas["GroupDetail"];
type Kind = Schemas["LimitKind"];

const kinds = Object.keys(quotaNames) as Kind[];
/** How many of the API's units one of the form's is. */
const units: Record<Kind, number> = { workspaces: 1, running: 1, cpu_milli: 1_000, memory: 2 ** 30, disk: 2 ** 30 };
const suffixes: Record<Kind, string> = { workspaces: "", running: "", cpu_milli: "", memory: " GiB", disk: " GiB" };

/** Which models members may ask for: those of this list, or whatever their keys allow. */
function Models({ group }: { group: Group }) {
  const models = useQuery(queries.models);
  const [limited, setLimited] = useState(group.models != null);
  const [names, setNames] = useState(group.models ?? []);
  const save = useAction(() => call(api.PATCH("/api/v1/groups/{id}", { params: { path: { id: group.id } }, body: { models: limited ? names : null } })), ["groups"], () => notifications.show({ message: "Saved. It holds for the next request." }));
  return (
    <Stack gap="sm">
      <Switch label="Only these models" checked={limited} onChange={(event) => setLimited(event.currentTarget.checked)} />
      {limited ? <TagsInput label="Models" description={names.length === 0 ? "None: its members may use no model, unless another group of theirs lists some." : "Somebody in several groups with a list may use those of each."} data={(models.data?.items ?? []).map((model) => model.name).filter((name) => name !== "*")} value={names} onChange={setNames} clearable /> : null}
      <ProblemNote error={save.error} />
      <Group><Button variant="default" loading={save.isPending} onClick={() => save.mutate(undefined)}>Save the models</Button></Group>
    </Stack>
  );
}

/** How much each member may have. What is left empty is as the deployment says. */
function Quota({ group }: { group: Group }) {
  const [values, setValues] = useState<Partial<Record<Kind, number>>>(() => Object.fromEntries(kinds.flatMap((kind) => (group.quota[kind] == null ? [] : [[kind, group.quota[kind] / units[kind]]]))));
  const save = useAction(
    () => {
      const quota = Object.fromEntries(kinds.flatMap((kind) => (values[kind] === undefined ? [] : [[kind, Math.round(values[kind] * units[kind])]])));
      return call(api.PATCH("/api/v1/groups/{id}", { params: { path: { id: group.id } }, body: { quota } }));
    },
    ["groups", "quota"],
    () => notifications.show({ message: "Saved. What is there stays; it holds for what is made or started from now on." }),
  );
  const field = (kind: Kind) => (save.error instanceof ProblemError ? save.error.field(`/quota/${kind}`) : undefined);
  return (
    <Stack gap="sm">
      <Group gap="sm" align="flex-end">
        {kinds.map((kind) => (
          <NumberInput key={kind} w={130} label={quotaNames[kind]} placeholder="as elsewhere" min={0} suffix={suffixes[kind]} allowDecimal={kind === "cpu_milli"} value={values[kind] ?? ""} onChange={(value) => setValues({ ...values, [kind]: typeof value === "number" ? value : undefined })} error={field(kind)} />
        ))}
      </Group>
      {kinds.some((kind) => field(kind)) ? null : <ProblemNote error={save.error} />}
      <Group><Button variant="default" loading={save.isPending} onClick={() => save.mutate(undefined)}>Save the quota</Button></Group>
    </Stack>
  );
}

/** What a group says of what its members may use and have. */
export function GroupLimits({ group, writes }: { group: Group; writes: boolean }) {
  if (!writes) {
    return (
      <Section title="Models and quota of each member">
        <Facts items={[["Models", group.models == null ? "as their keys allow" : group.models.join(", ") || "none"], ...kinds.map((kind) => [quotaNames[kind], group.quota[kind] == null ? "as elsewhere" : amount(kind, group.quota[kind])] as [string, string])]} />
      </Section>
    );
  }
  return (
    <Section title="Models and quota of each member">
      <Stack gap="xl">
        <Models group={group} />
        <div><Text size="sm" c="dimmed" mb="xs">Each member may have at most this much. Who is in several groups has the most that one of them allows.</Text><Quota group={group} /></div>
      </Stack>
    </Section>
  );
}

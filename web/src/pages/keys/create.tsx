import { Button, Group, Modal, NumberInput, Select, SimpleGrid, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../../api/client";
import { useAction, useMe } from "../../api/hooks";
import * as queries from "../../api/queries";
import { PersonSelect } from "../../components/chooser";
import { CodeLine, SecretDialog } from "../../components/misc";
import { ProblemNote } from "../../components/problem";
import { reach } from "../../lib/permissions";

const scopes: { value: Schemas["KeyScope"]; label: string }[] = [
  { value: "user", label: "A person at their own machine" },
  { value: "ci", label: "One run of a pipeline" },
  { value: "agent-review", label: "An agent that reviews" },
  { value: "agent-write", label: "An agent that writes code" },
];
const periods = ["day", "week", "month", "run", "total"] as const;
const fields = ["/name", "/budget", "/models", "/expires_in", "/rpm", "/person"];

/** What an installation needs to hear to use a key. */
function Usage({ secret }: { secret: string }) {
  return (
    <Stack gap="xs">
      <Text size="sm">Claude Code:</Text>
      <CodeLine text={`export ANTHROPIC_BASE_URL=${window.location.origin} ANTHROPIC_AUTH_TOKEN=${secret}`} />
      <Text size="sm">OpenAI clients:</Text>
      <CodeLine text={`export OPENAI_BASE_URL=${window.location.origin}/v1 OPENAI_API_KEY=${secret}`} />
    </Stack>
  );
}

export function SecretOfKey({ created, onClose }: { created: Schemas["KeyWithSecret"] | null; onClose: () => void }) {
  return (
    <SecretDialog title={`The key ${created?.name ?? ""}`} secret={created?.key ?? null} what="key" onClose={onClose}>
      {created ? <Usage secret={created.key} /> : null}
    </SecretDialog>
  );
}

/** Makes a key, and shows it once. */
export function CreateKey({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const me = useMe();
  const models = useQuery({ ...queries.models, enabled: opened });
  const [name, setName] = useState("");
  const [scope, setScope] = useState<Schemas["KeyScope"]>("user");
  const [amount, setAmount] = useState("");
  const [period, setPeriod] = useState<(typeof periods)[number]>("day");
  const [allowed, setAllowed] = useState<string[]>([]);
  const [lifetime, setLifetime] = useState("");
  const [rpm, setRpm] = useState<number | string>("");
  const [person, setPerson] = useState<string | null>(null);
  const [created, setCreated] = useState<Schemas["KeyWithSecret"] | null>(null);
  const create = useAction(
    (body: Schemas["KeyCreate"]) => call(api.POST("/api/v1/keys", { body })),
    ["keys", "budgets"],
    (made) => {
      setCreated(made);
      setName("");
      onClose();
    },
  );
  const field = (pointer: string) => (create.error instanceof ProblemError ? create.error.field(pointer) : undefined);
  const shown = fields.some((pointer) => field(pointer));
  const submit = () =>
    create.mutate({
      name: name.trim(),
      scope,
      ...(amount.trim() ? { budget: { limit: amount.trim().replace(/^\$/, ""), period } } : {}),
      ...(allowed.length > 0 ? { models: { names: allowed } } : {}),
      ...(lifetime.trim() ? { expires_in: lifetime.trim() } : {}),
      ...(typeof rpm === "number" ? { rpm } : {}),
      ...(person ? { person } : {}),
    });
  return (
    <>
      <Modal opened={opened} onClose={onClose} title="New key" size="lg" centered>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            submit();
          }}
        >
          <Stack>
            <TextInput label="Name" description="To recognise it by: where it will be used." required data-autofocus value={name} maxLength={128} onChange={(event) => setName(event.currentTarget.value)} error={field("/name")} />
            <Select label="For" description="Picks the limits of whatever is left empty below." data={scopes} value={scope} allowDeselect={false} onChange={(value) => setScope((value ?? "user") as Schemas["KeyScope"])} />
            {reach(me, "keys.create") === "all" ? <PersonSelect label="Whose" description="They are charged for it." placeholder="Yours" clearable value={person} onChange={setPerson} error={field("/person")} /> : null}
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              <TextInput label="Budget in dollars" placeholder="that of its kind" inputMode="decimal" value={amount} onChange={(event) => setAmount(event.currentTarget.value)} error={field("/budget") ?? (amount && !/^\$?\d*(\.\d{1,9})?$/.test(amount.trim()) ? "Dollars such as 5 or 0.25" : undefined)} />
              <Select label="Per" data={periods.map((value) => ({ value, label: { day: "day", week: "week", month: "month", run: "life of the key", total: "all time" }[value] }))} value={period} allowDeselect={false} onChange={(value) => setPeriod((value ?? "day") as (typeof periods)[number])} />
            </SimpleGrid>
            <TagsInput label="Models" description="Leave it empty for all that its kind may use." data={(models.data?.items ?? []).map((model) => model.name).filter((model) => model !== "*")} value={allowed} onChange={setAllowed} error={field("/models")} clearable />
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              <TextInput label="Works for" placeholder="as its kind does" description="Such as 12h, 30d or never." value={lifetime} onChange={(event) => setLifetime(event.currentTarget.value)} error={field("/expires_in")} />
              <NumberInput label="Requests a minute" placeholder="as its kind has" description="In any 60 seconds." min={1} allowDecimal={false} value={rpm} onChange={setRpm} error={field("/rpm")} />
            </SimpleGrid>
            {shown ? null : <ProblemNote error={create.error} />}
            <Group justify="flex-end">
              <Button variant="default" onClick={onClose}>Cancel</Button>
              <Button type="submit" loading={create.isPending} disabled={name.trim() === ""}>Make the key</Button>
            </Group>
          </Stack>
        </form>
      </Modal>
      <SecretOfKey created={created} onClose={() => setCreated(null)} />
    </>
  );
}

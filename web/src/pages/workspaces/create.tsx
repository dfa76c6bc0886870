import { Badge, Button, Chip, Group, Paper, SimpleGrid, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../../api/client";
import { useAction, useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon, namedIcon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { Empty, Loaded, Page, Rows, Section } from "../../components/page";
import { ParameterFields } from "../../components/parameters";
import { ProblemNote } from "../../components/problem";
import { checkValues, initial, type Value } from "../../lib/parameters";
import { may } from "../../lib/permissions";
import { QuotaLeft } from "./quota";

type Template = Schemas["Template"];
type Content = Schemas["TemplateContent"];

function Card({ template, chosen, choose }: { template: Template; chosen: boolean; choose: () => void }) {
  return (
    <Paper className="card" p={0}>
      <UnstyledButton className="choice" role="radio" aria-checked={chosen} onClick={choose} style={{ borderRadius: 8 }}>
        <Group gap="xs" mb={4} wrap="nowrap"><Icon name={namedIcon(template.icon, "templates")} /><Text fw={600} span>{template.display_name}</Text></Group>
        <Text size="sm" c="dimmed">{template.description || "No description."}</Text>
      </UnstyledButton>
    </Paper>
  );
}

/** What holds for workspaces of a template, in words. */
function Nature({ content }: { content: Content }) {
  const hosts = content.egress.map((rule) => (rule.port === 443 ? rule.host : `${rule.host}:${rule.port}`));
  return (
    <Stack gap={6}>
      <Group gap="xs">
        {content.apps.map((app) => <Badge key={app.name} variant="default">{app.display_name}</Badge>)}
        {content.browser_only ? <Badge variant="default">browser only</Badge> : null}
      </Group>
      <Text size="sm" c="dimmed">{hosts.length > 0 ? `Beside the model gate it reaches ${hosts.slice(0, 6).join(", ")}${hosts.length > 6 ? ` and ${hosts.length - 6} more` : ""}.` : "It reaches the model gate and nothing else."}</Text>
      {content.needs_layer ? <Text size="sm" c="dimmed">What it installs is built once, with the first workspace or by <span className="mono">bailey templates build</span>; that takes minutes.</Text> : null}
    </Stack>
  );
}

function Form({ template, content }: { template: Template; content: Content }) {
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [preset, setPreset] = useState<string | null>(null);
  const [values, setValues] = useState<Record<string, Value>>(() => initial(content.parameters, {}));
  const [strict, setStrict] = useState(false);
  const create = useAction(
    () => call(api.POST("/api/v1/workspaces", { body: { template: template.id, ...(name.trim() ? { name: name.trim() } : {}), parameters: values } })),
    ["workspaces"],
    (made) => void navigate({ to: "/workspaces/$id", params: { id: made.id }, search: { tab: "builds" } }),
  );
  const field = (pointer: string) => (create.error instanceof ProblemError ? create.error.field(pointer) : undefined);
  const badName = name.trim() !== "" && !/^(?!.*--)[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/.test(name.trim());
  const faults = checkValues(content.parameters, values);
  const choosePreset = (chosen: string | null) => {
    setPreset(chosen);
    setValues(initial(content.parameters, (content.presets.find((each) => each.name === chosen)?.parameters ?? {}) as Record<string, Value>));
  };
  const submit = () => {
    setStrict(true);
    if (Object.keys(faults).length === 0 && !badName) create.mutate(undefined);
  };
  const shown = field("/name") ?? content.parameters.map((p) => field(`/parameters/${p.name}`)).find(Boolean);
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Section title={template.display_name}>
        <Stack gap="lg">
          <Nature content={content} />
          <TextInput label="Name" description="Lower-case letters, digits and single dashes, at most 32. One is made up if you leave it empty." placeholder="made up" maw={420} value={name} onChange={(event) => setName(event.currentTarget.value)} error={badName ? "Lower-case letters, digits and single dashes, at most 32" : field("/name")} />
          {content.presets.length > 0 ? (
            <div>
              <Text size="sm" fw={500} mb={6} id="presets">Preset</Text>
              <Chip.Group value={preset ?? ""} onChange={(value) => choosePreset((value as string) || null)}>
                <Group gap="xs" role="group" aria-labelledby="presets">
                  <Chip value="">Defaults</Chip>
                  {content.presets.map((each) => <Chip key={each.name} value={each.name}>{each.name}</Chip>)}
                </Group>
              </Chip.Group>
              {content.presets.find((each) => each.name === preset)?.description ? <Text size="sm" c="dimmed" mt={4}>{content.presets.find((each) => each.name === preset)?.description}</Text> : null}
            </div>
          ) : null}
          <div style={{ maxWidth: 640 }}>
            <ParameterFields key={preset} definitions={content.parameters} values={values} strict={strict} refused={(parameter) => field(`/parameters/${parameter}`)} onChange={setValues} />
          </div>
          {shown ? null : <ProblemNote error={create.error} />}
          <Group>
            <Button type="submit" loading={create.isPending} disabled={strict && (Object.keys(faults).length > 0 || badName)}>Create and start</Button>
            <Text size="sm" c="dimmed">You see it being built, and then its terminal.</Text>
          </Group>
        </Stack>
      </Section>
    </form>
  );
}

/** A new workspace: the template, then what can be chosen. */
export function CreatePage() {
  const me = useMe();
  const search = useSearch({ from: "/shell/workspaces/new" });
  const navigate = useNavigate({ from: "/workspaces/new" });
  const { query, rows } = useRows(queries.templates);
  const usable = rows?.filter((template) => template.active != null);
  const chosen = usable?.find((template) => template.name === search.template) ?? (usable?.length === 1 ? usable[0] : undefined);
  const detail = useQuery({ ...queries.template(chosen?.id ?? ""), enabled: chosen !== undefined });
  return (
    <Page title="New workspace" back={<TextLink to="/workspaces">Workspaces</TextLink>} lead="Choose a template, and what it lets you choose.">
      <QuotaLeft />
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      {usable === undefined ? (query.error ? null : <Rows />) : usable.length === 0 ? (
        <Section><Empty icon="templates" title="There is no template to use">{may(me, "templates.write") ? <>Push one with <span className="mono">bailey templates push</span>.</> : "Ask a template admin to promote one."}</Empty></Section>
      ) : (
        <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} role="radiogroup" aria-label="Template">
          {usable.map((template) => <Card key={template.id} template={template} chosen={template.id === chosen?.id} choose={() => void navigate({ search: { template: template.name }, replace: true })} />)}
        </SimpleGrid>
      )}
      {chosen ? (
        <Loaded query={detail}>
          {(loaded) => (loaded.content ? <Form key={chosen.id} template={chosen} content={loaded.content} /> : <Text c="dimmed">This Bailey cannot read the version in force any more. A template admin can promote another.</Text>)}
        </Loaded>
      ) : null}
    </Page>
  );
}

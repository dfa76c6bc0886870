import { Button, Group, Modal, PasswordInput, Select, SimpleGrid, Stack, Switch, TagsInput, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../../api/client";
import { useAction, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { ProblemNote } from "../../components/problem";
import { providerLines, providersOf } from "../../lib/forge";

type Connection = Schemas["Connection"];

const fields = ["/name", "/base_url", "/projects", "/token", "/label_prefix", "/template", "/models", "/default_model", "/identity_providers"];

interface Props {
  /** The one that is changed; a new one is made where there is none. */
  connection?: Connection;
  onClose: () => void;
  done?: (connection: Connection) => void;
}

/** Makes a connection, or changes one. The token is never shown: left empty, it stays. */
export function ConnectionForm({ connection, onClose, done }: Props) {
  const templates = useRows(queries.templates);
  const models = useQuery(queries.models);
  const [name, setName] = useState(connection?.name ?? "");
  const [address, setAddress] = useState(connection?.base_url ?? "");
  const [projects, setProjects] = useState<string[]>(connection?.projects ?? []);
  const [token, setToken] = useState("");
  const [prefix, setPrefix] = useState(connection?.label_prefix ?? "");
  const [template, setTemplate] = useState<string | null>(connection?.template ?? null);
  const [allowed, setAllowed] = useState<string[]>(connection?.models ?? []);
  const [standard, setStandard] = useState<string | null>(connection?.default_model ?? null);
  const [lines, setLines] = useState<string[]>(providerLines(connection?.identity_providers ?? {}));
  const [enabled, setEnabled] = useState(connection?.enabled ?? true);
  const providers = providersOf(lines);
  const shared = { name: name.trim(), projects, template, models: allowed.length > 0 ? allowed : null, default_model: standard, identity_providers: providers ?? {}, enabled, ...(prefix.trim() ? { label_prefix: prefix.trim() } : {}) };
  const save = useAction(
    () =>
      connection
        ? call(api.PATCH("/api/v1/connections/{id}", { params: { path: { id: connection.id } }, body: { ...shared, ...(token ? { token } : {}) } }))
        : call(api.POST("/api/v1/connections", { body: { ...shared, kind: "gitlab", base_url: address.trim(), token } })),
    ["connections"],
    (saved) => {
      onClose();
      done?.(saved);
    },
  );
  const field = (pointer: string) => (save.error instanceof ProblemError ? save.error.field(pointer) : undefined);
  const shown = fields.some((pointer) => field(pointer));
  const names = (models.data?.items ?? []).map((model) => model.name).filter((model) => model !== "*");
  const ready = name.trim() !== "" && projects.length > 0 && providers !== null && (connection ? true : address.trim() !== "" && token !== "");
  return (
    <Modal opened onClose={onClose} title={connection ? `Change ${connection.name}` : "New connection to GitLab"} size="lg" centered>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) save.mutate(undefined);
        }}
      >
        <Stack>
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            <TextInput label="Name" description="Small letters, digits, dots and dashes." required data-autofocus maxLength={64} value={name} onChange={(event) => setName(event.currentTarget.value)} error={field("/name")} />
            <TextInput label="Address" description={connection ? "It stays: a token is for one forge." : "Where GitLab is."} required disabled={connection !== undefined} type="url" placeholder="https://gitlab.example.com" value={address} onChange={(event) => setAddress(event.currentTarget.value)} error={field("/base_url")} />
          </SimpleGrid>
          <TagsInput label="Projects" description="Their paths, such as group/shop. Enter adds one." required splitChars={[",", " "]} value={projects} onChange={setProjects} acceptValueOnBlur error={field("/projects")} />
          <PasswordInput label="Token" description={connection ? "Left empty, it stays as it is." : "Of the user as whom Bailey works there, with the scope api and the role Maintainer in each project. It is kept encrypted."} required={!connection} autoComplete="off" value={token} onChange={(event) => setToken(event.currentTarget.value)} error={field("/token")} />
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            <Select label="Template" description="What workspaces are made from." data={(templates.rows ?? []).map((each) => ({ value: each.name, label: each.display_name }))} searchable clearable value={template} onChange={setTemplate} error={field("/template")} />
            <TextInput label="Labels begin with" description="Such as bailey-agent and bailey-hitl." placeholder="bailey" value={prefix} onChange={(event) => setPrefix(event.currentTarget.value)} error={field("/label_prefix")} />
            <Select label="Model" description="Where a label names none." data={names} searchable clearable value={standard} onChange={setStandard} error={field("/default_model")} />
            <TagsInput label="Models that labels may name" description="Left empty, all that the person may use." data={names} clearable value={allowed} onChange={setAllowed} acceptValueOnBlur error={field("/models")} />
          </SimpleGrid>
          <TagsInput label="Identity providers" description="As GitLab calls one and as Bailey does, such as openid_connect=corp: who has the same identity in both is the same person." value={lines} onChange={setLines} acceptValueOnBlur error={providers === null ? "Each as GitLab's name, an equals sign, and Bailey's name" : field("/identity_providers")} />
          <Switch label="In use" description="Where it is not, nothing is done for its tickets." checked={enabled} onChange={(event) => setEnabled(event.currentTarget.checked)} />
          {shown ? null : <ProblemNote error={save.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>Cancel</Button>
            <Button type="submit" loading={save.isPending} disabled={!ready}>{connection ? "Save" : "Make the connection"}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

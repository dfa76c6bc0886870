import { Button, Checkbox, Group, Modal, MultiSelect, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../api/client";
import { useAction, useMe, useRows } from "../api/hooks";
import * as queries from "../api/queries";
import { may } from "../lib/permissions";
import { Icon } from "./icons";
import { CodeLine, Confirm, SecretDialog, Status } from "./misc";
import { PersonName } from "./named";
import { Empty, Rows, Section } from "./page";
import { ProblemNote } from "./problem";
import { type Column, DataTable } from "./table";
import { Time } from "./time";

type Token = Schemas["Token"];

function Create({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const me = useMe();
  const [name, setName] = useState("");
  const [all, setAll] = useState(true);
  const [scopes, setScopes] = useState<string[]>([]);
  const [lifetime, setLifetime] = useState("90d");
  const [made, setMade] = useState<Schemas["TokenWithSecret"] | null>(null);
  const create = useAction(
    () => call(api.POST("/api/v1/tokens", { body: { name: name.trim(), expires_in: lifetime.trim(), ...(all ? {} : { scopes: scopes as Schemas["TokenScope"][] }) } })),
    ["tokens"],
    (token) => {
      setMade(token);
      setName("");
      onClose();
    },
  );
  const field = (pointer: string) => (create.error instanceof ProblemError ? create.error.field(pointer) : undefined);
  return (
    <>
      <Modal opened={opened} onClose={onClose} title="New API token" centered>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            create.mutate(undefined);
          }}
        >
          <Stack>
            <TextInput label="Name" description="To recognise it by." required data-autofocus maxLength={128} value={name} onChange={(event) => setName(event.currentTarget.value)} error={field("/name")} />
            <TextInput label="Works for" description="Such as 7d, 90d or never." required value={lifetime} onChange={(event) => setLifetime(event.currentTarget.value)} error={field("/expires_in")} />
            <Checkbox label="For all that you may do" checked={all} onChange={(event) => setAll(event.currentTarget.checked)} />
            {all ? null : <MultiSelect label="For these actions alone" data={me.allowed.map((allowed) => allowed.action)} value={scopes} onChange={setScopes} searchable error={field("/scopes")} />}
            <ProblemNote error={["/name", "/expires_in", "/scopes"].some((p) => field(p)) ? null : create.error} />
            <Group justify="flex-end">
              <Button variant="default" onClick={onClose}>Cancel</Button>
              <Button type="submit" loading={create.isPending} disabled={name.trim() === "" || (!all && scopes.length === 0)}>Make the token</Button>
            </Group>
          </Stack>
        </form>
      </Modal>
      <SecretDialog title={`The token ${made?.name ?? ""}`} secret={made?.token ?? null} what="token" onClose={() => setMade(null)}>
        <Text size="sm">For the command line:</Text>
        <CodeLine text={`export BAILEY_URL=${window.location.origin} BAILEY_TOKEN=${made?.token ?? ""}`} />
      </SecretDialog>
    </>
  );
}

/** API tokens: one's own, or all that one may see. */
export function Tokens({ person }: { person?: string }) {
  const me = useMe();
  const { query, rows, more, loading } = useRows(queries.tokens(person));
  const [creating, setCreating] = useState(false);
  const [revoked, setRevoked] = useState<Token | null>(null);
  const revoke = useAction((id: string) => call(api.DELETE("/api/v1/tokens/{id}", { params: { path: { id } } })), ["tokens"], () => setRevoked(null));
  const own = person === me.user.id;
  const button = own && may(me, "tokens.create") ? <Button leftSection={<Icon name="plus" size={16} />} onClick={() => setCreating(true)}>New token</Button> : null;
  const over = (token: Token) => Boolean(token.revoked_at) || (token.expires_at != null && Date.parse(token.expires_at) < Date.now());
  const columns: Column<Token>[] = [
    { label: "Name", lead: true, render: (token) => <><Text span fw={600}>{token.name}</Text>{token.id === me.token ? <Text span size="sm" c="dimmed"> (this one)</Text> : null}</> },
    ...(person ? [] : [{ label: "Person", render: (token: Token) => <PersonName id={token.person} /> }]),
    { label: "State", render: (token) => (token.revoked_at ? <Status tone="bad">Revoked</Status> : over(token) ? <Status tone="off">Expired</Status> : <Status tone="good">Active</Status>) },
    { label: "Begins with", render: (token) => <span className="mono">{token.prefix}…</span> },
    { label: "For", render: (token) => (token.scopes.includes("*") ? "everything" : token.scopes.join(", ")) },
    { label: "Expires", render: (token) => <Time at={token.expires_at} /> },
    { label: "Revoke", bare: true, end: true, render: (token) => (over(token) || !may(me, "tokens.revoke") ? null : <Button size="xs" variant="default" onClick={() => setRevoked(token)} aria-label={`Revoke ${token.name}`}>Revoke</Button>) },
  ];
  return (
    <>
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      <Section padded={false}>
        {button ? <Group p="md" pb={0} justify="flex-end">{button}</Group> : null}
        {rows === undefined ? (query.error ? null : <Rows />) : rows.length > 0 ? (
          <DataTable caption="API tokens" columns={columns} rows={rows} rowKey={(token) => token.id} more={more} loading={loading} />
        ) : <Empty icon="tokens" title="No API token">A token lets the command line and scripts use the API as you.</Empty>}
      </Section>
      <Create opened={creating} onClose={() => setCreating(false)} />
      <Confirm opened={revoked !== null} onClose={() => setRevoked(null)} title={`Revoke ${revoked?.name ?? ""}?`} action="Revoke" dangerous run={() => revoked && revoke.mutate(revoked.id)} pending={revoke.isPending} error={revoke.error}>
        <Text>It is refused from now on. Whatever uses it needs another one.</Text>
      </Confirm>
    </>
  );
}

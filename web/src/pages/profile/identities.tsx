import { Button, Group, Modal, PasswordInput, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../../api/client";
import { useAction, useMe } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon } from "../../components/icons";
import { Confirm } from "../../components/misc";
import { Loaded, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { signInProblem } from "../../lib/sign-in";

type Identity = Schemas["Identity"];
type Provider = Schemas["SignInOptions"]["providers"][number];

/** Asks who is there once more, and leads to the provider. */
function Link({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  const me = useMe();
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const go = () => window.location.assign(`/auth/${encodeURIComponent(provider.name)}/start?${new URLSearchParams({ link: "true", return: "/profile?tab=security" })}`);
  const confirm = useAction(() => call(api.POST("/api/v1/me/confirm", { body: { password, ...(me.second_factor ? { code: code.trim() } : {}) } })), [], go, { signsIn: true });
  return (
    <Modal opened onClose={onClose} title={`Link an account at ${provider.display_name}`} centered>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (password) confirm.mutate(undefined);
          else go();
        }}
      >
        <Stack>
          <Text>You are led there and back. From then on, whoever is signed in to that account there may sign in here as you. Link no account that others use, too.</Text>
          <PasswordInput label="Your password" description="Not needed if you signed in within the last five minutes." autoComplete="current-password" data-autofocus value={password} onChange={(event) => setPassword(event.currentTarget.value)} />
          {me.second_factor && password ? <TextInput label="Code" autoComplete="one-time-code" required value={code} onChange={(event) => setCode(event.currentTarget.value)} /> : null}
          <ProblemNote error={confirm.error} />
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={confirm.isPending}>Go to {provider.display_name}</Button></Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** Where one's accounts at identity providers are linked, each only after one was asked there. */
export function Identities() {
  const search = useSearch({ from: "/shell/profile" });
  const query = useQuery(queries.identities);
  const options = useQuery(queries.signInOptions);
  const [unlinked, setUnlinked] = useState<Identity | null>(null);
  const [linked, setLinked] = useState<Provider | null>(null);
  const remove = useAction((id: string) => call(api.DELETE("/api/v1/me/identities/{id}", { params: { path: { id } } })), ["identities"], () => setUnlinked(null));
  const failed = signInProblem(search.error);
  const providers = options.data?.providers ?? [];
  if (options.data && providers.length === 0 && query.data?.length === 0) return null;
  return (
    <Section title="Linked accounts" padded={false}>
      {failed ? <ProblemNote error={new ProblemError(failed)} /> : null}
      <Loaded query={query}>
        {(identities) => (
          <>
            {identities.length > 0 ? (
              <DataTable
                caption="Accounts at identity providers that sign you in"
                rows={identities}
                rowKey={(identity) => identity.id}
                columns={[
                  { label: "Provider", lead: true, render: (identity) => identity.display_name },
                  { label: "Account", render: (identity) => identity.login || identity.email || identity.subject },
                  { label: "Linked", render: (identity) => <Time at={identity.linked_at} /> },
                  { label: "Last used", render: (identity) => <Time at={identity.last_used_at} /> },
                  { label: "Unlink", bare: true, end: true, render: (identity) => <Button size="xs" variant="default" onClick={() => setUnlinked(identity)} aria-label={`Unlink the account at ${identity.display_name}`}>Unlink</Button> },
                ]}
              />
            ) : <Text c="dimmed" p="md">No account elsewhere signs you in.</Text>}
            <Group p="md" gap="xs">
              {providers.map((provider) => <Button key={provider.name} variant="default" leftSection={<Icon name="plus" size={15} />} onClick={() => setLinked(provider)}>Link {provider.display_name}</Button>)}
            </Group>
          </>
        )}
      </Loaded>
      {linked ? <Link provider={linked} onClose={() => setLinked(null)} /> : null}
      <Confirm opened={unlinked !== null} onClose={() => { remove.reset(); setUnlinked(null); }} title={`Unlink the account at ${unlinked?.display_name ?? ""}?`} action="Unlink" dangerous run={() => unlinked && remove.mutate(unlinked.id)} pending={remove.isPending} error={remove.error}>
        <Stack gap="xs">
          <Text>{unlinked?.login || unlinked?.email || unlinked?.subject} no longer signs you in, and the groups and the role that it gave are taken away.</Text>
          <Text>Make sure that there is another way: a password, or another account.</Text>
        </Stack>
      </Confirm>
    </Section>
  );
}

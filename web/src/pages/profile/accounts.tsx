import { Button, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../../api/client";
import { useAction, useMe } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Confirm, Status } from "../../components/misc";
import { Empty, Loaded, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { linkProblem } from "../../lib/sign-in";

type Forge = Schemas["ExternalAccount"];

function State({ forge }: { forge: Forge }) {
  if (!forge.account) return <Status tone="off">Not linked</Status>;
  return forge.account.link_again ? <Status tone="warn">Link it again</Status> : <Status tone="good">Linked</Status>;
}

/** Where one's accounts at GitLab and GitHub are linked, so that git in one's workspaces acts as oneself. */
export function Accounts() {
  const me = useMe();
  const search = useSearch({ from: "/shell/profile" });
  const query = useQuery(queries.externalAccounts);
  const [unlinked, setUnlinked] = useState<Forge | null>(null);
  const link = useAction(
    (provider: string) => call(api.POST("/api/v1/me/external-accounts/{provider}/link", { params: { path: { provider } }, body: { back: "/profile?tab=accounts" } })),
    [],
    (begun) => window.location.assign(begun.url),
  );
  const remove = useAction((provider: string) => call(api.DELETE("/api/v1/me/external-accounts/{provider}", { params: { path: { provider } } })), ["external-accounts"], () => setUnlinked(null));
  const failed = linkProblem(search.error);
  return (
    <Section title="Linked accounts" padded={false}>
      <Text c="dimmed" size="sm" p="md">Git in your workspaces clones and pushes as you at the forges that you link here, and commits carry your name. The tokens stay with Bailey, encrypted: none is written into a workspace, and each use is in the audit log. An account that is linked here signs nobody in.</Text>
      {failed ? <ProblemNote error={new ProblemError(failed)} /> : null}
      <ProblemNote error={link.error} />
      <Loaded query={query}>
        {(forges) => forges.length > 0 ? (
          <DataTable
            caption="Accounts at forges"
            rows={forges}
            rowKey={(forge) => forge.provider}
            columns={[
              { label: "Forge", lead: true, render: (forge) => <span title={forge.base_url}>{forge.display_name}</span> },
              { label: "Account", render: (forge) => forge.account?.login ?? "–" },
              { label: "State", render: (forge) => <State forge={forge} /> },
              { label: "Linked", render: (forge) => (forge.account ? <Time at={forge.account.linked_at} /> : "–") },
              { label: "Last used", render: (forge) => (forge.account?.last_used_at ? <Time at={forge.account.last_used_at} /> : "–") },
              { label: "Link", bare: true, end: true, render: (forge) => forge.kind && me.session && (!forge.account || forge.account.link_again) ? <Button size="xs" variant="default" loading={link.isPending && link.variables === forge.provider} onClick={() => link.mutate(forge.provider)} aria-label={`Link an account at ${forge.display_name}`}>Link</Button> : null },
              { label: "Unlink", bare: true, end: true, render: (forge) => (forge.account ? <Button size="xs" variant="default" onClick={() => setUnlinked(forge)} aria-label={`Unlink the account at ${forge.display_name}`}>Unlink</Button> : null) },
            ]}
          />
        ) : <Empty icon="person" title="No forge is set up">Whoever runs Bailey names GitLab or GitHub in its configuration, as [[external_auth]].</Empty>}
      </Loaded>
      <Confirm opened={unlinked !== null} onClose={() => { remove.reset(); setUnlinked(null); }} title={`Unlink the account at ${unlinked?.display_name ?? ""}?`} action="Unlink" dangerous run={() => unlinked && remove.mutate(unlinked.provider)} pending={remove.isPending} error={remove.error}>
        <Stack gap="xs">
          <Text>Git in your workspaces can no longer act as {unlinked?.account?.login} there. The tokens are deleted here and taken back at the forge.</Text>
        </Stack>
      </Confirm>
    </Section>
  );
}

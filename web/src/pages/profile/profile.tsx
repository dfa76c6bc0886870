import { SimpleGrid, Stack, Tabs, Text } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";

import { useMe } from "../../api/hooks";
import { Explain } from "../../components/explain";
import { Page, Section } from "../../components/page";
import { Facts } from "../../components/table";
import { Tokens } from "../../components/tokens";
import { words } from "../../lib/format";
import { Accounts } from "./accounts";
import { Security } from "./security";
import { Sessions } from "./sessions";

function You() {
  const me = useMe();
  return (
    <Stack>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
      <Section title="You">
        <Facts
          items={[
            ["Name", me.user.display_name],
            ["Login name", me.user.name],
            ["E-mail", me.user.email ?? "–"],
            ["Role", words(me.user.role)],
            ["Groups", me.groups.map((group) => group.name).join(", ") || "none"],
          ]}
        />
      </Section>
      <Section title="What you may do">
        <Stack gap={4}>
          {me.allowed.map((allowed) => (
            <Text size="sm" key={allowed.action}><span className="mono">{allowed.action}</span> <Text span size="sm" c="dimmed">{{ own: "on what is yours", group: "on what is your groups'", all: "on everything" }[allowed.reach]}</Text></Text>
          ))}
        </Stack>
      </Section>
    </SimpleGrid>
    <Explain person={me.user.id} />
    </Stack>
  );
}

/** Oneself. */
export function ProfilePage() {
  const me = useMe();
  const search = useSearch({ from: "/shell/profile" });
  const navigate = useNavigate({ from: "/profile" });
  return (
    <Page title={me.user.display_name} lead="Your profile.">
      <Tabs value={search.tab ?? "you"} onChange={(tab) => void navigate({ search: tab && tab !== "you" ? { tab } : {}, replace: true })} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="you">You</Tabs.Tab>
          {me.session ? <Tabs.Tab value="security">Security</Tabs.Tab> : null}
          {me.session ? <Tabs.Tab value="sessions">Sessions</Tabs.Tab> : null}
          <Tabs.Tab value="accounts">Linked accounts</Tabs.Tab>
          <Tabs.Tab value="tokens">API tokens</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="you"><You /></Tabs.Panel>
        {me.session ? <Tabs.Panel value="security"><Security /></Tabs.Panel> : null}
        {me.session ? <Tabs.Panel value="sessions"><Sessions /></Tabs.Panel> : null}
        <Tabs.Panel value="accounts"><Accounts /></Tabs.Panel>
        <Tabs.Panel value="tokens"><Tokens person={me.user.id} /></Tabs.Panel>
      </Tabs>
    </Page>
  );
}

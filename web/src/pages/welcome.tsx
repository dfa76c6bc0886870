import { Button, Group, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { useMe, useRows } from "../api/hooks";
import * as queries from "../api/queries";
import { Icon } from "../components/icons";
import { ButtonLink } from "../components/links";
import { Page, Section } from "../components/page";
import { may } from "../lib/permissions";
import { CreateKey } from "./keys/create";

function Step({ number, title, done, children, action }: { number: number; title: string; done: boolean; children: ReactNode; action: ReactNode }) {
  return (
    <Section>
      <Group align="flex-start" wrap="nowrap" gap="md">
        <ThemeIcon radius="xl" size={34} variant={done ? "filled" : "light"} color={done ? "green.8" : "indigo"} role="img" aria-label={done ? "done" : `step ${number}`}>{done ? <Icon name="check" size={18} /> : <Text fw={700} span>{number}</Text>}</ThemeIcon>
        <Stack gap={6} align="flex-start">
          <Title order={2}>{title}</Title>
          <Text c="dimmed">{children}</Text>
          {action}
        </Stack>
      </Group>
    </Section>
  );
}

/** The first things to do. What is done is ticked off by itself. */
export function WelcomePage() {
  const me = useMe();
  const [creating, setCreating] = useState(false);
  const workspaces = useRows(queries.workspaces(me.user.id), may(me, "workspaces.read"));
  const keys = useRows(queries.keys({ person: me.user.id }), may(me, "keys.read"));
  const spent = useQuery({ ...queries.spend(["day"], { person: me.user.id }), enabled: may(me, "ledger.read") });
  const invites = may(me, "people.write");
  const own = keys.rows?.filter((key) => key.scope !== "workspace" && !key.name.startsWith("web app:"));
  return (
    <Page title={`Welcome, ${me.user.display_name}`} lead="Three things, and you have seen what Bailey does.">
      {may(me, "workspaces.create") ? (
        <Step number={1} title="Open a workspace" done={(workspaces.rows?.length ?? 0) > 0} action={<ButtonLink to="/workspaces/new" variant="default" leftSection={<Icon name="plus" size={16} />}>New workspace</ButtonLink>}>
          A place to work that reaches the model gate and nothing else. It is up in about a second, with a terminal in the browser.
        </Step>
      ) : null}
      {may(me, "keys.create") ? (
        <Step number={2} title="Make a key, and ask a model" done={(own?.length ?? 0) > 0 && (spent.data?.total.requests ?? 0) > 0} action={<Group gap="xs"><Button variant="default" leftSection={<Icon name="key" size={16} />} onClick={() => setCreating(true)}>New key</Button><ButtonLink to="/models" variant="default">Try a model here</ButtonLink></Group>}>
          Point Claude Code, Codex or any OpenAI client at this server. What each request costs is in the ledger a moment later, and no budget is ever exceeded.
        </Step>
      ) : null}
      <Step number={3} title={invites ? "Invite somebody" : "Look around"} done={false} action={invites ? <ButtonLink to="/people" search={{ invite: "1" }} variant="default" leftSection={<Icon name="people" size={16} />}>Invite somebody</ButtonLink> : <ButtonLink to="/spend" variant="default">What it costs</ButtonLink>}>
        {invites ? "Send a link, choose what they may do, and set a budget for their group first if you like." : "Ctrl+K goes anywhere by typing. Your profile has a second factor and tokens for the command line."}
      </Step>
      <div><ButtonLink to="/workspaces">Go to the workspaces</ButtonLink></div>
      <CreateKey opened={creating} onClose={() => setCreating(false)} />
    </Page>
  );
}

import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../../api/client";
import { useAction, useMe } from "../../api/hooks";
import { CodeLine } from "../../components/misc";
import { Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { mayOn } from "../../lib/permissions";
import { Parameters } from "./parameters";

export function Settings({ workspace }: { workspace: Schemas["Workspace"] }) {
  const me = useMe();
  const allowed = mayOn(me, "workspaces.update", workspace.owner.id);
  const [after, setAfter] = useState(workspace.auto_stop ?? "");
  const save = useAction(
    (value: string | null) => call(api.PATCH("/api/v1/workspaces/{id}", { params: { path: { id: workspace.id } }, body: { auto_stop: value } })),
    ["workspaces"],
    (changed) => {
      setAfter(changed.auto_stop ?? "");
      notifications.show({ message: "Saved. Nothing was restarted." });
    },
  );
  return (
    <Stack>
      <Parameters workspace={workspace} />
      <Section title="Stop without activity">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            save.mutate(after.trim());
          }}
        >
          <Stack gap="sm" align="flex-start">
            <TextInput label="Stop after" description="Such as 30m or 2h; at most what the template says. Typing, open apps and running commands count as activity." value={after} disabled={!allowed} onChange={(event) => setAfter(event.currentTarget.value)} error={save.error instanceof ProblemError ? save.error.field("/auto_stop") : undefined} />
            <ProblemNote error={save.error instanceof ProblemError && save.error.field("/auto_stop") ? null : save.error} />
            {allowed ? (
              <Group>
                <Button type="submit" loading={save.isPending} disabled={after.trim() === ""}>Save</Button>
                <Button variant="default" onClick={() => save.mutate(null)}>As the template says</Button>
              </Group>
            ) : null}
          </Stack>
        </form>
      </Section>
      {workspace.browser_only ? null : (
        <Section title="From the command line">
          <Stack gap="xs">
            <Text size="sm" c="dimmed">The command line does all of this, too.</Text>
            <CodeLine text={`bailey show ${workspace.name}`} />
            <CodeLine text={`bailey open ${workspace.name}`} />
          </Stack>
        </Section>
      )}
    </Stack>
  );
}

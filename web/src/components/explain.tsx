import { Button, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import type { Schemas } from "../api/client";
import { useMe, useRows } from "../api/hooks";
import * as queries from "../api/queries";
import { words } from "../lib/format";
import { may } from "../lib/permissions";
import { Status } from "./misc";
import { Loaded, Section } from "./page";

type Explanation = Schemas["Explanation"];

function Answer({ answer }: { answer: Explanation }) {
  return (
    <Stack gap="xs" role="status">
      <Status tone={answer.allowed ? "good" : "bad"}>{answer.allowed ? `Yes${answer.reach ? `, on ${{ own: "what is their own", group: "what is their groups'", all: "everything" }[answer.reach]}` : ""}` : "No"}</Status>
      <Stack component="ul" gap={4} m={0} pl={18}>
        {answer.reasons.map((reason, i) => (
          <li key={i}><Text size="sm"><b>{reason.allows ? "For" : "Against"}</b>, {words(reason.source)}: {reason.detail}</Text></li>
        ))}
      </Stack>
    </Stack>
  );
}

/** Why somebody may or may not do something, and to what. */
export function Explain({ person }: { person: string }) {
  const me = useMe();
  const roles = useRows(queries.roles, may(me, "roles.read"));
  // The owner may do everything that there is; who may not see roles asks about what they may do themselves.
  const actions = [...new Set([...(roles.rows ?? []).flatMap((role) => role.permissions.map((each) => each.action)), ...me.allowed.map((each) => each.action)])].toSorted();
  const [action, setAction] = useState<string | null>(null);
  const [resource, setResource] = useState("");
  const [asked, setAsked] = useState<queries.Question | null>(null);
  const query = useQuery({ ...queries.explain(asked ?? { person, action: "" }), enabled: asked !== null });
  return (
    <Section title={person === me.user.id ? "Why may I, or may I not?" : "Why may they, or may they not?"}>
      <Stack>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (action) setAsked({ person, action, ...(resource.trim() ? { resource: resource.trim() } : {}) });
          }}
        >
          <Group align="flex-end" gap="sm">
            <Select label="Action" w={220} data={actions} value={action} onChange={setAction} searchable nothingFoundMessage="No action is called so" />
            <TextInput label="On which" placeholder="anything" description="An id, or workspace:OWNER/NAME, template:NAME, person:NAME." w={340} value={resource} onChange={(event) => setResource(event.currentTarget.value)} />
            <Button type="submit" variant="default" disabled={!action}>Explain</Button>
          </Group>
        </form>
        {asked ? <Loaded query={query}>{(answer) => <Answer answer={answer} />}</Loaded> : null}
      </Stack>
    </Section>
  );
}

import { Button, Group, Modal, MultiSelect, Select, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../../api/client";
import { useAction, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { SecretDialog } from "../../components/misc";
import { Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { words } from "../../lib/format";
import { roles } from "./roles";

/** Invites somebody: the link is shown once. */
export function Invite({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const groups = useRows(queries.groups, opened);
  const [name, setName] = useState("");
  const [display, setDisplay] = useState("");
  const [role, setRole] = useState<Schemas["Role"]>("member");
  const [joined, setJoined] = useState<string[]>([]);
  const [lifetime, setLifetime] = useState("7d");
  const [made, setMade] = useState<Schemas["InvitationWithLink"] | null>(null);
  const create = useAction(
    () => call(api.POST("/api/v1/invitations", { body: { name: name.trim(), role, groups: joined, expires_in: lifetime.trim(), ...(display.trim() ? { display_name: display.trim() } : {}) } })),
    ["invitations"],
    (invitation) => {
      setMade(invitation);
      setName("");
      setDisplay("");
      onClose();
    },
  );
  const field = (pointer: string) => (create.error instanceof ProblemError ? create.error.field(pointer) : undefined);
  const known = ["/name", "/display_name", "/role", "/groups", "/expires_in"];
  return (
    <>
      <Modal opened={opened} onClose={onClose} title="Invite somebody" centered>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            create.mutate(undefined);
          }}
        >
          <Stack>
            <TextInput label="Login name" description="Lower-case letters, digits, and . _ -" required data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} error={field("/name")} />
            <TextInput label="Name to show" placeholder="the login name" value={display} onChange={(event) => setDisplay(event.currentTarget.value)} error={field("/display_name")} />
            <Select label="Role" data={roles} value={role} allowDeselect={false} onChange={(value) => setRole((value ?? "member") as Schemas["Role"])} error={field("/role")} />
            <MultiSelect label="Groups" data={(groups.rows ?? []).map((group) => ({ value: group.id, label: group.display_name }))} value={joined} onChange={setJoined} error={field("/groups")} clearable />
            <TextInput label="The link works for" description="At most 30d." value={lifetime} onChange={(event) => setLifetime(event.currentTarget.value)} error={field("/expires_in")} />
            <ProblemNote error={known.some((pointer) => field(pointer)) ? null : create.error} />
            <Group justify="flex-end">
              <Button variant="default" onClick={onClose}>Cancel</Button>
              <Button type="submit" loading={create.isPending} disabled={name.trim() === ""}>Make the link</Button>
            </Group>
          </Stack>
        </form>
      </Modal>
      <SecretDialog title={`The invitation of ${made?.name ?? ""}`} secret={made?.link ?? null} what="link" onClose={() => setMade(null)}>
        <Text size="sm">Send it to them. It works once; whoever has it becomes {made?.name}.</Text>
      </SecretDialog>
    </>
  );
}

/** Invitations that nobody has accepted yet. */
export function Invitations() {
  const { query, rows, more, loading } = useRows(queries.invitations);
  const revoke = useAction((id: string) => call(api.DELETE("/api/v1/invitations/{id}", { params: { path: { id } } })), ["invitations"]);
  if (query.error || revoke.error) return <ProblemNote error={query.error ?? revoke.error} />;
  if (!rows || rows.length === 0) return null;
  return (
    <Section title="Invited" padded={false}>
      <DataTable
        caption="Invitations that nobody has accepted yet"
        rows={rows}
        rowKey={(invitation) => invitation.id}
        more={more}
        loading={loading}
        columns={[
          { label: "Name", lead: true, render: (invitation) => invitation.display_name },
          { label: "Login name", render: (invitation) => invitation.name },
          { label: "Role", render: (invitation) => words(invitation.role) },
          { label: "Groups", render: (invitation) => invitation.groups.map((group) => group.name).join(", ") || "–" },
          { label: "Ends", render: (invitation) => <Time at={invitation.expires_at} /> },
          { label: "Revoke", bare: true, end: true, render: (invitation) => <Button size="xs" variant="default" onClick={() => revoke.mutate(invitation.id)} aria-label={`Revoke the invitation of ${invitation.name}`}>Revoke</Button> },
        ]}
      />
    </Section>
  );
}

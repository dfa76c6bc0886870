import { Button, Checkbox, List, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, type Schemas } from "../../api/client";
import { useAction, useMe } from "../../api/hooks";
import { Icon } from "../../components/icons";
import { Confirm } from "../../components/misc";
import { mayOn } from "../../lib/permissions";

type Workspace = Schemas["Workspace"];
type Asked = "stop" | "restart" | "update" | "delete";

function useTransitions(workspace: Workspace, done: () => void) {
  const navigate = useNavigate();
  const params = { params: { path: { id: workspace.id } } };
  const changed = ["workspaces"];
  return {
    start: useAction(() => call(api.POST("/api/v1/workspaces/{id}/start", params)), changed, done),
    stop: useAction(() => call(api.POST("/api/v1/workspaces/{id}/stop", params)), changed, done),
    restart: useAction(() => call(api.POST("/api/v1/workspaces/{id}/restart", params)), changed, done),
    update: useAction(() => call(api.POST("/api/v1/workspaces/{id}/update", { ...params, body: {} })), changed, done),
    delete: useAction(
      (keepHome: boolean) => call(api.DELETE("/api/v1/workspaces/{id}", { params: { path: { id: workspace.id }, query: { keep_home: keepHome } } })),
      changed,
      () => {
        done();
        notifications.show({ message: `${workspace.name} is being deleted.` });
        void navigate({ to: "/workspaces" });
      },
    ),
  };
}

const ENDS = (
  <List.Item>Everything that runs in it ends: terminals, apps, agents. Unsaved work in editors is lost.</List.Item>
);
const STAYS = (
  <List.Item><b>The home directory stays as it is.</b> Anything changed outside of it is made anew.</List.Item>
);

/** What can be done to a workspace now. Each says first what will happen to the data. */
export function WorkspaceActions({ workspace, compact }: { workspace: Workspace; compact?: boolean }) {
  const me = useMe();
  const [asked, setAsked] = useState<Asked | null>(null);
  const [keepHome, setKeepHome] = useState(false);
  const run = useTransitions(workspace, () => setAsked(null));
  const close = () => {
    for (const each of Object.values(run)) each.reset();
    setAsked(null);
  };

  const busy = workspace.build.state === "queued" || workspace.build.state === "running";
  const up = workspace.status === "running";
  const down = workspace.status === "stopped" || workspace.status === "failed";
  const changes = mayOn(me, "workspaces.update", workspace.owner.id) && !busy;
  const deletes = mayOn(me, "workspaces.delete", workspace.owner.id) && !busy && workspace.status !== "deleted";
  const size = compact ? "xs" : "sm";
  const common = { opened: true, onClose: close } as const;
  const failed = () => {
    if (run.start.error) notifications.show({ color: "red", title: "It was not started", message: run.start.error.message });
  };

  return (
    <>
      {changes && down ? <Button size={size} leftSection={<Icon name="play" size={15} />} loading={run.start.isPending} onClick={() => run.start.mutate(undefined, { onError: failed })} aria-label={`Start ${workspace.name}`}>Start</Button> : null}
      {changes && up ? <Button size={size} variant="default" leftSection={<Icon name="stop" size={15} />} onClick={() => setAsked("stop")} aria-label={`Stop ${workspace.name}`}>Stop</Button> : null}
      {changes && up && !compact ? <Button size={size} variant="default" leftSection={<Icon name="restart" size={15} />} onClick={() => setAsked("restart")}>Restart</Button> : null}
      {changes && workspace.outdated && !compact ? <Button size={size} variant="default" onClick={() => setAsked("update")}>Update</Button> : null}
      {deletes && !compact ? <Button size={size} variant="default" c="var(--mantine-color-error)" leftSection={<Icon name="trash" size={15} />} onClick={() => setAsked("delete")}>Delete</Button> : null}

      {asked === "stop" ? (
        <Confirm {...common} title={`Stop ${workspace.name}?`} action="Stop" run={() => run.stop.mutate(undefined)} pending={run.stop.isPending} error={run.stop.error}>
          <List>{ENDS}{STAYS}<List.Item>Its key for models ends, and a new one is made at the next start.</List.Item></List>
        </Confirm>
      ) : null}
      {asked === "restart" ? (
        <Confirm {...common} title={`Restart ${workspace.name}?`} action="Restart" run={() => run.restart.mutate(undefined)} pending={run.restart.isPending} error={run.restart.error}>
          <List>{ENDS}{STAYS}</List>
        </Confirm>
      ) : null}
      {asked === "update" ? (
        <Confirm {...common} title={`Update ${workspace.name}?`} action="Update" run={() => run.update.mutate(undefined)} pending={run.update.isPending} error={run.update.error}>
          <Text mb="xs">It is built anew from the version of {workspace.template.name} that is in force. It has version {workspace.version} now.</Text>
          <List>{ENDS}{STAYS}</List>
        </Confirm>
      ) : null}
      {asked === "delete" ? (
        <Confirm {...common} title={`Delete ${workspace.name}?`} action="Delete" dangerous acknowledge={keepHome ? "I understand that it cannot be brought back here" : "I understand that its files are gone for good"} run={() => run.delete.mutate(keepHome)} pending={run.delete.isPending} error={run.delete.error}>
          <Stack gap="sm">
            <List>
              {ENDS}
              <List.Item>{keepHome ? <b>The home directory stays on the server; an administrator can reach it there.</b> : <b>The home directory and everything in it is deleted. This cannot be undone.</b>}</List.Item>
              <List.Item>What it spent stays in the ledger.</List.Item>
            </List>
            <Checkbox label="Keep the home directory on the server" checked={keepHome} onChange={(event) => setKeepHome(event.currentTarget.checked)} />
          </Stack>
        </Confirm>
      ) : null}
    </>
  );
}

import { SegmentedControl, Stack, Text, Title } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { useMe } from "../../api/hooks";
import { words } from "../../lib/format";
import { type Action, type Reach, reach as mine } from "../../lib/permissions";

export type Permission = Schemas["Permission"];

const reaches = ["own", "group", "all"] as const satisfies Reach[];
export const reachWords: Record<Reach, string> = { own: "own", group: "groups'", all: "all" };

/** Actions by what they are about. */
function grouped(actions: Action[]): [string, Action[]][] {
  const groups = new Map<string, Action[]>();
  for (const action of actions) {
    const about = action.split(".")[0] ?? action;
    groups.set(about, [...(groups.get(about) ?? []), action]);
  }
  return [...groups];
}

interface MatrixProps {
  /** All actions that there are. */
  actions: Action[];
  permissions: Permission[];
  onChange?: ((permissions: Permission[]) => void) | undefined;
}

/** Which actions reach how far. Without `onChange` to be read alone. What one has not, one cannot give. */
export function Matrix({ actions, permissions, onChange }: MatrixProps) {
  const me = useMe();
  const given = new Map(permissions.map((each) => [each.action as Action, each.reach]));
  const set = (action: Action, reach: Reach | "none") => {
    const others = permissions.filter((each) => each.action !== action);
    onChange?.(reach === "none" ? others : [...others, { action, reach }]);
  };
  const most = (action: Action) => {
    const has = mine(me, action);
    return has ? reaches.indexOf(has) : -1;
  };
  return (
    <div className="matrix">
      {grouped(actions).map(([about, those]) => (
        <section key={about} aria-label={words(about)}>
          <Title order={3} mb={6}>{words(about)}</Title>
          <Stack gap={6}>
            {those.map((action) => {
              const verb = action.slice(about.length + 1);
              const now = given.get(action);
              return (
                <div key={action} className="matrix-row">
                  <Text size="sm" span title={action}>{words(verb || action)}</Text>
                  {onChange ? (
                    <SegmentedControl
                      size="xs"
                      aria-label={action}
                      value={now ?? "none"}
                      onChange={(value) => set(action, value as Reach | "none")}
                      data={[{ value: "none", label: "no" }, ...reaches.map((value, i) => ({ value, label: reachWords[value], disabled: i > most(action) && now !== value }))]}
                    />
                  ) : <Text size="sm" span c={now ? undefined : "dimmed"} fw={now ? 600 : undefined}>{now ? reachWords[now] : "no"}</Text>}
                </div>
              );
            })}
          </Stack>
        </section>
      ))}
    </div>
  );
}

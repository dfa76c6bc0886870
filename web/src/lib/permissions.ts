import type { Schemas } from "../api/client";

export type Me = Schemas["Me"];
export type Action = Exclude<Schemas["TokenScope"], "*">;
export type Reach = Schemas["Reach"];

/** How far an action reaches for the one who is signed in; `null` = not at all. */
export function reach(me: Me, action: Action): Reach | null {
  return me.allowed.find((allowed) => allowed.action === action)?.reach ?? null;
}

export function may(me: Me, ...actions: Action[]): boolean {
  return actions.every((action) => reach(me, action) !== null);
}

/** Whether an action reaches what belongs to `owner`. Groups are known to the server alone: it decides there. */
export function mayOn(me: Me, action: Action, owner: string): boolean {
  const far = reach(me, action);
  return far === "all" || far === "group" || (far === "own" && owner === me.user.id);
}

import type { IconName } from "../components/icons";
import { type Action, type Me, may, reach } from "../lib/permissions";

export interface Place {
  label: string;
  to: string;
  icon: IconName;
  needs: Action;
  /** Only for those who reach further than their own. */
  wide?: boolean;
}

const places: { heading: string; places: Place[] }[] = [
  {
    heading: "Work",
    places: [
      { label: "Workspaces", to: "/workspaces", icon: "workspaces", needs: "workspaces.read" },
      { label: "Chats", to: "/chats", icon: "chats", needs: "chats.read" },
      { label: "Templates", to: "/templates", icon: "templates", needs: "templates.read" },
    ],
  },
  {
    heading: "Models",
    places: [
      { label: "Models", to: "/models", icon: "models", needs: "models.read" },
      { label: "Keys", to: "/keys", icon: "key", needs: "keys.read" },
      { label: "Requests", to: "/requests", icon: "requests", needs: "ledger.read" },
      { label: "Spend", to: "/spend", icon: "spend", needs: "ledger.read" },
      { label: "Budgets", to: "/budgets", icon: "budgets", needs: "budgets.read" },
    ],
  },
  {
    heading: "Administration",
    places: [
      { label: "People", to: "/people", icon: "people", needs: "people.read", wide: true },
      { label: "Groups", to: "/groups", icon: "groups", needs: "groups.read", wide: true },
      { label: "Roles", to: "/roles", icon: "roles", needs: "roles.read", wide: true },
      { label: "Connections", to: "/connections", icon: "connections", needs: "connections.read" },
      { label: "API tokens", to: "/tokens", icon: "tokens", needs: "tokens.read", wide: true },
      { label: "Audit", to: "/audit", icon: "shield", needs: "audit.read" },
      { label: "Health", to: "/health", icon: "health", needs: "health.read" },
    ],
  },
];

/** What the navigation shows to this person. */
export function navigation(me: Me) {
  const shown = (place: Place) => (place.wide ? (reach(me, place.needs) ?? "own") !== "own" : may(me, place.needs));
  return places.map((group) => ({ ...group, places: group.places.filter(shown) })).filter((group) => group.places.length > 0);
}

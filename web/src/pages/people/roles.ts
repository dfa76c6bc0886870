import type { Schemas } from "../../api/client";

/** What each role is for. */
export const roles: { value: Schemas["Role"]; label: string }[] = [
  { value: "member", label: "Member: own workspaces, keys and spend" },
  { value: "template-admin", label: "Template admin: templates too, sees all workspaces" },
  { value: "auditor", label: "Auditor: reads everything, changes nothing" },
  { value: "owner", label: "Owner: everything" },
];

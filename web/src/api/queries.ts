import { queryOptions } from "@tanstack/react-query";

import { api, call, type Schemas } from "./client";

/** How often what changes by itself is asked for. */
const LIVE = 2_000;
const SLOW = 15_000;

interface Listed<T> {
  items: T[];
  next_cursor?: string | null;
}

/** A list that is fetched page by page. */
export interface List<T> {
  queryKey: readonly unknown[];
  fetch: (cursor: string | undefined, signal: AbortSignal) => Promise<Listed<T>>;
  refetchInterval: number;
}

function list<T>(queryKey: readonly unknown[], fetch: List<T>["fetch"], refetchInterval = SLOW): List<T> {
  return { queryKey, fetch, refetchInterval };
}

export const me = queryOptions({ queryKey: ["me"], queryFn: () => call(api.GET("/api/v1/me")), staleTime: 60_000, refetchInterval: 60_000 });

export const workspaces = (owner?: string, q?: string) =>
  list(["workspaces", { owner, q }], (cursor, signal) => call(api.GET("/api/v1/workspaces", { params: { query: { owner, q: q || undefined, limit: 100, cursor } }, signal })), LIVE);

export const workspace = (id: string) =>
  queryOptions({
    queryKey: ["workspaces", id],
    queryFn: ({ signal }) => call(api.GET("/api/v1/workspaces/{id}", { params: { path: { id } }, signal })),
    refetchInterval: LIVE,
  });

export const live = (id: string, running: boolean) =>
  queryOptions({
    queryKey: ["workspaces", id, "live"],
    queryFn: ({ signal }) => call(api.GET("/api/v1/workspaces/{id}/live", { params: { path: { id } }, signal })),
    refetchInterval: 5_000,
    enabled: running,
  });

export const builds = (id: string) =>
  queryOptions({
    queryKey: ["workspaces", id, "builds"],
    queryFn: ({ signal }) => call(api.GET("/api/v1/workspaces/{id}/builds", { params: { path: { id }, query: { limit: 20 } }, signal })),
    refetchInterval: LIVE,
  });

export interface KeyFilter {
  person?: string | undefined;
  workspace?: string | undefined;
  state?: Schemas["KeyState"] | undefined;
}

export const keys = (filter: KeyFilter = {}) =>
  list(["keys", filter], (cursor, signal) => call(api.GET("/api/v1/keys", { params: { query: { ...filter, limit: 100, cursor } }, signal })), SLOW);

export const key = (id: string) =>
  queryOptions({ queryKey: ["keys", id], queryFn: ({ signal }) => call(api.GET("/api/v1/keys/{id}", { params: { path: { id } }, signal })), refetchInterval: SLOW });

export const models = queryOptions({ queryKey: ["models"], queryFn: ({ signal }) => call(api.GET("/api/v1/models", { signal })), refetchInterval: SLOW });

export const price = (provider: string, model: string) =>
  queryOptions({
    queryKey: ["prices", provider, model],
    queryFn: ({ signal }) => call(api.GET("/api/v1/prices", { params: { query: { provider, model } }, signal })),
    staleTime: 300_000,
  });

export interface RequestFilter {
  since?: string | undefined;
  until?: string | undefined;
  key?: string | undefined;
  person?: string | undefined;
  group?: string | undefined;
  workspace?: string | undefined;
  model?: string | undefined;
  provider?: string | undefined;
  outcome?: Schemas["Outcome"] | undefined;
}

export const requests = async (filter: RequestFilter, limit: number, cursor: string | undefined, signal: AbortSignal) =>
  (await call(api.GET("/api/v1/requests", { params: { query: { ...filter, limit, cursor } }, signal }))) as Schemas["Page_Request"];

export const request = (id: string) =>
  queryOptions({ queryKey: ["requests", id], queryFn: ({ signal }) => call(api.GET("/api/v1/requests/{id}", { params: { path: { id } }, signal })) });

export type SpendFilter = Pick<RequestFilter, "since" | "until" | "key" | "person" | "group" | "workspace" | "model">;

export const spend = (by: Schemas["Dimension"][], filter: SpendFilter) =>
  queryOptions({
    queryKey: ["spend", by, filter],
    queryFn: async ({ signal }) => {
      const answer = await call(api.GET("/api/v1/spend", { params: { query: { ...filter, group_by: by.join(",") } }, signal }));
      return answer as Schemas["Spend"];
    },
    refetchInterval: SLOW,
  });

export const budgets = (subject?: { kind: Schemas["SubjectKind"]; id: string }) =>
  list(["budgets", subject], (cursor, signal) => call(api.GET("/api/v1/budgets", { params: { query: { ...subject, limit: 200, cursor } }, signal })), SLOW);

export const users = (q?: string) =>
  list(["users", { q }], (cursor, signal) => call(api.GET("/api/v1/users", { params: { query: { q: q || undefined, limit: 100, cursor } }, signal })));

export const user = (id: string) =>
  queryOptions({ queryKey: ["users", id], queryFn: ({ signal }) => call(api.GET("/api/v1/users/{id}", { params: { path: { id } }, signal })), refetchInterval: SLOW });

export const groups = list(["groups"], (cursor, signal) => call(api.GET("/api/v1/groups", { params: { query: { limit: 200, cursor } }, signal })));

export const group = (id: string) =>
  queryOptions({ queryKey: ["groups", id], queryFn: ({ signal }) => call(api.GET("/api/v1/groups/{id}", { params: { path: { id } }, signal })), refetchInterval: SLOW });

export const organization = queryOptions({ queryKey: ["organization"], queryFn: ({ signal }) => call(api.GET("/api/v1/organization", { signal })) });

export const tokens = (person?: string) =>
  list(["tokens", { person }], (cursor, signal) => call(api.GET("/api/v1/tokens", { params: { query: { person, limit: 100, cursor } }, signal })));

export const health = queryOptions({ queryKey: ["health"], queryFn: ({ signal }) => call(api.GET("/api/v1/health", { signal })), refetchInterval: 5_000 });

export const templates = list(["templates"], (cursor, signal) => call(api.GET("/api/v1/templates", { params: { query: { limit: 200, cursor } }, signal })));

export const template = (id: string) =>
  queryOptions({ queryKey: ["templates", id], queryFn: ({ signal }) => call(api.GET("/api/v1/templates/{id}", { params: { path: { id } }, signal })), refetchInterval: SLOW });

export const templateVersions = (id: string) =>
  list(["templates", id, "versions"], (cursor, signal) => call(api.GET("/api/v1/templates/{id}/versions", { params: { path: { id }, query: { limit: 50, cursor } }, signal })));

export const signInOptions = queryOptions({ queryKey: ["sign-in"], queryFn: ({ signal }) => call(api.GET("/api/v1/sign-in", { signal })), staleTime: 0 });

export const sessions = (person?: string) =>
  list(["sessions", { person }], (cursor, signal) => call(api.GET("/api/v1/sessions", { params: { query: { person, limit: 100, cursor } }, signal })), SLOW);

export const invitations = list(["invitations"], (cursor, signal) => call(api.GET("/api/v1/invitations", { params: { query: { limit: 100, cursor } }, signal })));

/** What ended when somebody was suspended: asked for quickly, for it fills while the last things end. */
export const suspension = (id: string, suspended: boolean) =>
  queryOptions({ queryKey: ["suspension", id], queryFn: ({ signal }) => call(api.GET("/api/v1/users/{id}/suspension", { params: { path: { id } }, signal })), refetchInterval: LIVE, enabled: suspended });

export const homes = (owner?: string) =>
  list(["homes", { owner }], (cursor, signal) => call(api.GET("/api/v1/homes", { params: { query: { owner, limit: 100, cursor } }, signal })));

export const roles = list(["roles"], (cursor, signal) => call(api.GET("/api/v1/roles", { params: { query: { limit: 200, cursor } }, signal })));

export const role = (id: string) =>
  queryOptions({ queryKey: ["roles", id], queryFn: ({ signal }) => call(api.GET("/api/v1/roles/{id}", { params: { path: { id } }, signal })), refetchInterval: SLOW });

export const grants = (of: { person?: string; group?: string; role?: string }) =>
  list(["grants", of], (cursor, signal) => call(api.GET("/api/v1/grants", { params: { query: { ...of, limit: 100, cursor } }, signal })));

export const templateAccess = (id: string) =>
  queryOptions({ queryKey: ["templates", id, "access"], queryFn: ({ signal }) => call(api.GET("/api/v1/templates/{id}/access", { params: { path: { id } }, signal })) });

export const quota = queryOptions({ queryKey: ["quota"], queryFn: ({ signal }) => call(api.GET("/api/v1/me/quota", { signal })), refetchInterval: SLOW });

export interface Question {
  person: string;
  action: string;
  resource?: string;
}

export const explain = (question: Question) =>
  queryOptions({ queryKey: ["explain", question], queryFn: ({ signal }) => call(api.GET("/api/v1/policy/explain", { params: { query: question }, signal })), staleTime: 0 });

export const identities = queryOptions({ queryKey: ["identities"], queryFn: ({ signal }) => call(api.GET("/api/v1/me/identities", { signal })) });

export const externalAccounts = queryOptions({ queryKey: ["external-accounts"], queryFn: ({ signal }) => call(api.GET("/api/v1/me/external-accounts", { signal })) });

export interface AuditFilter {
  q?: string | undefined;
  actor?: string | undefined;
  action?: string | undefined;
  resource?: string | undefined;
  outcome?: Schemas["AuditOutcome"] | undefined;
  since?: string | undefined;
  until?: string | undefined;
  causal?: string | undefined;
}

export const audit = (filter: AuditFilter) =>
  list(["audit", "list", filter], (cursor, signal) => call(api.GET("/api/v1/audit", { params: { query: { ...filter, limit: 100, cursor } }, signal })), 5_000);

export const auditEntry = (id: string) => queryOptions({ queryKey: ["audit", id], queryFn: ({ signal }) => call(api.GET("/api/v1/audit/{id}", { params: { path: { id } }, signal })) });

export const auditAnchors = list(["audit", "anchors"], (cursor, signal) => call(api.GET("/api/v1/audit/anchors", { params: { query: { limit: 50, cursor } }, signal })));

export interface ChatFilter {
  owner?: string | undefined;
  workspace?: string | undefined;
  state?: Schemas["ChatState"] | undefined;
  q?: string | undefined;
}

export const chats = (filter: ChatFilter) =>
  list(["chats", filter], (cursor, signal) => call(api.GET("/api/v1/chats", { params: { query: { ...filter, q: filter.q || undefined, limit: 100, cursor } }, signal })), LIVE);

/** One chat. What happens in it comes by its events, which have it asked for again; in between that is for what they do not tell. */
export const chat = (id: string, live: boolean) =>
  queryOptions({ queryKey: ["chats", id], queryFn: ({ signal }) => call(api.GET("/api/v1/chats/{id}", { params: { path: { id } }, signal })), refetchInterval: live ? 5_000 : false });

export const chatOptions = (workspace: string, enabled: boolean) =>
  queryOptions({
    queryKey: ["workspaces", workspace, "chat-options"],
    queryFn: ({ signal }) => call(api.GET("/api/v1/workspaces/{id}/chats/options", { params: { path: { id: workspace } }, signal })),
    staleTime: 60_000,
    enabled,
  });

export const tasks = (workspace: string, enabled: boolean) =>
  queryOptions({
    queryKey: ["workspaces", workspace, "tasks"],
    queryFn: ({ signal }) => call(api.GET("/api/v1/workspaces/{id}/tasks", { params: { path: { id: workspace } }, signal })),
    staleTime: 60_000,
    enabled,
  });

export const taskRuns = (filter: { workspace?: string; task?: string }) =>
  list(["task-runs", filter], (cursor, signal) => call(api.GET("/api/v1/task-runs", { params: { query: { ...filter, limit: 50, cursor } }, signal })), LIVE);

export const taskRun = (id: string) =>
  queryOptions({ queryKey: ["task-runs", id], queryFn: ({ signal }) => call(api.GET("/api/v1/task-runs/{id}", { params: { path: { id } }, signal })) });

export const connections = list(["connections"], (cursor, signal) => call(api.GET("/api/v1/connections", { params: { query: { limit: 100, cursor } }, signal })));

export const connection = (id: string) =>
  queryOptions({ queryKey: ["connections", id], queryFn: ({ signal }) => call(api.GET("/api/v1/connections/{id}", { params: { path: { id } }, signal })), refetchInterval: SLOW });

export const ticketRuns = (connection: string) =>
  list(["connections", connection, "runs"], (cursor, signal) => call(api.GET("/api/v1/connections/{id}/runs", { params: { path: { id: connection }, query: { limit: 50, cursor } }, signal })), LIVE);

export const deliveries = (connection: string) =>
  queryOptions({ queryKey: ["connections", connection, "deliveries"], queryFn: ({ signal }) => call(api.GET("/api/v1/connections/{id}/deliveries", { params: { path: { id: connection } }, signal })), refetchInterval: 5_000 });

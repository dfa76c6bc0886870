import { Center, Stack, Text } from "@mantine/core";
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";

import { ButtonLink } from "./components/links";
import { Page } from "./components/page";
import { ProblemNote } from "./components/problem";
import { Shell } from "./shell/shell";

/** What is left of a search after the texts of these names. */
function texts<N extends string>(...names: N[]) {
  return (search: Record<string, unknown>): Partial<Record<N, string>> => {
    const kept: Partial<Record<N, string>> = {};
    for (const name of names) {
      const value = search[name];
      if (typeof value === "string" || typeof value === "number") kept[name] = String(value);
    }
    return kept;
  };
}

function Missing() {
  return (
    <Page title="There is nothing here">
      <Text>The address may be mistyped, or what it was for is gone.</Text>
      <div><ButtonLink to="/">Go to the start</ButtonLink></div>
    </Page>
  );
}

function Failed({ error, reset }: { error: unknown; reset: () => void }) {
  return (
    <Center p="xl">
      <Stack maw={640}><ProblemNote error={error} again={reset} /></Stack>
    </Center>
  );
}

const root = createRootRoute({ notFoundComponent: Missing });
const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell, notFoundComponent: Missing });
const inShell = { getParentRoute: () => shell } as const;

const routes = [
  createRoute({
    ...inShell,
    path: "/",
    beforeLoad: () => {
      throw redirect({ to: "/workspaces", replace: true });
    },
  }),
  createRoute({ ...inShell, path: "/cli", component: lazyRouteComponent(() => import("./pages/cli"), "CliPage"), validateSearch: texts("port", "challenge", "state", "name") }),
  createRoute({ ...inShell, path: "/welcome", component: lazyRouteComponent(() => import("./pages/welcome"), "WelcomePage") }),
  createRoute({ ...inShell, path: "/workspaces", component: lazyRouteComponent(() => import("./pages/workspaces/list"), "WorkspacesPage") }),
  createRoute({ ...inShell, path: "/workspaces/new", component: lazyRouteComponent(() => import("./pages/workspaces/create"), "CreatePage"), validateSearch: texts("template") }),
  createRoute({ ...inShell, path: "/workspaces/$id", component: lazyRouteComponent(() => import("./pages/workspaces/show"), "WorkspacePage"), validateSearch: texts("tab", "build") }),
  createRoute({ ...inShell, path: "/chats", component: lazyRouteComponent(() => import("./pages/chats/list"), "ChatsPage"), validateSearch: texts("state") }),
  createRoute({ ...inShell, path: "/chats/$id", component: lazyRouteComponent(() => import("./pages/chats/show"), "ChatPage") }),
  createRoute({ ...inShell, path: "/templates", component: lazyRouteComponent(() => import("./pages/templates/list"), "TemplatesPage") }),
  createRoute({ ...inShell, path: "/templates/$id", component: lazyRouteComponent(() => import("./pages/templates/show"), "TemplatePage") }),
  createRoute({ ...inShell, path: "/models", component: lazyRouteComponent(() => import("./pages/models"), "ModelsPage") }),
  createRoute({ ...inShell, path: "/keys", component: lazyRouteComponent(() => import("./pages/keys/list"), "KeysPage"), validateSearch: texts("state") }),
  createRoute({ ...inShell, path: "/keys/$id", component: lazyRouteComponent(() => import("./pages/keys/show"), "KeyPage") }),
  createRoute({ ...inShell, path: "/requests", component: lazyRouteComponent(() => import("./pages/requests/list"), "RequestsPage"), validateSearch: texts("since", "model", "outcome", "key", "person", "group", "workspace", "provider") }),
  createRoute({ ...inShell, path: "/requests/$id", component: lazyRouteComponent(() => import("./pages/requests/show"), "RequestPage") }),
  createRoute({ ...inShell, path: "/spend", component: lazyRouteComponent(() => import("./pages/spend"), "SpendPage"), validateSearch: texts("since", "by") }),
  createRoute({ ...inShell, path: "/budgets", component: lazyRouteComponent(() => import("./pages/budgets"), "BudgetsPage") }),
  createRoute({ ...inShell, path: "/people", component: lazyRouteComponent(() => import("./pages/people/list"), "PeoplePage"), validateSearch: texts("invite") }),
  createRoute({ ...inShell, path: "/people/$id", component: lazyRouteComponent(() => import("./pages/people/show"), "PersonPage") }),
  createRoute({ ...inShell, path: "/groups", component: lazyRouteComponent(() => import("./pages/groups/list"), "GroupsPage") }),
  createRoute({ ...inShell, path: "/groups/$id", component: lazyRouteComponent(() => import("./pages/groups/show"), "GroupPage") }),
  createRoute({ ...inShell, path: "/roles", component: lazyRouteComponent(() => import("./pages/roles/list"), "RolesPage") }),
  createRoute({ ...inShell, path: "/roles/$id", component: lazyRouteComponent(() => import("./pages/roles/show"), "RolePage") }),
  createRoute({ ...inShell, path: "/audit", component: lazyRouteComponent(() => import("./pages/audit/list"), "AuditPage"), validateSearch: texts("q", "actor", "action", "resource", "outcome", "since", "until", "causal") }),
  createRoute({ ...inShell, path: "/audit/$id", component: lazyRouteComponent(() => import("./pages/audit/show"), "AuditEntryPage") }),
  createRoute({ ...inShell, path: "/connections", component: lazyRouteComponent(() => import("./pages/connections/list"), "ConnectionsPage") }),
  createRoute({ ...inShell, path: "/connections/$id", component: lazyRouteComponent(() => import("./pages/connections/show"), "ConnectionPage"), validateSearch: texts("tab") }),
  createRoute({ ...inShell, path: "/tokens", component: lazyRouteComponent(() => import("./pages/tokens"), "TokensPage") }),
  createRoute({ ...inShell, path: "/health", component: lazyRouteComponent(() => import("./pages/health"), "HealthPage") }),
  createRoute({ ...inShell, path: "$", component: Missing }),
  createRoute({ ...inShell, path: "/profile", component: lazyRouteComponent(() => import("./pages/profile/profile"), "ProfilePage"), validateSearch: texts("tab", "error") }),
];

const entries = [
  createRoute({ getParentRoute: () => root, path: "/sign-in", component: lazyRouteComponent(() => import("./pages/entry/sign-in"), "SignInPage"), validateSearch: texts("return", "error") }),
  createRoute({ getParentRoute: () => root, path: "/claim", component: lazyRouteComponent(() => import("./pages/entry/claim"), "ClaimPage") }),
  createRoute({ getParentRoute: () => root, path: "/invitation", component: lazyRouteComponent(() => import("./pages/entry/invitation"), "InvitationPage") }),
];

export const router = createRouter({
  routeTree: root.addChildren([...entries, shell.addChildren(routes)]),
  defaultPreload: "intent",
  defaultErrorComponent: Failed,
  defaultNotFoundComponent: Missing,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

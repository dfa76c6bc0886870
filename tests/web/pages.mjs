// Every page, in both colours, on a desk and on a phone.
const VIEWS = [
  { name: "light-desk", colorScheme: "light", viewport: { width: 1440, height: 900 } },
  { name: "dark-desk", colorScheme: "dark", viewport: { width: 1440, height: 900 } },
  { name: "light-phone", colorScheme: "light", viewport: { width: 390, height: 844 } },
  { name: "dark-phone", colorScheme: "dark", viewport: { width: 390, height: 844 } },
];

/** More to look at than one key: groups, budgets. Gives the ids of what has a page of its own. */
async function furnish({ server }) {
  const { id: group } = await server.api("POST", "/api/v1/groups", { name: "backend" });
  await server.api("POST", "/api/v1/budgets", { subject: { kind: "organization" }, limit: "500", period: "month" });
  await server.api("POST", "/api/v1/budgets", { subject: { kind: "group", id: group }, limit: "100", period: "month" });
  await server.api("POST", "/api/v1/roles", { name: "team-lead", description: "Sees what their people do", permissions: [{ action: "workspaces.read", reach: "group" }, { action: "ledger.read", reach: "group" }] });
  await server.api("POST", "/api/v1/grants", { role: "team-lead", group });
  const { id: role } = await server.api("POST", "/api/v1/roles", { name: "key-keeper", description: "Makes keys for the group.", permissions: [{ action: "keys.read", reach: "group" }, { action: "keys.create", reach: "group" }] });
  const first = async (path) => {
    const found = (await server.api("GET", path)).items[0]?.id;
    if (!found) throw new Error(`there is nothing to look at: GET ${path} is empty`);
    return found;
  };
  return {
    group,
    template: await first("/api/v1/templates?name=shell"),
    request: await first("/api/v1/requests?outcome=ok&limit=1"),
    key: await first("/api/v1/keys?limit=1"),
    person: await first("/api/v1/users?limit=1"),
    entry: await first("/api/v1/audit?limit=1"),
    role,
    entry: await first("/api/v1/audit?limit=1"),
  };
}

export async function everyPage(world) {
  const { browser, seen, suite } = world;
  let ids;
  if (!(await suite.step("there is something to look at", async () => void (ids = await furnish(world))))) return;
  const of = `/workspaces/${seen.workspace}`;
  const pages = [
    ["workspaces", "/workspaces"],
    ["new-workspace", "/workspaces/new?template=shell"],
    ["workspace", of],
    ["terminal", `${of}?tab=terminal`],
    ["tasks", `${of}?tab=tasks`],
    ["builds", `${of}?tab=builds`],
    ["settings", `${of}?tab=settings`],
    ["templates", "/templates"],
    ["template", `/templates/${ids.template}`],
    ["models", "/models"],
    ["keys", "/keys"],
    ["key", `/keys/${ids.key}`],
    ["requests", "/requests"],
    ["request", `/requests/${ids.request}`],
    ["spend", "/spend"],
    ["budgets", "/budgets"],
    ["people", "/people"],
    ["person", `/people/${ids.person}`],
    ...(seen.person ? [["person-suspended", `/people/${seen.person}`]] : []),
    ["groups", "/groups"],
    ["group", `/groups/${ids.group}`],
    ["roles", "/roles"],
    ["role", "/roles/member"],
    ["own-role", "/roles/team-lead"],
    ["audit", "/audit"],
    ["audit-entry", `/audit/${ids.entry}`],
    ["tokens", "/tokens"],
    ["roles", "/roles"],
    ["role", `/roles/${ids.role}`],
    ["audit", "/audit"],
    ["audit-entry", `/audit/${ids.entry}`],
    ["health", "/health"],
    ["profile", "/profile"],
    ["security", "/profile?tab=security"],
    ["sessions", "/profile?tab=sessions"],
    ["welcome", "/welcome"],
    ["nothing", "/nothing/here"],
  ];
  const state = await browser.owner.context.storageState();
  const strangers = [["sign-in", "/sign-in"], ["claim", "/claim#bli_x"], ["invitation", "/invitation#bli_x"]];
  const through = async (view) => {
    const options = { colorScheme: view.colorScheme, viewport: view.viewport };
    for (const [paths, signedIn] of [[pages, state], [strangers, undefined]]) {
      const person = await browser.person(options, signedIn);
      for (const [name, path] of paths) await suite.step(`page ${name}, ${view.name}`, () => look(browser, person, path, `${name}-${view.name}`));
      await person.context.close();
    }
  };
  // Two at a time, for Chromium has a process for each.
  for (let i = 0; i < VIEWS.length; i += 2) await Promise.all(VIEWS.slice(i, i + 2).map(through));
}

async function look(browser, person, path, name) {
  await person.page.goto(path);
  await person.page.getByRole("heading", { level: 1 }).first().waitFor();
  // Until what was asked for is there: no outline of something to come is left.
  await person.page.waitForFunction(() => document.querySelectorAll("[aria-busy=true], .mantine-Skeleton-root, [aria-label=Loading]").length === 0);
  if (path.includes("terminal")) await person.page.waitForFunction(() => document.querySelector("[data-terminal] .xterm-rows")?.textContent?.includes("$"));
  await browser.judge(person, name);
}

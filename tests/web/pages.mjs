// Every page, in both colours, on a desk and on a phone.
import { setTimeout as sleep } from "node:timers/promises";

const VIEWS = [
  { name: "light-desk", colorScheme: "light", viewport: { width: 1440, height: 900 } },
  { name: "dark-desk", colorScheme: "dark", viewport: { width: 1440, height: 900 } },
  { name: "light-phone", colorScheme: "light", viewport: { width: 390, height: 844 } },
  { name: "dark-phone", colorScheme: "dark", viewport: { width: 390, height: 844 } },
];

/** More to look at than one key: groups, budgets. What fails here was there already. */
async function furnish(server) {
  for (const [path, body] of [
    ["/api/v1/groups", { name: "backend" }],
    ["/api/v1/budgets", { subject: { kind: "organization" }, limit: "500", period: "month" }],
    ["/api/v1/budgets", { subject: { kind: "group", id: "backend" }, limit: "100", period: "month" }],
  ]) {
    await server.api("POST", path, body).catch(() => undefined);
  }
}

export async function everyPage({ server, browser, seen, suite }) {
  await furnish(server);
  const first = async (path) => (await server.api("GET", path)).items[0]?.id;
  const template = await first("/api/v1/templates?name=shell");
  const ids = { template, request: await first("/api/v1/requests?outcome=ok&limit=1"), key: await first("/api/v1/keys?limit=1"), group: await first("/api/v1/groups?limit=1"), person: await first("/api/v1/users?limit=1") };
  const workspace = seen.workspace ? [["workspace", `/workspaces/${seen.workspace}`], ["terminal", `/workspaces/${seen.workspace}?tab=terminal`], ["builds", `/workspaces/${seen.workspace}?tab=builds`], ["settings", `/workspaces/${seen.workspace}?tab=settings`]] : [];
  const pages = [
    ["workspaces", "/workspaces"],
    ["new-workspace", "/workspaces/new?template=shell"],
    ...workspace,
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
    ["groups", "/groups"],
    ["group", `/groups/${ids.group}`],
    ["tokens", "/tokens"],
    ["health", "/health"],
    ["profile", "/profile"],
    ["security", "/profile?tab=security"],
    ["sessions", "/profile?tab=sessions"],
    ["welcome", "/welcome"],
    ["nothing", "/nothing/here"],
  ];
  const state = await browser.owner.context.storageState();
  for (const view of VIEWS) {
    const somebody = await browser.person({ colorScheme: view.colorScheme, viewport: view.viewport }, state);
    const stranger = await browser.person({ colorScheme: view.colorScheme, viewport: view.viewport });
    for (const [name, path] of pages) await suite.step(`page ${name}, ${view.name}`, () => look(browser, somebody, path, `${name}-${view.name}`));
    for (const [name, path] of [["sign-in", "/sign-in"], ["claim", "/claim#bli_x"], ["invitation", "/invitation#bli_x"]]) {
      await suite.step(`page ${name}, ${view.name}`, () => look(browser, stranger, path, `${name}-${view.name}`));
    }
    await somebody.context.close();
    await stranger.context.close();
  }
}

async function look(browser, person, path, name) {
  await person.page.goto(path);
  await person.page.getByRole("heading", { level: 1 }).first().waitFor();
  // Until what was asked for is there: no outline of something to come is left.
  await person.page.waitForFunction(() => document.querySelectorAll("[aria-busy=true], .mantine-Skeleton-root, [aria-label=Loading]").length === 0);
  if (path.includes("terminal")) await person.page.waitForFunction(() => document.querySelector("[data-terminal] .xterm-rows")?.textContent?.includes("$"));
  await sleep(300);
  await browser.judge(person, name);
}

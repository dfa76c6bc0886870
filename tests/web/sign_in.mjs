// Signing in through two certified identity providers at once.
import { join } from "node:path";
import { mkdirSync } from "node:fs";

import { IdentityProvider } from "./provider.mjs";
import { Server } from "./server.mjs";
import { button, field, same, until } from "./ui.mjs";

const PASSWORD = "correct horse battery";

/** Begins signing in with the provider's button and does there what is asked; ends wherever that leads. */
async function enter(page, provider, login) {
  await page.goto("/sign-in");
  await page.getByRole("link", { name: `Continue with ${provider.displayName}` }).click();
  await provider.signIn(page, login);
}

/** They came in; if not, the address says why. */
async function inside(page) {
  await page.waitForURL((url) => url.pathname === "/sign-in" || /^.(workspaces|welcome)/.test(url.pathname));
  const { pathname, search } = new URL(page.url());
  if (pathname === "/sign-in") throw new Error(`they were not let in: ${search}`);
  await page.getByRole("heading", { level: 1, name: /^(Workspaces|Welcome)/ }).waitFor();
}

/** The status that the API answers this browser with. */
const status = (page) => page.evaluate(async () => (await fetch("/api/v1/me")).status);

async function refused(world, provider, login, code) {
  const { page, context } = await world.person();
  await enter(page, provider, login);
  await page.waitForURL((url) => url.pathname === "/sign-in");
  same(new URL(page.url()).searchParams.get("error"), code, `what ${login} is told`);
  await page.getByRole("alert").first().waitFor();
  same(await status(page), 401, "what the API says to them");
  await context.close();
}

/** What Bailey knows of somebody: role and groups. */
async function known(server, name) {
  const { items } = await server.api("GET", "/api/v1/users?limit=200");
  const found = items.filter((user) => user.name === name);
  if (found.length !== 1) throw new Error(`${found.length} people are called ${name}: ${items.map((user) => user.name)}`);
  const { id, role, groups } = await server.api("GET", `/api/v1/users/${found[0].id}`);
  return { id, role, groups: groups.map((group) => group.name).sort() };
}

/** Signs out here, and at the provider, where that leads. */
async function signOut(page, provider) {
  await page.getByRole("button", { name: /profile and more/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await button(page, "Yes, sign me out").click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  same(page.url().startsWith(provider.issuer), false, "whether the provider leads back");
  same(await status(page), 401, "what the API says after signing out");
}

async function claim({ owner, server }) {
  const { page } = owner;
  await page.goto(server.claim());
  await page.getByLabel("Your name").fill("Olive Owner");
  await field(page, "Password").fill(PASSWORD);
  await button(page, "Become the owner").click();
  await page.getByRole("heading", { name: /^Welcome/ }).waitFor();
  for (const name of ["dev", "design"]) await server.api("POST", "/api/v1/groups", { name });
}

async function both({ person, acme, globex, browser, server, seen }) {
  seen.ada = await person();
  const { page } = seen.ada;
  await page.goto("/sign-in");
  for (const provider of [acme, globex]) await page.getByRole("link", { name: `Continue with ${provider.displayName}` }).waitFor();
  await browser.judge(seen.ada, "sign-in-providers");
  await enter(page, acme, "ada");
  await inside(page);
  const { role, groups } = await known(server, "ada");
  same([role, groups], ["auditor", ["dev"]], "what ada's groups at Acme give her");
  seen.grace = await person();
  await enter(seen.grace.page, globex, "grace");
  await inside(seen.grace.page);
  same((await known(server, "grace")).role, "member", "grace's role");
}

/** Another group there is another role and group here, at the next sign-in. */
async function mapping({ acme, server, seen }) {
  const { page } = seen.ada;
  acme.people.get("ada").groups = ["staff", "design", "platform"];
  await signOut(page, acme);
  await enter(page, acme, "ada");
  await inside(page);
  const { role, groups } = await known(server, "ada");
  same([role, groups], ["template-admin", ["design"]], "what ada's new groups at Acme give her");
}

/** Whoever is at the provider but not let in leaves no session and no person. */
async function lists(world) {
  const before = (await world.server.api("GET", "/api/v1/users?limit=200")).items.length;
  await refused(world, world.acme, "mallory", "sign_in_not_allowed");
  await refused(world, world.acme, "unconfirmed", "email_not_verified");
  same((await world.server.api("GET", "/api/v1/users?limit=200")).items.length, before, "people");
}

/** An account is linked by whoever is signed in, and never because an address is the same. */
async function linking({ owner, person, globex, server }) {
  const { page } = owner;
  await page.goto("/profile?tab=security");
  await button(page, `Link ${globex.displayName}`).click();
  await button(page.getByRole("dialog"), `Go to ${globex.displayName}`).click();
  await globex.signIn(page, "boss");
  await page.waitForURL((url) => url.pathname === "/profile");
  await page.getByRole("button", { name: /^Unlink/ }).waitFor();
  const somewhere = await person();
  await enter(somewhere.page, globex, "boss");
  await inside(somewhere.page);
  same(await somewhere.page.evaluate(async () => (await (await fetch("/api/v1/me")).json()).user.name), "owner", "who came in");
  await somewhere.context.close();
  // The same address at the other provider is somebody else.
  const twin = await person();
  await enter(twin.page, globex, "twin");
  await inside(twin.page);
  const { user } = await twin.page.evaluate(async () => (await fetch("/api/v1/me")).json());
  if (user.id === (await known(server, "ada")).id) throw new Error("the same address at another provider came in as ada");
  await twin.context.close();
}

/** Who signs out at the provider is signed out here, too. */
async function backChannel({ acme, seen }) {
  const { page, context } = seen.ada;
  same(await status(page), 200, "what the API says before");
  acme.logouts.length = 0;
  const there = await context.newPage();
  const began = Date.now();
  await acme.signOut(there);
  await until("Bailey was told", () => acme.logouts.length > 0);
  same(acme.logouts, ["told"], "what came of telling Bailey");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  same(await status(page), 401, "what the API says after");
  return { note: `at the sign-in page ${Date.now() - began} ms after signing out there` };
}

/** Suspended here: the provider's word does not help. */
async function suspended({ server, globex, seen, person }) {
  const { id } = await known(server, "grace");
  await server.api("POST", `/api/v1/users/${id}/suspend`, {});
  await seen.grace.page.goto("/workspaces");
  await seen.grace.page.getByRole("heading", { name: "Sign in" }).waitFor();
  const again = await person();
  await enter(again.page, globex, "grace");
  await again.page.waitForURL((url) => url.pathname === "/sign-in" && url.searchParams.has("error"));
  same(await status(again.page), 401, "what the API says to them");
  await again.context.close();
}

async function closed(world) {
  const { server, acme, globex } = world;
  await server.restart(settings(acme, globex, false));
  await refused(world, globex, "newcomer", "sign_up_closed");
  const again = await world.person();
  await enter(again.page, acme, "ada");
  await inside(again.page);
  await again.context.close();
}

const steps = [
  ["the owner is claimed", claim],
  ["people of two providers sign in, with the roles and groups that theirs give", both],
  ["groups that changed there change role and groups here at the next sign-in", mapping],
  ["whoever is on no list of those who are let in gets no session", lists],
  ["an account is linked by whoever is signed in, not by its address", linking],
  ["signing out at the provider ends the session here", backChannel],
  ["whoever is suspended is not let in by a provider", suspended],
  ["with sign-up off strangers are refused, and those who are known come in", closed],
];

const settings = (acme, globex, open) => `
[sign_in]
sign_up = ${open}
${acme.config(`
allowed_domains = ["acme.test"]
roles = { auditing = "auditor", platform = "template-admin" }
groups = { engineering = "dev", design = "design" }
`)}
${globex.config()}
`;

const of = (name, email, more = {}) => ({ name, preferred_username: name.split(" ")[0].toLowerCase(), email, email_verified: true, groups: [], ...more });

export async function signIn({ browser, suite, binary, packages, scratch }) {
  const acme = await IdentityProvider.start({ name: "acme", address: "127.0.0.2", inIdToken: true });
  const globex = await IdentityProvider.start({ name: "globex", address: "127.0.0.3", inIdToken: false });
  acme.people.set("ada", of("Ada Acme", "ada@acme.test", { groups: ["staff", "engineering", "auditing"] }));
  acme.people.set("mallory", of("Mallory Elsewhere", "mallory@evil.test"));
  acme.people.set("unconfirmed", of("Una Unconfirmed", "una@acme.test", { email_verified: false }));
  globex.people.set("grace", of("Grace Globex", "grace@globex.test"));
  globex.people.set("boss", of("Olive Owner", "olive@globex.test"));
  globex.people.set("twin", of("Twin Globex", "ada@acme.test"));
  globex.people.set("newcomer", of("Nell Newcomer", "nell@globex.test"));
  const directory = join(scratch, "sign-in");
  mkdirSync(directory);
  const server = await Server.start({ binary, directory, config: settings(acme, globex, true) });
  try {
    const app = new URL(server.claim()).origin;
    for (const provider of [acme, globex]) await provider.serve(packages, app);
    const person = () => browser.person({ baseURL: app, colorScheme: "light", viewport: { width: 1440, height: 900 } });
    const failed = suite.failed;
    await suite.inOrder(steps, { browser, server, acme, globex, person, owner: await person(), seen: {} });
    if (suite.failed > failed) console.log(`         the server's log:\n${server.log.split("\n").slice(-15).join("\n")}`);
  } finally {
    await server.stop();
    for (const provider of [acme, globex]) await provider.stop();
  }
}

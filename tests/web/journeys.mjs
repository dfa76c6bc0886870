// What people do, in the order in which they do it.
import { setTimeout as sleep } from "node:timers/promises";

import { code } from "./totp.mjs";

const PASSWORD = "correct horse battery";
const MEMBER = "staple the battery horse";

function same(actual, expected, what) {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) throw new Error(`${what}: ${JSON.stringify(actual)}, and should be ${JSON.stringify(expected)}`);
}

/** Until something is so. */
async function until(what, check, seconds = 30) {
  for (let i = 0; i < seconds * 10; i += 1) {
    if (await check()) return;
    await sleep(100);
  }
  throw new Error(`after ${seconds} s still not: ${what}`);
}

/** A field by its label; one that must be filled in has an asterisk behind it. */
const field = (page, label) => page.getByLabel(new RegExp(`^${label}( \\*)?$`)).first();

const screen = (page) => page.locator("[data-terminal] .xterm-rows").innerText();

async function claim({ browser, server, seen }) {
  const { page } = browser.owner;
  await page.goto("/");
  await page.getByRole("heading", { name: "Welcome to Bailey" }).waitFor();
  await page.goto(server.claim());
  await page.getByLabel("Your name").fill("Ada Lovelace");
  await field(page, "Password").fill("too short");
  await page.getByRole("button", { name: "Become the owner" }).click();
  await page.getByText("At least 12 characters").first().waitFor();
  await field(page, "Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Become the owner" }).click();
  await page.getByRole("heading", { name: "Welcome, Ada Lovelace" }).waitFor();
  await browser.judge(browser.owner, "welcome");
  seen.name = "owner";
}

async function workspace({ browser, server, seen }) {
  if (process.getuid() !== 0) return "workspaces are tried as root";
  const { page } = browser.owner;
  await page.getByRole("link", { name: "New workspace" }).click();
  await page.getByRole("radio", { name: /^Shell/ }).click();
  await field(page, "Name").fill("Not A Name");
  await page.getByText("Lower-case letters, digits and single dashes").first().waitFor();
  await field(page, "Name").fill("trial");
  const cpus = page.getByRole("slider", { name: "CPUs" });
  await cpus.focus();
  await page.keyboard.press("ArrowRight");
  // Beyond what the template allows: said as it is typed, and nothing is sent.
  await page.getByLabel("Memory (GiB), as a number").fill("99");
  await page.getByText("Must be at most 16").waitFor();
  await page.getByLabel("Memory (GiB), as a number").fill("1");
  await page.getByRole("button", { name: "Create and start" }).click();
  await page.getByRole("log").getByText("done").first().waitFor();
  await page.locator(".status", { hasText: /^Running$/ }).first().waitFor();
  seen.workspace = new URL(page.url()).pathname.split("/").pop();
  const made = await server.api("GET", `/api/v1/workspaces/${seen.workspace}`);
  same([made.name, made.parameters.cpu, made.parameters.memory], ["trial", 2, 1], "the workspace");
}

async function terminal({ browser, seen }) {
  if (!seen.workspace) return "there is no workspace";
  const { page } = browser.owner;
  await page.getByRole("tab", { name: "Terminal", exact: true }).click();
  await until("the shell asks", async () => (await screen(page)).includes("$"));
  await page.keyboard.type("echo mark-$((40 + 2))\n", { delay: 15 });
  await until("the shell answers", async () => (await screen(page)).includes("mark-42"));
  await page.reload();
  await until("the screen is drawn again", async () => (await screen(page)).includes("mark-42"));
  await page.getByRole("button", { name: "New terminal" }).click();
  await until("a second shell asks, on a screen of its own", async () => {
    const text = await screen(page);
    return text.includes("$") && !text.includes("mark-42");
  });
}

async function key({ browser, server, seen }) {
  const { page } = browser.owner;
  await page.getByRole("link", { name: "Keys", exact: true }).click();
  await page.getByRole("button", { name: "New key" }).first().click();
  await field(page, "Name").fill("laptop");
  await page.getByLabel("Budget in dollars").fill("5");
  await page.getByRole("button", { name: "Make the key" }).click();
  const secret = page.getByRole("dialog").locator("code").first();
  await secret.waitFor();
  seen.key = (await secret.innerText()).trim();
  await browser.judge(browser.owner, "key-shown-once");
  await page.getByRole("button", { name: "I have it" }).click();
  await page.getByRole("link", { name: "laptop" }).waitFor();
  // It arrives by itself, without a reload.
  await page.getByRole("link", { name: "Requests", exact: true }).click();
  await page.getByRole("heading", { name: "Requests" }).waitFor();
  same(await server.ask(seen.key, "claude-sonnet-4-5"), 200, "the gate's answer");
  await page.getByRole("cell", { name: "claude-sonnet-4-5" }).first().waitFor();
  for (let i = 0; i < 20; i += 1) await server.ask(seen.key, i % 2 ? "gpt-5" : "claude-haiku-4-5", `Hello ${i}`);
  await page.getByRole("link", { name: "Spend", exact: true }).click();
  await until("the spend moved", async () => /\$0\.00[0-9]*[1-9]/.test(await page.locator("main").innerText()), 60);
}

async function tryModel({ browser }) {
  const { page } = browser.owner;
  await page.getByRole("link", { name: "Models", exact: true }).click();
  await page.getByRole("button", { name: /^Try/ }).first().click();
  await field(page, "Model").fill("claude-sonnet-4-5");
  await page.getByRole("button", { name: "Ask" }).click();
  await page.getByRole("dialog").getByText("This is a mock answer").waitFor();
  await page.keyboard.press("Escape");
}

async function secondFactor({ browser }) {
  const { page } = browser.owner;
  await page.goto("/profile?tab=security");
  await page.getByRole("button", { name: "Set it up" }).click();
  await field(page, "Your password").fill(PASSWORD);
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByRole("img", { name: /authenticator/ }).waitFor();
  const secret = (await page.getByRole("dialog").locator("code").first().innerText()).trim();
  await field(page, "Code").fill(code(secret));
  await page.getByRole("button", { name: "Confirm" }).click();
  const codes = (await page.getByRole("dialog").locator("pre").innerText()).trim().split(/\s+/);
  await page.getByRole("button", { name: "I have them" }).click();
  await page.getByText("On: you are asked for a code").waitFor();

  await page.getByRole("button", { name: /profile and more/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await field(page, "Name").fill("owner");
  await field(page, "Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("That did not match").waitFor();
  await field(page, "Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await field(page, "Code").fill(codes[0]);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Workspaces" }).waitFor();
}

async function invite({ browser, server, seen }) {
  const { page } = browser.owner;
  await page.goto("/people?invite=1");
  await field(page, "Login name").fill("grace");
  await page.getByRole("button", { name: "Make the link" }).click();
  const link = (await page.getByRole("dialog").locator("code").first().innerText()).trim();
  await page.getByRole("button", { name: "I have it" }).click();
  seen.member = await browser.person({ colorScheme: "dark", viewport: { width: 1440, height: 900 } });
  const { page: other } = seen.member;
  const { pathname, hash } = new URL(link);
  await other.goto(pathname + hash);
  await field(other, "Password").fill(MEMBER);
  await other.getByRole("button", { name: "Come in" }).click();
  await other.getByRole("heading", { name: /^Welcome/ }).waitFor();
  const places = await other.getByRole("navigation", { name: "Main" }).getByRole("link").allInnerTexts();
  for (const hidden of ["People", "API tokens", "Health"]) if (places.includes(hidden)) throw new Error(`a member sees ${hidden}`);
  await browser.judge(seen.member, "welcome-member");
  const people = await server.api("GET", "/api/v1/users");
  seen.person = people.items.find((user) => user.name === "grace").id;
}

async function suspend({ browser, seen }) {
  const { page } = browser.owner;
  await seen.member.page.goto("/workspaces");
  await seen.member.page.getByRole("heading", { name: "Workspaces" }).waitFor();
  await page.goto(`/people/${seen.person}`);
  await page.getByRole("button", { name: "Suspend" }).click();
  const began = Date.now();
  await page.getByRole("dialog").getByRole("button", { name: "Suspend" }).click();
  await seen.member.page.getByRole("heading", { name: "Sign in" }).waitFor({ timeout: 5_000 });
  if (Date.now() - began > 5_000) throw new Error("the session lasted more than 5 s");
  await seen.member.context.close();
}

export const journeys = [
  ["the owner is claimed with the link that the server printed", claim],
  ["a workspace is made by slider, and what is wrong is said while it is typed", workspace],
  ["its terminal is typed into, survives a reload, and there is another beside it", terminal],
  ["a key is made and shown once, its request arrives, the spend moves", key],
  ["a model is tried", tryModel],
  ["a second factor is set up, and a recovery code lets in", secondFactor],
  ["somebody is invited, comes in, and sees what is theirs", invite],
  ["somebody who is suspended is out within 5 s", suspend],
];

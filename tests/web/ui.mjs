// What the steps say to pages and of them, as people would: by labels, names and what is written there.
import { setTimeout as sleep } from "node:timers/promises";

export function same(actual, expected, what) {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) throw new Error(`${what}: ${JSON.stringify(actual)}, and should be ${JSON.stringify(expected)}`);
}

/** Until something is so; gives what `check` gave. The limit is for machines that are busy with something else. */
export async function until(what, check, seconds = 60) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`after ${seconds} s still not: ${what}`);
    await sleep(100);
  }
}

/** A field by its label; one that must be filled in has an asterisk behind it. */
export const field = (page, label) => page.getByLabel(new RegExp(`^${label}( \\*)?$`)).first();

export const button = (page, name) => page.getByRole("button", { name, exact: true });

/** Goes to a page by its place in the navigation. */
export async function go(page, place) {
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: place, exact: true }).click();
  await page.getByRole("heading", { level: 1, name: place, exact: true }).waitFor();
}

/** What a terminal shows. */
export const screen = (page) => page.locator("[data-terminal] .xterm-rows").innerText();

export async function shows(page, what, text) {
  await until(what, async () => (await screen(page)).includes(text));
}

/** Types a command into the terminal, once the shell asks for one. */
export async function type(page, command) {
  await page.locator("[data-terminal] textarea").focus();
  await page.keyboard.type(`${command}\n`, { delay: 2 });
}

/** Marks the page, so that a reload would show. */
export async function mark(page) {
  await page.evaluate(() => (window.marked = true));
}

export async function notReloaded(page) {
  if (!(await page.evaluate(() => window.marked === true))) throw new Error("the page was loaded again meanwhile");
}

/** Makes a workspace from a template and waits until it runs; gives its id. The page is then at its builds. */
export async function createWorkspace(page, { template, name, choose, seconds = 60 }) {
  await page.goto("/workspaces/new");
  await page.getByRole("radio", { name: new RegExp(`^${template}`) }).click();
  await field(page, "Name").fill(name);
  await choose?.();
  await button(page, "Create and start").click();
  await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
  await page.getByText("Running", { exact: true }).first().waitFor({ timeout: seconds * 1000 });
  return new URL(page.url()).pathname.split("/").pop();
}

/** Makes a key in the browser, copies it with its button, and gives what the clipboard then has. */
export async function createKey(page, { name, budget }) {
  await go(page, "Keys");
  await button(page, "New key").first().click();
  const dialog = page.getByRole("dialog");
  await field(dialog, "Name").fill(name);
  if (budget) await dialog.getByLabel("Budget in dollars").fill(budget);
  await button(dialog, "Make the key").click();
  const secret = dialog.getByText(/^sk-bly-/).first();
  await secret.waitFor();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await button(dialog, "Copy the key").click();
  await button(dialog, "Copied").waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  same(copied, (await secret.innerText()).trim(), "what was copied");
  return copied;
}

/** Closes the dialog with a secret, which nothing shows a second time. */
export async function closeSecret(page, secret) {
  await button(page.getByRole("dialog"), "I have it").click();
  // The one before it, where it was asked for, may still be fading out.
  await until("all dialogs are closed", async () => (await page.getByRole("dialog").count()) === 0);
  if ((await page.content()).includes(secret)) throw new Error("the secret is still in the page");
}

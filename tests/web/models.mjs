// Keys, requests, spend.
import { button, closeSecret, createKey, field, go, mark, notReloaded, until } from "./ui.mjs";

export async function key({ browser, seen }) {
  const { page } = browser.owner;
  seen.key = await createKey(page, { name: "laptop", budget: "5" });
  await browser.judge(browser.owner, "key-shown-once");
  await closeSecret(page, seen.key);
  await page.getByRole("link", { name: "laptop" }).waitFor();
}

/** A request of curl's shows up by itself in the page that was open before it was made. */
export async function requests({ browser, server, seen }) {
  const { page } = browser.owner;
  await go(page, "Requests");
  await mark(page);
  const model = page.getByRole("cell", { name: "claude-opus-4-5", exact: true });
  if ((await model.count()) > 0) throw new Error("there is a request already that nobody made");
  const began = Date.now();
  const answer = await server.ask(seen.key, "claude-opus-4-5");
  if (answer.type !== "message") throw new Error(`the gate answered ${JSON.stringify(answer)}`);
  await model.first().waitFor();
  const took = Date.now() - began;
  for (let i = 0; i < 12; i += 1) await server.ask(seen.key, ["gpt-5", "claude-haiku-4-5", "claude-sonnet-4-5"][i % 3], `Please summarize chapter ${i + 1}. ${"Words, words, words. ".repeat(40 * (1 + (i % 5)))}`);
  await until("all of them are there", async () => (await page.getByRole("cell", { name: "gpt-5", exact: true }).count()) === 4);
  await notReloaded(page);
  await page.getByRole("link", { name: /ago|now|\d/ }).first().waitFor();
  await browser.forReadme("requests");
  return { note: `seen ${took} ms after it was sent` };
}

/** The sum of the spend page, in dollars. */
async function spent(page) {
  const text = await page.getByRole("main").innerText();
  return Number(/Cost\s*\$([0-9.,]+)/.exec(text)?.[1]?.replaceAll(",", "") ?? "NaN");
}

export async function spend({ browser, server, seen }) {
  const { page } = browser.owner;
  await go(page, "Spend");
  await until("something was spent", async () => (await spent(page)) > 0);
  await mark(page);
  const before = await spent(page);
  for (let i = 0; i < 5; i += 1) await server.ask(seen.key, "claude-opus-4-5", "A long question. ".repeat(300));
  await until("the spend moved", async () => (await spent(page)) > before);
  await notReloaded(page);
  const after = await spent(page);
  await page.getByRole("main").getByText("claude-opus-4-5").first().waitFor();
  return { note: `$${before} became $${after}` };
}

export async function tryModel({ browser }) {
  const { page } = browser.owner;
  await go(page, "Models");
  await page.getByRole("button", { name: /^Try/ }).first().click();
  const dialog = page.getByRole("dialog");
  await field(dialog, "Model").fill("claude-sonnet-4-5");
  await button(dialog, "Ask").click();
  await dialog.getByText("This is a mock answer").waitFor();
  await page.keyboard.press("Escape");
}

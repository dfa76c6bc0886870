// A second factor, and a second person: invited, at work, suspended.
import { code } from "./totp.mjs";
import { button, closeSecret, createKey, createWorkspace, field, same, shows, type, until } from "./ui.mjs";

const PASSWORD = "staple the battery horse";
/** What suspending ends is over this soon. */
const LIMIT = 5_000;

export async function secondFactor({ browser, seen }) {
  const { page } = browser.owner;
  await page.goto("/profile?tab=security");
  await button(page, "Set it up").click();
  await field(page, "Your password").fill(seen.password);
  await button(page, "Go on").click();
  await page.getByRole("img", { name: /authenticator/ }).waitFor();
  const secret = (await page.getByRole("dialog").locator("code").first().innerText()).trim();
  await field(page, "Code").fill(code(secret));
  await button(page, "Confirm").click();
  const codes = (await page.getByRole("dialog").locator("pre").innerText()).trim().split(/\s+/);
  await button(page, "I have them").click();
  await page.getByText("On: you are asked for a code").waitFor();

  await page.getByRole("button", { name: /profile and more/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await field(page, "Name").fill(seen.name);
  await field(page, "Password").fill("not the password");
  await button(page, "Sign in").click();
  await page.getByText("That did not match").waitFor();
  await field(page, "Password").fill(seen.password);
  await button(page, "Sign in").click();
  await field(page, "Code").fill(codes[0]);
  await button(page, "Sign in").click();
  await page.getByRole("heading", { name: "Workspaces" }).waitFor();
}

export async function invite({ browser, server, seen }) {
  const { page } = browser.owner;
  await page.goto("/people?invite=1");
  await field(page, "Login name").fill("grace");
  await button(page, "Make the link").click();
  const link = (await page.getByRole("dialog").locator("code").first().innerText()).trim();
  await closeSecret(page, link);
  seen.member = await browser.person({ colorScheme: "dark", viewport: { width: 1440, height: 900 } });
  const { page: other } = seen.member;
  const { pathname, hash } = new URL(link);
  await other.goto(pathname + hash);
  await field(other, "Password").fill(PASSWORD);
  await button(other, "Come in").click();
  await other.getByRole("heading", { name: /^Welcome/ }).waitFor();
  const places = await other.getByRole("navigation", { name: "Main" }).getByRole("link").allInnerTexts();
  for (const hidden of ["People", "API tokens", "Health", "Audit"]) if (places.includes(hidden)) throw new Error(`a member sees ${hidden}`);
  await browser.judge(seen.member, "welcome-member");
  const people = await server.api("GET", "/api/v1/users");
  seen.person = people.items.find((user) => user.name === "grace").id;
}

/** The second person has a terminal open and a model is answering them. */
export async function atWork({ server, seen }) {
  const { page } = seen.member;
  const secret = await createKey(page, { name: "graces-laptop" });
  await closeSecret(page, secret);
  const sockets = [];
  page.on("websocket", (socket) => {
    if (!socket.url().includes("/terminal")) return;
    const seenSocket = { closedAt: null };
    socket.on("close", () => (seenSocket.closedAt = Date.now()));
    sockets.push(seenSocket);
  });
  seen.graces = await createWorkspace(page, { template: "Shell", name: "graces" });
  await page.getByRole("tab", { name: "Terminal", exact: true }).click();
  await shows(page, "the shell asks", "$");
  await type(page, "while sleep 0.2; do date +tick-%N; done");
  await shows(page, "the loop runs", "tick-");
  same(sockets.length, 1, "connections of the terminal");
  [seen.socket] = sockets;
  seen.stream = server.stream(secret, "claude-sonnet-4-5", "Tell me a long story");
  await until("the answer flows", () => seen.stream.text().split("content_block_delta").length > 5);
}

/** Waits until `when()` has a time, and gives how many ms after `began` that was. */
async function after(began, what, when) {
  const at = await until(what, when, 30);
  if (at - began > LIMIT) throw new Error(`${what}: ${at - began} ms after the answer; at most ${LIMIT} are promised`);
  return Math.max(0, at - began);
}

export async function suspend({ browser, seen }) {
  const { page } = browser.owner;
  await page.goto(`/people/${seen.person}`);
  await button(page, "Suspend").click();
  if (seen.socket.closedAt !== null) throw new Error("the terminal was over before anybody was suspended");
  let streamEnd = null;
  void seen.stream.ended.then((end) => (streamEnd = end));
  const answered = page.waitForResponse((response) => response.request().method() !== "GET" && response.url().endsWith(`/api/v1/users/${seen.person}/suspend`));
  const clicked = Date.now();
  await button(page.getByRole("dialog"), "Suspend").click();
  const answer = await answered;
  const began = Date.now();
  if (!answer.ok()) throw new Error(`suspending was answered with ${answer.status()}`);
  const terminal = await after(began, "the terminal is over", () => seen.socket.closedAt);
  const stream = await after(began, "the stream is over", () => streamEnd?.at);
  if (/message_stop/.test(streamEnd.text)) throw new Error("the stream came to its own end; it should have been cut off");
  await seen.member.page.getByRole("heading", { name: "Sign in" }).waitFor();
  const out = Date.now() - began;
  await seen.member.context.close();
  return { note: `the click was answered after ${began - clicked} ms; the terminal ended ${terminal} ms after that, the stream ${stream} ms, they were at the sign-in page after ${out} ms` };
}

/** What ended is reported, and their workspace stops. */
export async function report({ browser, server, seen }) {
  const { page } = browser.owner;
  await page.getByText("All of it has ended").waitFor();
  const text = await page.getByRole("main").innerText();
  // Two keys: their own, and the workspace's.
  for (const [what, number] of [["Sessions", 1], ["Keys", 2], ["Answers of models", 1], ["Terminals", 1]]) {
    const said = new RegExp(`${what}\\s+(\\d+)`).exec(text)?.[1];
    same(Number(said), number, `${what} in the report`);
  }
  const ended = page.getByRole("region", { name: "What ended" });
  await ended.getByRole("row", { name: /graces.*stopped/i }).waitFor();
  same((await server.api("GET", `/api/v1/workspaces/${seen.graces}`)).status, "stopped", "their workspace");
  await browser.judge(browser.owner, "suspended");
}

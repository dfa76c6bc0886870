// From a fresh server to an editor in the browser.
import { button, createWorkspace, field, same, screen, shows, type, until } from "./ui.mjs";

const PASSWORD = "correct horse battery";

export async function claim({ browser, server, seen }) {
  const { page } = browser.owner;
  await page.goto("/");
  await page.getByRole("heading", { name: "Welcome to Bailey" }).waitFor();
  const { pathname, hash } = new URL(server.claim());
  await page.goto(pathname + hash);
  await page.getByLabel("Your name").fill("Ada Lovelace");
  await field(page, "Password").fill("too short");
  await button(page, "Become the owner").click();
  await page.getByText("At least 12 characters").first().waitFor();
  await field(page, "Password").fill(PASSWORD);
  await button(page, "Become the owner").click();
  await page.getByRole("heading", { name: "Welcome, Ada Lovelace" }).waitFor();
  same(await page.getByRole("main").getByRole("heading", { level: 2 }).count(), 3, "the first things to do");
  await browser.judge(browser.owner, "welcome");
  seen.name = "owner";
  seen.password = PASSWORD;
}

export async function workspace({ browser, server, seen }) {
  const { page } = browser.owner;
  await page.getByRole("link", { name: "New workspace" }).click();
  await page.getByRole("radio", { name: /^Shell/ }).click();
  await field(page, "Name").fill("Not A Name");
  await page.getByText("Lower-case letters, digits and single dashes").first().waitFor();
  await field(page, "Name").fill("trial");
  await page.getByRole("slider", { name: "CPUs" }).focus();
  await page.keyboard.press("ArrowRight");
  // Beyond what the template allows: said as it is typed, and nothing is sent.
  await page.getByLabel("Memory (GiB), as a number").fill("99");
  await page.getByText("Must be at most 16").waitFor();
  await page.getByLabel("Memory (GiB), as a number").fill("1");
  await button(page, "Create and start").click();
  await page.getByRole("log").getByText("done").first().waitFor();
  await page.getByText("Running", { exact: true }).first().waitFor();
  seen.workspace = new URL(page.url()).pathname.split("/").pop();
  const made = await server.api("GET", `/api/v1/workspaces/${seen.workspace}`);
  same([made.name, made.parameters.cpu, made.parameters.memory], ["trial", 2, 1], "the workspace");
}

export async function terminal({ browser, seen }) {
  const { page } = browser.owner;
  await page.goto(`/workspaces/${seen.workspace}`);
  await page.getByRole("tab", { name: "Terminal", exact: true }).click();
  await shows(page, "the shell asks", "$");
  await type(page, "echo mark-$((40 + 2))");
  await shows(page, "the shell answers", "mark-42");
  await page.reload();
  await shows(page, "the screen is drawn again after a reload", "mark-42");
  await button(page, "New terminal").click();
  await until("a second shell asks, on a screen of its own", async () => {
    const text = await screen(page);
    return text.includes("$") && !text.includes("mark-42");
  });
  await page.getByRole("tab", { name: "main", exact: true }).click();
  await shows(page, "the first is still there", "mark-42");
}

/** What the workspace is for: nothing leads out of it but the gate, and there it has a key already. */
export async function inside({ browser }) {
  const { page } = browser.owner;
  const body = `{"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello from inside"}]}`;
  await type(page, "clear; curl -sS https://example.com");
  await shows(page, "no name outside is known", "Could not resolve host");
  await type(page, `curl -s $BAILEY_GATE/v1/messages -H "x-api-key: $BAILEY_KEY" -H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' -d '${body}'; echo`);
  await shows(page, "the gate answers", '"output_tokens"');
  await browser.forReadme("workspace");
}

/** VS Code in the browser: what is typed there is done in the workspace. */
export async function ide({ browser, seen }) {
  const { page } = browser.owner;
  const built = await seen.layer;
  if (built.code !== 0) throw new Error(`bailey templates build web-ide: ${built.stdout}${built.stderr}`);
  seen.ide = await createWorkspace(page, { template: "Web IDE", name: "editor" });
  await page.getByRole("tab", { name: "Overview", exact: true }).click();
  await page.getByText("Healthy", { exact: true }).waitFor();
  const opened = page.context().waitForEvent("page");
  await button(page, "Open Web IDE").click();
  const editor = await opened;
  editor.setDefaultTimeout(60_000);
  await editor.locator(".monaco-workbench .part.statusbar").waitFor({ timeout: 120_000 });
  same(new URL(editor.url()).host.startsWith("ide--editor--owner."), true, "whether the IDE has an address of its own");
  await palette(editor, ">Terminal: Create New Terminal");
  await editor.locator(".terminal-wrapper .xterm-screen").click();
  await editor.keyboard.type("echo typed in the editor $((6 * 7)) > ~/note.txt\n", { delay: 5 });
  // The editor watches the directory: the file shows up by itself, and is opened.
  await palette(editor, ">Explorer: Focus on Folders View");
  await editor.locator(".explorer-folders-view .monaco-list-row", { hasText: "note.txt" }).click();
  await editor.locator(".monaco-editor .view-line", { hasText: /typed.in.the.editor.42/ }).waitFor();
  await editor.screenshot({ path: browser.path("ide") });
  await editor.close();
}

async function palette(editor, text) {
  const input = editor.locator(".quick-input-widget input").first();
  const row = editor.locator(".quick-input-list .monaco-list-row", { hasText: text.slice(1) }).first();
  // What it lists it knows when it is opened; an editor that has just started does not know all of its commands yet.
  await until(`the editor knows ${text}`, async () => {
    await editor.keyboard.press("F1");
    await input.waitFor();
    await input.fill(text);
    const known = await row.waitFor({ timeout: 3_000 }).then(() => true, () => false);
    if (!known) await editor.keyboard.press("Escape");
    return known;
  });
  await editor.keyboard.press("Enter");
}

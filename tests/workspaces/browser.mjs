// Drives Chromium as a person would. Usage: node browser.mjs STEP URL SCREENSHOT; prints one line of JSON with what it saw.
// PLAYWRIGHT is the directory that playwright-core is installed in.
import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.env.PLAYWRIGHT}/`)("playwright-core");
const SECONDS = 1000;

/** Opens the file note.txt in the IDE, edits and saves it, uses the terminal, and looks for AI and a gallery. */
async function ide(page, url) {
  await page.goto(url);
  await page.waitForSelector(".monaco-workbench .part.statusbar", { timeout: 60 * SECONDS });

  await palette(page, "Control+P", "note.txt");
  await page.waitForSelector(".quick-input-list .monaco-list-row:has-text('note.txt')", { timeout: 20 * SECONDS });
  await page.keyboard.press("Enter");
  await page.waitForSelector(".monaco-editor .view-line:has-text('written')", { timeout: 20 * SECONDS });
  await page.click(".monaco-editor .view-line");
  await page.keyboard.press("Control+End");
  await page.keyboard.type(" and edited in the browser");
  await page.keyboard.press("Control+S");

  await palette(page, "F1", ">Terminal: Create New Terminal");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".terminal-wrapper .xterm-screen", { timeout: 20 * SECONDS });
  await page.click(".terminal-wrapper .xterm-screen");
  await page.keyboard.type("echo from the terminal $((40 + 2)) > ide-terminal.txt\n", { delay: 10 });

  // The file made in the terminal shows up by itself: the editor watches the directory.
  await palette(page, "F1", ">Explorer: Focus on Folders View");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".explorer-folders-view .monaco-list-row:has-text('ide-terminal.txt')", { timeout: 20 * SECONDS });
  await page.screenshot({ path: shot });

  // "Chat:" is the category of everything that the editor's own AI offers.
  await palette(page, "F1", ">Chat:");
  await page.waitForTimeout(SECONDS);
  const commands = await page.locator(".quick-input-list .monaco-list-row").allInnerTexts();
  // The one command that is left would set the AI up: it has nothing to set up.
  await page.keyboard.press("Enter");
  await page.waitForTimeout(3 * SECONDS);
  const body = await page.innerText("body");
  return {
    chatCommands: commands.filter((line) => /^(chat|copilot|github copilot)\b/i.test(line.trim())),
    copilot: /copilot/i.test(body),
    chatViews: await page.locator(".chat-widget, .interactive-session, .agent-sessions-viewer").count(),
    galleryCommands: await matching(page, ">Extensions: Install Extensions"),
  };
}

/** Types into the browser terminal, reloads, and tells what the screen shows before and after. */
async function terminal(page, url) {
  await page.goto(url);
  const screen = await terminalReady(page);
  await screen.click();
  await page.keyboard.type("echo mark-$((40 + 2))\n", { delay: 10 });
  await page.waitForFunction(() => window.bailey?.text?.().includes("mark-42"), null, { timeout: 15 * SECONDS });
  const before = await page.evaluate(() => window.bailey.text());
  await page.reload();
  await terminalReady(page);
  await page.waitForFunction(() => window.bailey?.text?.().includes("mark-42"), null, { timeout: 15 * SECONDS });
  await page.waitForTimeout(SECONDS / 2);
  return { before, after: await page.evaluate(() => window.bailey.text()) };
}

async function terminalReady(page) {
  await page.waitForFunction(() => window.bailey?.text?.().trim().length > 0, null, { timeout: 20 * SECONDS });
  return page.locator("#terminal, .xterm-screen, pre, canvas").first();
}

async function palette(page, key, text) {
  await page.keyboard.press(key);
  await page.waitForSelector(".quick-input-widget input", { timeout: 10 * SECONDS });
  await page.keyboard.press("Control+A");
  await page.keyboard.type(text);
  await page.waitForTimeout(SECONDS / 2);
}

async function matching(page, text) {
  await palette(page, "F1", text);
  const rows = await page.locator(".quick-input-list .monaco-list-row").allInnerTexts();
  await page.keyboard.press("Escape");
  return rows;
}

const [step, url, shot] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error)));
try {
  const seen = await { ide, terminal }[step](page, url);
  await page.screenshot({ path: shot });
  console.log(JSON.stringify({ ...seen, complaints }));
} catch (error) {
  await page.screenshot({ path: shot }).catch(() => {});
  console.error(`${error}\n${complaints.join("\n")}\n${(await page.innerText("body").catch(() => "")).slice(0, 1000)}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

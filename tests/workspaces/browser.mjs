// Drives Chromium as a person would. Usage: node browser.mjs STEP URL DIRECTORY; the last line that it prints is JSON with
// what it saw. A line {"pause": NAME} waits until a line comes on standard input. Screenshots go to DIRECTORY.
// PLAYWRIGHT is the directory that playwright-core is installed in.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { chromium } = createRequire(`${process.env.PLAYWRIGHT}/`)("playwright-core");
const SECONDS = 1000;
const [step, url, directory] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const shot = (page, name) => page.screenshot({ path: `${directory}/${name}.png` });

async function pause(name) {
  console.log(JSON.stringify({ pause: name }));
  await lines.next();
}

/** Opens the file note.txt in the IDE, edits and saves it, uses the terminal, and looks for AI and a gallery. */
async function ide(page) {
  await page.goto(url);
  await page.waitForSelector(".monaco-workbench .part.statusbar", { timeout: 90 * SECONDS });

  await palette(page, "Control+P", "note.txt");
  await page.waitForSelector(".quick-input-list .monaco-list-row:has-text('note.txt')", { timeout: 30 * SECONDS });
  await page.keyboard.press("Enter");
  await page.waitForSelector(".monaco-editor .view-line:has-text('written')", { timeout: 30 * SECONDS });
  await page.click(".monaco-editor .view-line");
  await page.keyboard.press("Control+End");
  await page.keyboard.type(" and edited in the browser");
  await page.keyboard.press("Control+S");
  await page.waitForSelector(".tab.active:not(.dirty):has-text('note.txt')", { timeout: 30 * SECONDS });

  await palette(page, "F1", ">Terminal: Create New Terminal");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".terminal-wrapper .xterm-screen", { timeout: 30 * SECONDS });
  await page.click(".terminal-wrapper .xterm-screen");
  // What is typed before the shell runs is kept by the terminal.
  await page.keyboard.type("echo from the terminal $((40 + 2)) > ide-terminal.txt\n", { delay: 10 });

  // The file made in the terminal shows up by itself: the editor watches the directory.
  await palette(page, "F1", ">Explorer: Focus on Folders View");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".explorer-folders-view .monaco-list-row:has-text('ide-terminal.txt')", { timeout: 30 * SECONDS });
  await shot(page, "ide-edited");

  // "Chat:" is the category of everything that the editor's own AI offers.
  await palette(page, "F1", ">Chat:");
  await page.waitForTimeout(SECONDS);
  const commands = await page.locator(".quick-input-list .monaco-list-row").allInnerTexts();
  // The one command that is left would set the AI up: it has nothing to set up.
  await page.keyboard.press("Enter");
  await page.waitForTimeout(2 * SECONDS);
  const body = await page.innerText("body");
  const galleryCommands = await matching(page, ">Extensions: Install Extensions");
  await shot(page, "ide-without-ai");
  return {
    chatCommands: commands.filter((line) => /^(chat|copilot|github copilot)\b/i.test(line.trim())),
    copilot: /copilot/i.test(body),
    chatViews: await page.locator(".chat-widget, .interactive-session, .agent-sessions-viewer").count(),
    galleryCommands,
  };
}

async function palette(page, key, text) {
  await page.keyboard.press(key);
  await page.waitForSelector(".quick-input-widget input", { timeout: 20 * SECONDS });
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

/** The terminal's rows as text. */
const text = (page) => page.evaluate(rows).then((found) => found.map((row) => row.map(([c]) => c).join("").trimEnd()).join("\n").trimEnd());

/** The terminal's rows: each character with its colours and weight, the cursor left out, without empty ends of rows. */
function rows() {
  return [...document.querySelectorAll(".xterm-rows > div")].map((row) => {
    const cells = [];
    for (const span of row.querySelectorAll("span")) {
      const cursor = span.classList.contains("xterm-cursor");
      const style = getComputedStyle(span);
      const look = cursor ? "cursor" : `${style.color} ${style.backgroundColor} ${style.fontWeight} ${style.textDecorationLine}`;
      for (const c of span.textContent.replaceAll("\u00a0", " ")) cells.push([c, look]);
    }
    const plain = "rgba(0, 0, 0, 0)";
    while (cells.length && cells.at(-1)[0] === " " && (cells.at(-1)[1].includes(plain) || cells.at(-1)[1] === "cursor")) cells.pop();
    return cells;
  });
}

async function until(page, part, seconds = 20) {
  const deadline = Date.now() + seconds * SECONDS;
  const found = (screen) => (part instanceof RegExp ? part.test(screen) : screen.includes(part));
  while (!found(await text(page))) {
    if (Date.now() > deadline) throw new Error(`the terminal never shows ${part}:\n${await text(page)}`);
    await page.waitForTimeout(50);
  }
}

/** Waits until the screen has not changed for half a second, and gives it with its picture. */
async function settled(page, name) {
  let last;
  for (let same = 0; same < 5; ) {
    const now = JSON.stringify(await page.evaluate(rows));
    same = now === last ? same + 1 : 0;
    last = now;
    await page.waitForTimeout(100);
  }
  await shot(page, name);
  return { text: await text(page), cells: last };
}

const rowsOf = (screen) => JSON.parse(screen.cells).length;

const type = (page, keys) => page.keyboard.type(keys, { delay: 5 });

/** The page says by itself when it has a connection. */
const connected = (page) => page.waitForFunction(() => document.querySelector("#state").textContent === "", null, { timeout: 30 * SECONDS });

/** Types into the browser's terminal, reloads, opens a second viewer, resizes. */
async function terminal(page) {
  await page.goto(url);
  await until(page, "$");
  await type(page, "printf '\\033[1;31mred\\033[0m mark-%s \\342\\202\\254\\n' $((40 + 2))\n");
  await until(page, "mark-42 €");
  const before = await settled(page, "terminal-typed");
  await page.reload();
  await until(page, "mark-42 €");
  const after = await settled(page, "terminal-reloaded");
  // A second viewer with a smaller window sees the same. The terminal then has the smaller size for both, and its own again
  // when the second has gone.
  const second = await page.context().newPage();
  await second.setViewportSize({ width: 700, height: 500 });
  await second.goto(page.url());
  await until(second, "mark-42 €");
  await type(second, "clear; echo shared $(stty size)\n");
  await until(page, /^shared \d+ \d+\n/);
  const shared = [await settled(page, "terminal-shared"), await settled(second, "terminal-second")];
  await second.close();
  // Only then is the next size the new one.
  await page.waitForFunction((few) => document.querySelectorAll(".xterm-rows > div").length > few, rowsOf(shared[0]), { timeout: 10 * SECONDS });
  await type(page, "clear; echo alone $(stty size)\n");
  await until(page, /^alone \d+ \d+\n/);
  const alone = await settled(page, "terminal-alone");
  await type(page, "exit\n");
  await page.waitForFunction(() => document.querySelector("#state").textContent.includes("ended"), null, { timeout: 10 * SECONDS });
  return { before, after, shared, alone };
}

/** Edits in vim, over a reload, over kill -9 of the server, and over both. */
async function vim(page) {
  await page.goto(url);
  await until(page, "$");
  await type(page, "clear; vim -u NONE -N -n --cmd 'syntax on' --cmd 'set number' poem.c\n");
  await until(page, "~\n~");
  await type(page, 'i/* typed before */ int main(void) { return 42; }\nchar *s = "a string";');
  await until(page, "a string");
  const seen = { before: await settled(page, "vim-1-before") };

  await page.reload();
  await until(page, "a string");
  seen.reloaded = await settled(page, "vim-2-reloaded");
  await type(page, "\n// typed after the reload");
  await until(page, "after the reload");
  seen.typed = await settled(page, "vim-3-typed");

  await pause("kill");
  await connected(page);
  seen.killed = await settled(page, "vim-4-killed");
  await type(page, "\n// typed after kill -9");
  await until(page, "after kill -9");
  seen.more = await settled(page, "vim-5-typed");
  await page.reload();
  await until(page, "after kill -9");
  seen.again = await settled(page, "vim-6-reloaded");

  await page.keyboard.press("Escape");
  await type(page, ":wq\n");
  await until(page, "$");
  await shot(page, "vim-7-left");
  return seen;
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error)));
try {
  const seen = await { ide, terminal, vim }[step](page);
  console.log(JSON.stringify({ ...seen, complaints }));
} catch (error) {
  await shot(page, `${step}-failed`).catch(() => {});
  console.error(`${error}\n${complaints.join("\n")}\n${(await page.innerText("body").catch(() => "")).slice(0, 1000)}`);
  process.exitCode = 1;
} finally {
  await browser.close();
  process.stdin.destroy();
}

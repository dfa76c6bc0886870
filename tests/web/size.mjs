// How large the first page is, and when it can be used.
import { setTimeout as sleep } from "node:timers/promises";

const LARGEST = 300_000;
const ROUNDS = 5;

/** Opens a page in a browser that knows nothing yet; gives the bytes of JavaScript as they came, and when it could be used (ms). */
async function open(browser, path, heading, state) {
  const person = await browser.person({ viewport: { width: 1440, height: 900 } }, state);
  try {
    const { page } = person;
    // Can be used: the heading is painted and whatever is typed or clicked is answered in the next frame.
    await page.addInitScript(() => {
      const look = () => {
        if (document.querySelector("h1")) setTimeout(() => requestAnimationFrame(() => (window.usableAt = performance.now())), 0);
        else requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    });
    await page.goto(path);
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    await page.waitForFunction(() => window.usableAt !== undefined);
    // What the page loads besides comes at once or not at all.
    await page.waitForLoadState("networkidle");
    return await page.evaluate(() => {
      // A script of a line or less gets no smaller by being compressed.
      const scripts = performance.getEntriesByType("resource").filter((entry) => new URL(entry.name).pathname.endsWith(".js"));
      return { usable: window.usableAt, bytes: scripts.reduce((sum, entry) => sum + entry.encodedBodySize, 0), packed: scripts.every((entry) => entry.encodedBodySize < entry.decodedBodySize || entry.decodedBodySize < 100), files: scripts.length };
    });
  } finally {
    await person.context.close();
  }
}

async function measure(browser, path, heading, state) {
  const rounds = [];
  for (let i = 0; i < ROUNDS; i += 1) {
    rounds.push(await open(browser, path, heading, state));
    await sleep(200);
  }
  const [{ bytes, files }] = rounds;
  if (files === 0) throw new Error("the page loaded no script: there is nothing to measure");
  if (!rounds.every((round) => round.packed)) throw new Error("a script came uncompressed");
  if (bytes >= LARGEST) throw new Error(`${bytes} bytes of compressed JavaScript; at most ${LARGEST} are allowed`);
  const usable = rounds.map((round) => round.usable).sort((a, b) => a - b);
  return { note: `${(bytes / 1000).toFixed(1)} kB of compressed JavaScript in ${files} files; usable after ${usable[2].toFixed(0)} ms (${usable[0].toFixed(0)} to ${usable[4].toFixed(0)}, ${ROUNDS} cold starts)` };
}

export async function size({ browser, suite }) {
  const state = await browser.owner.context.storageState();
  await suite.step("the first page is small: signing in", () => measure(browser, "/sign-in", /^Sign in/));
  await suite.step("the first page is small: workspaces", () => measure(browser, "/workspaces", "Workspaces", state));
}

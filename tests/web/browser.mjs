// Chromium, and what is asked of every page.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

// Long, for machines that are busy with something else.
const TIMEOUT = 60_000;

/** The narrowest window in which pages are as on a desk and not yet as on a phone, with something to spare. */
const NARROW_DESK = 1024;

export class Browser {
  static async start(packages, server, out) {
    const require = createRequire(join(packages, "x.js"));
    const browser = new Browser();
    browser.server = server;
    browser.out = out;
    browser.axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
    browser.chromium = await require("playwright-core").chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
    browser.owner = await browser.person({ colorScheme: "light", viewport: { width: 1440, height: 900 } });
    return browser;
  }

  /** Somebody with a browser of their own. Whatever their pages complain about is kept. */
  async person(options, state) {
    const context = await this.chromium.newContext({ baseURL: this.server.app, ...options, ...(state ? { storageState: state } : {}) });
    context.setDefaultTimeout(TIMEOUT);
    const page = await context.newPage();
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      // The browser writes a line for each answer that is no success; whether one was due, the steps know.
      if (message.type() === "error" && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
    });
    return { context, page, complaints };
  }

  /** Until nothing moves any more, but for what turns for ever, and the text has stayed the same for a moment. */
  async settled(page) {
    let last;
    for (let same = 0; same < 4; ) {
      const { moves, now } = await page.evaluate(() => ({
        moves: document.getAnimations().some((each) => each.playState === "running" && each.effect?.getComputedTiming().iterations !== Infinity),
        now: `${document.body.innerText} ${document.documentElement.scrollHeight}`,
      }));
      same = now === last && !moves ? same + 1 : 0;
      last = now;
      await sleep(50);
    }
  }

  /** Holds a page to what holds for all: no complaint, nothing wider than the window, no serious violation. */
  async judge({ page, complaints }, name) {
    await this.settled(page);
    const wide = await this.tooWide(page);
    // What is under the mouse has changed meanwhile, and hints fade in.
    await this.settled(page);
    // The page's own policy lets no script in; the driver's way past it does not go through the page.
    const found = await page.evaluate(`${this.axe}; axe.run(document, { resultTypes: ["violations"] })`);
    const serious = found.violations.filter((violation) => violation.impact === "serious" || violation.impact === "critical");
    await page.screenshot({ path: this.path(name) });
    const faults = serious.map((violation) => `${violation.id}: ${violation.nodes.slice(0, 3).map((node) => `${node.target.join(" ")} (${node.any[0]?.message ?? node.failureSummary})`).join("; ")}`);
    faults.push(...wide);
    faults.push(...complaints.splice(0));
    if (faults.length > 0) throw new Error(`${name}:\n${faults.join("\n")}`);
  }

  /** What is wider than the window, or than the card that it is in; for desks, also in a window that is narrower than theirs. */
  async tooWide(page) {
    const size = page.viewportSize();
    const widths = size.width > NARROW_DESK ? [NARROW_DESK, size.width] : [size.width];
    const faults = [];
    for (const width of widths) {
      if (widths.length > 1) await page.setViewportSize({ ...size, width });
      const found = await page.evaluate(() => {
        const cards = [...document.querySelectorAll(".card")].filter((card) => card.scrollWidth > card.clientWidth + 1);
        const wide = cards.map((card) => `a card (${card.innerText.slice(0, 40)}) is ${card.scrollWidth - card.clientWidth} px narrower than what it holds`);
        const over = document.documentElement.scrollWidth - window.innerWidth;
        return over > 0 ? [...wide, `it is ${over} px wider than the window`] : wide;
      });
      faults.push(...found.map((fault) => `at ${width} px: ${fault}`));
    }
    return faults;
  }

  path(name) {
    return join(this.out, `${name}.png`);
  }

  /** Pictures of every page that is open, and what is in their address bars. */
  async pictures(name) {
    const pages = this.chromium.contexts().flatMap((context) => context.pages());
    await Promise.all(pages.map((page, i) => page.screenshot({ path: this.path(`failed-${name.replace(/[^a-z0-9]+/gi, "-")}-${i + 1}`), timeout: 10_000 }).catch(() => undefined)));
    return pages.map((page) => page.url()).join("\n");
  }

  /** A picture of the owner's page for the README. */
  async forReadme(name) {
    const { page } = this.owner;
    const before = page.viewportSize();
    await page.setViewportSize({ width: 1280, height: 800 });
    await this.settled(page);
    mkdirSync(join(this.out, "readme"), { recursive: true });
    await page.screenshot({ path: join(this.out, "readme", `${name}.png`) });
    await page.setViewportSize(before);
  }

  async stop() {
    await this.chromium.close();
  }
}

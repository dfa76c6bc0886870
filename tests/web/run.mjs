// The web app as people use it: a real server with its mock provider, real workspaces, Chromium.
// Usage: node run.mjs --binary BAILEY --packages DIR --out DIR [--app URL]
// --packages is where playwright-core and axe-core are installed, --out where pictures of all pages go. --app is where the pages
// come from, if not from the server itself: a development server that passes the API on.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { Browser } from "./browser.mjs";
import { journeys } from "./journeys.mjs";
import { everyPage } from "./pages.mjs";
import { Server } from "./server.mjs";

const { values } = parseArgs({ options: { binary: { type: "string" }, packages: { type: "string" }, out: { type: "string" }, app: { type: "string" } } });
mkdirSync(values.out, { recursive: true });
const scratch = mkdtempSync(join(tmpdir(), "bailey-web-"));
const server = await Server.start(values.binary, join(scratch, "data"), values.app);
/** What the steps tell each other: ids, secrets. */
const seen = {};
let passed = 0;
let failed = 0;
let skipped = 0;

async function step(name, run) {
  const began = Date.now();
  try {
    const reason = await run();
    if (typeof reason === "string") {
      skipped += 1;
      console.log(`skipped  ${name}: ${reason}`);
      return;
    }
    passed += 1;
    console.log(`ok       ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED   ${name}\n         ${String(error.stack ?? error).slice(0, 1500).replaceAll("\n", "\n         ")}`);
    await browser.picture(`failed-${name.replace(/[^a-z0-9]+/gi, "-")}`);
  }
}

let browser;
try {
  browser = await Browser.start(resolve(values.packages), server, resolve(values.out));
  for (const [name, run] of journeys) await step(name, () => run({ server, browser, seen }));
  await everyPage({ server, browser, seen, step });
} finally {
  await browser?.stop();
  await server.stop();
  rmSync(scratch, { recursive: true, force: true });
}
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 ? 1 : 0;

// The web app as people use it: a real server with its mock provider, real workspaces, Chromium.
// Usage: node run.mjs --binary BAILEY --packages DIR --out DIR --layers DIR [--app URL] [--only PART...]
// --packages is where package.json is installed, --out where pictures go, --layers where what templates install is kept. --app is
// where the pages come from, if not from the server itself: a development server that passes the API on. Parts: journey, sign-in, size, pages.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { Browser } from "./browser.mjs";
import { furnishing, journey } from "./journey.mjs";
import { everyPage } from "./pages.mjs";
import { Server } from "./server.mjs";
import { signIn } from "./sign_in.mjs";
import { size } from "./size.mjs";
import { Suite } from "./suite.mjs";

const text = { type: "string" };
const { values, positionals } = parseArgs({ options: { binary: text, packages: text, out: text, layers: text, app: text, only: { type: "boolean" } }, allowPositionals: true });
if (process.getuid() !== 0) {
  console.error("error: this suite needs root: its workspaces have homes with quotas");
  process.exit(1);
}
const wanted = (part) => !values.only || positionals.includes(part);
const out = resolve(values.out);
mkdirSync(out, { recursive: true });
const scratch = mkdtempSync(join(tmpdir(), "bailey-web-"));

// As a server without configuration has it, but for one answer that takes minutes.
const SCENARIO = `
rules:
  - match: { last_text: Tell me a long story }
    answer: { chunks: 2400, delay: { first: 100ms, between: 250ms }, text: "${"Once upon a time there was a fox. ".repeat(400)}" }
  - match: { model: "claude-opus*" }
    answer: { delay: { first: 900ms } }
  - match: { model: "claude-*" }
    answer: { delay: { first: 350ms } }
`;
writeFileSync(join(scratch, "scenarios.yaml"), SCENARIO);
const CONFIG = `
[providers.mock]
kind = "mock"
scenarios = "scenarios.yaml"

[[models]]
name = "*"
routes = [{ provider = "mock" }]
`;

const server = await Server.start({ binary: resolve(values.binary), directory: scratch, config: CONFIG, layers: resolve(values.layers), listen: process.env.BAILEY_TEST_LISTEN });
server.app = values.app ?? new URL(server.claim()).origin;
/** What the steps tell each other: ids, secrets. */
const seen = {};
let browser;
const suite = new Suite((name) => browser.pictures(name));
try {
  // Half a minute, where no run before has built it.
  seen.layer = server.cli("templates", "build", "web-ide");
  browser = await Browser.start(resolve(values.packages), server, out);
  const world = { server, browser, seen, suite, scratch, packages: resolve(values.packages), binary: resolve(values.binary) };
  if (wanted("journey")) await suite.inOrder(journey, world);
  else if (wanted("size") || wanted("pages")) await suite.inOrder(furnishing, world);
  if (wanted("sign-in")) await signIn(world);
  if (wanted("size")) await size(world);
  if (wanted("pages")) await everyPage(world);
} finally {
  seen.stream?.end();
  await browser?.stop();
  await server.stop();
  await seen.layer;
  rmSync(scratch, { recursive: true, force: true });
}
process.exitCode = suite.report();

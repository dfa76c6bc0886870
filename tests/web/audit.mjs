// The audit log: it has what the journey did, it is whole, and a row that is changed behind Bailey's back is named.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { button, field, go, same } from "./ui.mjs";

/** Sets the time of one row, by number, in the database as anybody could who may write the file; gives what it was. */
const CHANGE = `
import sqlite3, sys
path, writer, seq, at = sys.argv[1], bytes.fromhex(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
database = sqlite3.connect(path, timeout=60)
was = database.execute("SELECT at FROM audit_rows WHERE writer = ? AND seq = ?", (writer, seq)).fetchone()[0]
changed = database.execute("UPDATE audit_rows SET at = ? WHERE writer = ? AND seq = ?", (int(at) if at != "earlier" else was - 3_600_000_000, writer, seq)).rowcount
database.commit()
assert changed == 1, changed
print(was)
`;

function change(server, { writer, seq }, at) {
  const bytes = writer.replace(/^.*_/, "").replaceAll("-", "");
  return execFileSync("python3", ["-c", CHANGE, join(server.data, "bailey.db"), bytes, String(seq), String(at)], { encoding: "utf8" }).trim();
}

async function entries(server, query) {
  return (await server.api("GET", `/api/v1/audit?${new URLSearchParams({ limit: "200", ...query })}`)).items;
}

/** What the journey did is in the log, with who did it and what came of it. */
export async function recorded({ server, seen }) {
  const all = await entries(server, {});
  const did = new Set(all.filter((entry) => entry.outcome === "done").map((entry) => entry.action));
  const about = all.filter((entry) => entry.resource.id === seen.person);
  if (!about.some((entry) => /suspend/.test(entry.action) && entry.actor.person?.name === seen.name)) throw new Error(`the suspension is not in the log: ${JSON.stringify(about)}`);
  if (JSON.stringify(all).includes(seen.key)) throw new Error("a key is in the log");
  return { note: `${all.length} entries, ${did.size} different actions` };
}

async function verify(page) {
  await button(page, "Verify").click();
}

export async function whole({ browser }) {
  const { page } = browser.owner;
  await go(page, "Audit");
  await verify(page);
  await page.getByText("The log is whole").waitFor();
  await browser.judge(browser.owner, "audit-whole");
}

/** One row is changed by hand: the web app and the command line, the latter on an export alone, name exactly that row. */
export async function altered({ browser, server, seen, scratch }) {
  const { page } = browser.owner;
  const target = (await entries(server, {})).find((entry) => /suspend/.test(entry.action) && entry.resource.id === seen.person);
  const at = target.id.lastIndexOf(":");
  const row = { writer: target.id.slice(0, at), seq: Number(target.id.slice(at + 1)) };
  const was = change(server, row, "earlier");
  await verify(page);
  const title = `row ${row.seq} of ${row.writer} was altered`;
  await page.getByRole("alert").getByText(title).waitFor();
  await browser.forReadme("audit");
  await browser.judge(browser.owner, "audit-altered");

  const exported = await server.cli("audit", "export", "--format", "jsonl");
  same(exported.code, 0, "the exit code of bailey audit export");
  const path = join(scratch, "audit.jsonl");
  writeFileSync(path, exported.stdout);
  const offline = await server.cli("audit", "verify", path);
  if (offline.code === 0) throw new Error(`bailey audit verify finds nothing wrong:\n${offline.stdout}${offline.stderr}`);
  const said = offline.stdout + offline.stderr;
  if (!said.includes(row.writer) || !new RegExp(`\\b${row.seq}\\b`).test(said) || !/altered/.test(said)) throw new Error(`bailey audit verify does not name row ${target.id}:\n${said}`);

  // With its own time back, it is whole again: nothing else was wrong.
  change(server, row, was);
  await verify(page);
  await page.getByText("The log is whole").waitFor();
  return { note: title };
}

/** Somebody looks for what happened to a person. */
export async function search({ browser, seen }) {
  const { page } = browser.owner;
  await go(page, "Audit");
  await field(page, "Search").fill("grace");
  await page.keyboard.press("Enter");
  await page.getByRole("cell", { name: /suspend/ }).first().waitFor();
  await page.getByRole("row", { name: /suspend/ }).first().getByRole("link").click();
  await page.getByRole("heading", { level: 1, name: /suspend/ }).waitFor();
  await page.getByText(seen.name).first().waitFor();
}

// A server of its own, on a data directory of its own.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export class Server {
  static async start(binary, data, app) {
    const server = new Server();
    server.log = "";
    const environment = { PATH: process.env.PATH, HOME: data, BAILEY_LOG: "info" };
    server.process = spawn(binary, ["server", "--data-dir", data, "--listen", process.env.BAILEY_TEST_LISTEN ?? "127.0.0.1:0"], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [server.process.stdout, server.process.stderr]) stream.on("data", (chunk) => (server.log += chunk));
    const address = join(data, "address");
    for (let i = 0; i < 300 && !existsSync(address); i += 1) {
      if (server.process.exitCode !== null) throw new Error(`the server ended:\n${server.log}`);
      await sleep(100);
    }
    server.url = `http://${readFileSync(address, "utf8").trim()}`;
    server.app = app ?? server.url;
    server.token = execFileSync(binary, ["admin", "token", "create", "--user", "owner", "--data-dir", data], { env: environment, encoding: "utf8" }).trim();
    return server;
  }

  /** The path and secret of the link that claims the owner. */
  claim() {
    const found = /\/claim#\S+/.exec(this.log);
    if (!found) throw new Error(`the server printed no link:\n${this.log}`);
    return found[0];
  }

  async api(method, path, body, token = this.token) {
    const headers = { authorization: `Bearer ${token}`, ...(body ? { "content-type": "application/json" } : {}) };
    const response = await fetch(`${this.url}${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  /** One request at the model gate. */
  async ask(key, model, content = "Hello, Bailey.") {
    const response = await fetch(`${this.url}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": key, "anthropic-version": "2023-06-01", "content-type": "application/json" },
      body: JSON.stringify({ model, max_tokens: 100, messages: [{ role: "user", content }] }),
    });
    await response.text();
    return response.status;
  }

  /** Deletes the workspaces, so that nothing of them is left on the machine, and ends. */
  async stop() {
    try {
      const list = await this.api("GET", "/api/v1/workspaces");
      for (const { id } of list.items) await this.api("DELETE", `/api/v1/workspaces/${id}`);
      for (let i = 0; i < 300 && (await this.api("GET", "/api/v1/workspaces")).items.length > 0; i += 1) await sleep(100);
    } catch (error) {
      console.log(`the workspaces were not deleted: ${error.message}`);
    }
    this.process.kill("SIGTERM");
    for (let i = 0; i < 100 && this.process.exitCode === null; i += 1) await sleep(100);
    if (this.process.exitCode === null) this.process.kill("SIGKILL");
  }
}

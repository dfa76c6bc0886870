// A server of its own, on a data directory of its own.
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { until } from "./ui.mjs";

const execute = promisify(execFile);

// Passed to the server, for layers that are built behind a registry or a certificate authority of one's own.
const PASSED = ["NODE_EXTRA_CA_CERTS", "npm_config_registry", "npm_config_cafile", "SSL_CERT_FILE"];

export class Server {
  /** `config` is the text of its bailey.toml; `layers` a directory in which what templates install outlives it. */
  static async start({ binary, directory, config = "", layers, listen = "127.0.0.1:0" }) {
    const server = new Server();
    Object.assign(server, { binary, log: "", data: join(directory, "data") });
    mkdirSync(server.data, { recursive: true });
    if (layers) {
      mkdirSync(layers, { recursive: true });
      symlinkSync(layers, join(server.data, "layers"));
    }
    const passed = Object.fromEntries(PASSED.filter((name) => process.env[name]).map((name) => [name, process.env[name]]));
    server.environment = { PATH: process.env.PATH, HOME: directory, BAILEY_LOG: "info", ...passed };
    await server.run(config, listen);
    await until("the server has printed the link for its owner", () => /claim its owner/.test(server.log));
    server.token = await server.admin("token", "create", "--user", "owner");
    return server;
  }

  /** Starts the program, and waits until it answers. */
  async run(config, listen) {
    const directory = this.environment.HOME;
    writeFileSync(join(directory, "bailey.toml"), config);
    const address = join(this.data, "address");
    rmSync(address, { force: true });
    const flags = ["server", "--data-dir", this.data, "--listen", listen, "--config", join(directory, "bailey.toml")];
    this.process = spawn(this.binary, flags, { env: this.environment, cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on("data", (chunk) => (this.log += chunk));
    const up = async () => {
      if (this.process.exitCode !== null) throw new Error(`the server ended:\n${this.log}`);
      if (!existsSync(address)) return false;
      this.url = `http://${readFileSync(address, "utf8").trim()}`;
      return await fetch(`${this.url}/readyz`).then((answer) => answer.ok, () => false);
    };
    await until("the server answers", up);
  }

  /** Starts it again at the same address, with another configuration. */
  async restart(config) {
    await this.end();
    await this.run(config, new URL(this.url).host);
  }

  /** Asks it to end, and insists after a while. */
  async end() {
    this.process.kill("SIGTERM");
    await until("the server has ended", () => this.process.exitCode !== null || this.process.signalCode !== null, 20).catch(() => this.process.kill("SIGKILL"));
  }

  /** The link that the server printed for whoever claims the owner. */
  claim() {
    const found = /https?:\/\/\S+\/claim#\S+/.exec(this.log);
    if (!found) throw new Error(`the server printed no link:\n${this.log}`);
    return found[0];
  }

  /** The command line on the server's machine. */
  async admin(...words) {
    return (await execute(this.binary, ["admin", ...words, "--data-dir", this.data], { env: this.environment })).stdout.trim();
  }

  /** The command line as the owner, with their token. Gives what it printed and its exit code. */
  async cli(...words) {
    const env = { ...this.environment, BAILEY_URL: this.url, BAILEY_TOKEN: this.token };
    try {
      const { stdout, stderr } = await execute(this.binary, words, { env, maxBuffer: 64 * 1024 * 1024 });
      return { code: 0, stdout, stderr };
    } catch (error) {
      if (typeof error.code !== "number") throw error;
      return { code: error.code, stdout: error.stdout, stderr: error.stderr };
    }
  }

  async api(method, path, body, token = this.token) {
    const headers = { authorization: `Bearer ${token}`, ...(body ? { "content-type": "application/json" } : {}) };
    const response = await fetch(`${this.url}${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  /** The words of a request at the model gate for curl. */
  curl(key, { model, content, stream = false }) {
    const body = { model, max_tokens: stream ? 20_000 : 200, stream, messages: [{ role: "user", content }] };
    const headers = [`x-api-key: ${key}`, "anthropic-version: 2023-06-01", "content-type: application/json"].flatMap((line) => ["-H", line]);
    return ["--silent", "--show-error", "--no-buffer", ...headers, "--data", JSON.stringify(body), `${this.url}/v1/messages`];
  }

  /** One request at the model gate, made with curl; gives the answer. */
  async ask(key, model, content = "Hello, Bailey.") {
    const { stdout } = await execute("curl", ["--fail-with-body", ...this.curl(key, { model, content })]);
    return JSON.parse(stdout);
  }

  /** A streamed request of curl. `text()` is what came so far; `ended` says when it was over, and how. */
  stream(key, model, content) {
    const curl = spawn("curl", this.curl(key, { model, content, stream: true }), { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    for (const source of [curl.stdout, curl.stderr]) source.on("data", (chunk) => (text += chunk));
    const ended = new Promise((resolve) => curl.on("close", (code) => resolve({ at: Date.now(), code, text })));
    return { text: () => text, ended, end: () => curl.kill() };
  }

  /** Deletes the workspaces, so that nothing of them is left on the machine, and ends. */
  async stop() {
    try {
      const list = async () => (await this.api("GET", "/api/v1/workspaces?limit=200")).items;
      for (const { id } of await list()) await this.api("DELETE", `/api/v1/workspaces/${id}`);
      await until("the workspaces are deleted", async () => (await list()).length === 0);
    } catch (error) {
      console.log(`the workspaces were not deleted: ${error.message}`);
    }
    await this.end();
  }
}

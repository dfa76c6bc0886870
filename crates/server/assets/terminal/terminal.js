// A terminal of the workspace. Frames are those of bailey_api::frame; the server passes them on as they are.
import { Terminal } from "/.bailey/xterm.mjs";
import { FitAddon } from "/.bailey/addon-fit.mjs";

// Bytes shown before the terminal is told so. What it has not been told of, it holds back.
const ACKNOWLEDGED = 16 * 1024;
const MOST_INPUT = 16 * 1024;

const name = new URLSearchParams(location.search).get("name") ?? "main";
const state = document.getElementById("state");
const terminal = new Terminal({ cursorBlink: true, scrollback: 10000, fontFamily: "ui-monospace, monospace" });
const fit = new FitAddon();
terminal.loadAddon(fit);
terminal.open(document.getElementById("terminal"));
document.title = `${name} - ${location.hostname.split(".")[0].split("--")[1] ?? "terminal"}`;

// What this window has room for. The terminal itself has the size of its smallest viewer, and says so.
let room = { columns: 80, rows: 24 };

let socket = null;
let epoch = null; // of the terminal that is shown
let next = 0n; // the number of the first byte that has not come
let shown = 0n; // the number of the first byte that is not on the screen
let told = 0n;
let over = false;
let tries = 0;

const text = new TextEncoder();

function send(kind, ...parts) {
  if (socket?.readyState !== WebSocket.OPEN) return;
  socket.send(new Blob([kind, ...parts]));
}

function number(value) {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, value);
  return view.buffer;
}

/** Measures the window; says whether it has changed. */
function measure() {
  const found = fit.proposeDimensions();
  if (!found || !(found.cols > 0 && found.rows > 0)) return false;
  const changed = found.cols !== room.columns || found.rows !== room.rows;
  room = { columns: found.cols, rows: found.rows };
  return changed;
}

function tellRoom() {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, room.columns);
  view.setUint16(2, room.rows);
  send("Z", view.buffer);
}

function write(data, until) {
  terminal.write(data, () => {
    shown = until;
    if (shown - told >= ACKNOWLEDGED || shown === next) {
      told = shown;
      send("A", number(shown));
    }
  });
}

function frame(buffer) {
  const view = new DataView(buffer);
  const kind = String.fromCharCode(view.getUint8(0));
  if (kind === "O") {
    const at = view.getBigUint64(1);
    const data = new Uint8Array(buffer, 9);
    const until = at + BigInt(data.length);
    if (until <= next) return;
    const skip = at < next ? Number(next - at) : 0;
    next = until;
    write(data.subarray(skip), until);
  } else if (kind === "S") {
    epoch = view.getBigUint64(1);
    next = view.getBigUint64(9);
    told = next;
    terminal.reset();
    write(new Uint8Array(buffer, 17), next);
  } else if (kind === "Z") {
    terminal.resize(view.getUint16(1), view.getUint16(3));
  } else if (kind === "R") {
    epoch = view.getBigUint64(1);
  } else if (kind === "X") {
    over = true;
    state.textContent = `The program has ended with status ${view.getInt32(1)}. Reload this page for a new terminal.`;
  }
}

function connect() {
  const query = new URLSearchParams({ name, ...room });
  if (epoch !== null) {
    query.set("epoch", epoch);
    query.set("after", next);
  }
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/.bailey/terminal?${query}`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    state.textContent = "";
    tries = 0;
    // The window may have changed since the address was written.
    if (measure()) tellRoom();
  };
  socket.onmessage = (message) => frame(message.data);
  socket.onclose = retry;
}

async function retry() {
  if (over) return;
  state.textContent = "The connection is lost; connecting again …";
  // Full jitter, so that many pages do not come back at the same moment.
  const wait = Math.random() * Math.min(10000, 250 * 2 ** tries++);
  await new Promise((resolve) => setTimeout(resolve, wait));
  const answer = await fetch("/.bailey/session", { cache: "no-store" }).catch(() => null);
  if (answer?.status === 401) {
    state.textContent = "You are not signed in any more. Run `bailey open WORKSPACE` for a new link.";
    return;
  }
  connect();
}

terminal.onData((data) => {
  const bytes = text.encode(data);
  for (let at = 0; at < bytes.length; at += MOST_INPUT) send("I", bytes.slice(at, at + MOST_INPUT));
});
terminal.onBinary((data) => send("I", Uint8Array.from(data, (c) => c.charCodeAt(0))));
new ResizeObserver(() => measure() && tellRoom()).observe(document.getElementById("terminal"));
terminal.focus();
measure();
connect();

import "@xterm/xterm/css/xterm.css";

import { ActionIcon, Alert, Button, Group, Stack, Tabs, Text } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { useEffect, useRef, useState } from "react";

import type { Schemas } from "../../api/client";
import { Icon } from "../../components/icons";
import { Empty } from "../../components/page";
import { decode, encode, Viewer } from "../../lib/terminal";

type State = { kind: "connecting" } | { kind: "open" } | { kind: "lost" } | { kind: "over"; status: number };

const COLOURS = { background: "#16181d", foreground: "#dfe3ea", cursor: "#dfe3ea", selectionBackground: "#3b4a6b" };

/** Holds one terminal of a workspace in an element, and connects again when the connection is lost. */
function attach(element: HTMLElement, workspace: string, name: string, tell: (state: State) => void): () => void {
  const terminal = new Terminal({ cursorBlink: true, scrollback: 10_000, fontFamily: "ui-monospace, Menlo, Consolas, monospace", fontSize: 14, lineHeight: 1.15, theme: COLOURS, screenReaderMode: true });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(element);

  // What this page has room for. The terminal itself has the size of its smallest viewer, and says so.
  let room = { cols: 80, rows: 24 };
  /** Measures the page; says whether it has changed. */
  const measure = () => {
    const found = fit.proposeDimensions();
    if (!found || !(found.cols > 0 && found.rows > 0)) return false;
    const changed = found.cols !== room.cols || found.rows !== room.rows;
    room = found;
    return changed;
  };
  let socket: WebSocket | null = null;
  let closed = false;
  let tries = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const send = (bytes: Uint8Array<ArrayBuffer>) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(bytes);
  };
  const viewer = new Viewer(
    {
      write: (data, shown) => terminal.write(data, shown),
      reset: () => terminal.reset(),
      size: (columns, rows) => terminal.resize(columns, rows),
    },
    send,
  );
  const tellRoom = () => send(encode.size(room.cols, room.rows));

  const connect = () => {
    if (closed) return;
    tell({ kind: "connecting" });
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${window.location.host}/api/v1/workspaces/${workspace}/terminal?${viewer.query(name, room.cols, room.rows)}`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      tries = 0;
      tell({ kind: "open" });
      // The page may have changed since the address was written.
      if (measure()) tellRoom();
    };
    socket.onmessage = (message: MessageEvent<ArrayBuffer>) => {
      const frame = decode(message.data);
      const status = frame ? viewer.take(frame) : null;
      if (status !== null) {
        closed = true;
        tell({ kind: "over", status });
      }
    };
    socket.onclose = () => {
      if (closed) return;
      tell({ kind: "lost" });
      // Full jitter, so that many pages do not come back at the same moment.
      timer = setTimeout(connect, Math.random() * Math.min(10_000, 250 * 2 ** tries));
      tries += 1;
    };
  };

  const text = new TextEncoder();
  terminal.onData((data) => encode.input(text.encode(data)).forEach(send));
  terminal.onBinary((data) => encode.input(Uint8Array.from(data, (c) => c.charCodeAt(0))).forEach(send));
  // Tab belongs to the shell; Shift+Escape leads out for those who use the keyboard alone.
  terminal.attachCustomKeyEventHandler((event) => {
    if (event.key === "Escape" && event.shiftKey && event.type === "keydown") {
      element.closest<HTMLElement>("[role=tabpanel]")?.focus();
      return false;
    }
    return true;
  });
  const observer = new ResizeObserver(() => {
    if (measure()) tellRoom();
  });
  observer.observe(element);
  terminal.focus();
  measure();
  connect();
  return () => {
    closed = true;
    clearTimeout(timer);
    observer.disconnect();
    socket?.close();
    terminal.dispose();
  };
}

function Pane({ workspace, name }: { workspace: string; name: string }) {
  const element = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<State>({ kind: "connecting" });
  const [round, setRound] = useState(0);
  useEffect(() => (element.current ? attach(element.current, workspace, name, setState) : undefined), [workspace, name, round]);
  return (
    <Stack gap="xs">
      <div className="terminal" ref={element} data-terminal={name} />
      <div role="status">
        {state.kind === "lost" ? <Alert color="orange" variant="light" p="xs">The connection is lost; connecting again …</Alert> : null}
        {state.kind === "over" ? (
          <Alert color="gray" variant="light" p="xs">
            <Group><Text size="sm">The program has ended with status {state.status}.</Text><Button size="xs" variant="default" onClick={() => setRound(round + 1)}>New terminal</Button></Group>
          </Alert>
        ) : null}
      </div>
      <Text size="xs" c="dimmed">It goes on when this page is closed. Shift+Escape leads out of it.</Text>
    </Stack>
  );
}

/** Terminals of a workspace, side by side. Which there are is kept in this browser; what runs in them, in the workspace. */
export function Terminals({ workspace }: { workspace: Schemas["Workspace"] }) {
  const [names, setNames] = useLocalStorage<string[]>({ key: `bailey-terminals-${workspace.id}`, defaultValue: ["main"], getInitialValueInEffect: false });
  const [shown, setShown] = useState<string | null>(names[0] ?? "main");
  if (workspace.status !== "running") {
    return <Empty icon="terminal" title="It does not run">Start it, and its terminals open here.</Empty>;
  }
  const add = () => {
    let number = names.length + 1;
    while (names.includes(`tab-${number}`)) number += 1;
    setNames([...names, `tab-${number}`]);
    setShown(`tab-${number}`);
  };
  const close = (name: string) => {
    const rest = names.filter((each) => each !== name);
    setNames(rest.length > 0 ? rest : ["main"]);
    if (shown === name) setShown(rest[0] ?? "main");
  };
  const current = names.includes(shown ?? "") ? shown : (names[0] ?? "main");
  return (
    <Tabs value={current} onChange={setShown} variant="outline" keepMounted={false}>
      <Group gap="xs" mb="xs" wrap="nowrap">
        <Tabs.List style={{ flex: 1, overflowX: "auto", flexWrap: "nowrap" }} aria-label="Terminals">
          {names.map((name) => <Tabs.Tab key={name} value={name}>{name}</Tabs.Tab>)}
        </Tabs.List>
        <ActionIcon variant="default" aria-label="New terminal" onClick={add}><Icon name="plus" size={16} /></ActionIcon>
        {current && current !== "main" ? <ActionIcon variant="default" aria-label={`Take ${current} off this page`} onClick={() => close(current)}><Icon name="close" size={16} /></ActionIcon> : null}
      </Group>
      {names.map((name) => <Tabs.Panel key={name} value={name}><Pane workspace={workspace.id} name={name} /></Tabs.Panel>)}
    </Tabs>
  );
}

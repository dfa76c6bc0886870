// The viewer's side of a terminal: frames as `crates/api/src/frame.rs` has them, each one binary message.

/** Bytes shown before the terminal is told so. What it has not been told of, it holds back. */
const ACKNOWLEDGED = 16 * 1024;
const MOST_INPUT = 16 * 1024;

export type Frame =
  | { kind: "output"; at: bigint; data: Uint8Array }
  | { kind: "screen"; epoch: bigint; next: bigint; data: Uint8Array }
  | { kind: "resumed"; epoch: bigint }
  | { kind: "size"; columns: number; rows: number }
  | { kind: "exited"; status: number };

/** Reads a frame of the terminal; `null` = it is of a kind that is not known here. */
export function decode(buffer: ArrayBuffer): Frame | null {
  const view = new DataView(buffer);
  if (buffer.byteLength === 0) return null;
  try {
    switch (String.fromCharCode(view.getUint8(0))) {
      case "O":
        return { kind: "output", at: view.getBigUint64(1), data: new Uint8Array(buffer, 9) };
      case "S":
        return { kind: "screen", epoch: view.getBigUint64(1), next: view.getBigUint64(9), data: new Uint8Array(buffer, 17) };
      case "R":
        return { kind: "resumed", epoch: view.getBigUint64(1) };
      case "Z":
        return { kind: "size", columns: view.getUint16(1), rows: view.getUint16(3) };
      case "X":
        return { kind: "exited", status: view.getInt32(1) };
      default:
        return null;
    }
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function frame(kind: string, body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(1 + body.length);
  bytes[0] = kind.charCodeAt(0);
  bytes.set(body, 1);
  return bytes;
}

export const encode = {
  /** Input, in pieces that the terminal takes. */
  input(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
    const frames = [];
    for (let at = 0; at < bytes.length; at += MOST_INPUT) frames.push(frame("I", bytes.slice(at, at + MOST_INPUT)));
    return frames;
  },
  size(columns: number, rows: number): Uint8Array<ArrayBuffer> {
    const body = new Uint8Array(4);
    const view = new DataView(body.buffer);
    view.setUint16(0, columns);
    view.setUint16(2, rows);
    return frame("Z", body);
  },
  acknowledge(number: bigint): Uint8Array<ArrayBuffer> {
    const body = new Uint8Array(8);
    new DataView(body.buffer).setBigUint64(0, number);
    return frame("A", body);
  },
};

/** Where output goes: xterm.js, or a test. */
export interface Screen {
  /** Shows bytes, and calls back once they are shown. */
  write: (data: Uint8Array, shown: () => void) => void;
  /** Forgets everything that was shown. */
  reset: () => void;
  /** The size that the terminal has: the smallest of its viewers'. */
  size: (columns: number, rows: number) => void;
}

/** What has come and what was shown, so that nothing is missed or shown twice, over any number of connections. */
export class Viewer {
  private epoch: bigint | null = null;
  private next = 0n;
  private told = 0n;

  constructor(
    private readonly screen: Screen,
    private readonly send: (bytes: Uint8Array<ArrayBuffer>) => void,
  ) {}

  /** What a new connection asks for: only what is missing. */
  query(name: string, columns: number, rows: number): URLSearchParams {
    const query = new URLSearchParams({ name, columns: String(columns), rows: String(rows) });
    if (this.epoch !== null) {
      query.set("epoch", String(this.epoch));
      query.set("after", String(this.next));
    }
    return query;
  }

  /** Takes a frame in; answers with the exit status where the program has ended. */
  take(got: Frame): number | null {
    switch (got.kind) {
      case "output": {
        const until = got.at + BigInt(got.data.length);
        if (until <= this.next) return null;
        const skip = got.at < this.next ? Number(this.next - got.at) : 0;
        this.next = until;
        this.write(got.data.subarray(skip), until);
        return null;
      }
      case "screen":
        this.epoch = got.epoch;
        this.next = got.next;
        this.told = got.next;
        this.screen.reset();
        this.write(got.data, got.next);
        return null;
      case "resumed":
        this.epoch = got.epoch;
        return null;
      case "size":
        this.screen.size(got.columns, got.rows);
        return null;
      case "exited":
        return got.status;
    }
  }

  private write(data: Uint8Array, until: bigint) {
    this.screen.write(data, () => {
      if (until < this.told) return;
      if (until - this.told >= ACKNOWLEDGED || until === this.next) {
        this.told = until;
        this.send(encode.acknowledge(until));
      }
    });
  }
}

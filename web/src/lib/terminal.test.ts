import { expect, test } from "vitest";

import { decode, encode, type Frame, Viewer } from "./terminal";

function buffer(kind: string, ...parts: (bigint | string | [number, number])[]): ArrayBuffer {
  const bytes: number[] = [kind.charCodeAt(0)];
  for (const part of parts) {
    if (typeof part === "bigint") for (let shift = 56n; shift >= 0n; shift -= 8n) bytes.push(Number((part >> shift) & 255n));
    else if (typeof part === "string") bytes.push(...new TextEncoder().encode(part));
    else for (let i = part[1] - 1; i >= 0; i -= 1) bytes.push((part[0] >> (8 * i)) & 255);
  }
  return new Uint8Array(bytes).buffer;
}

test("frames are read as the server writes them", () => {
  expect(decode(buffer("O", 7n, "x"))).toEqual({ kind: "output", at: 7n, data: new Uint8Array([120]) });
  expect(decode(buffer("S", 1n, 2n, "y"))).toEqual({ kind: "screen", epoch: 1n, next: 2n, data: new Uint8Array([121]) });
  expect(decode(buffer("R", 3n))).toEqual({ kind: "resumed", epoch: 3n });
  expect(decode(buffer("Z", [80, 2], [24, 2]))).toEqual({ kind: "size", columns: 80, rows: 24 });
  expect(decode(buffer("X", [-1, 4]))).toEqual({ kind: "exited", status: -1 });
  for (const bad of [new ArrayBuffer(0), buffer("Q"), buffer("R", "short"), buffer("Z", [1, 2])]) expect(decode(bad)).toBeNull();
});

test("frames are written as the server reads them", () => {
  expect(encode.size(80, 24)).toEqual(new Uint8Array(buffer("Z", [80, 2], [24, 2])));
  expect(encode.acknowledge(9n)).toEqual(new Uint8Array(buffer("A", 9n)));
  const frames = encode.input(new Uint8Array(40_000));
  expect(frames.map((frame) => frame.length)).toEqual([16_385, 16_385, 7_233]);
});

test("nothing is shown twice or missed, and what was shown is told", () => {
  let shown = "";
  const sent: Uint8Array[] = [];
  const viewer = new Viewer(
    {
      write: (data, done) => {
        shown += new TextDecoder().decode(data);
        done();
      },
      reset: () => {
        shown = "";
      },
      size: () => undefined,
    },
    (bytes) => sent.push(bytes),
  );
  const text = (at: bigint, data: string): Frame => ({ kind: "output", at, data: new TextEncoder().encode(data) });
  expect(viewer.query("main", 80, 24).has("after")).toBe(false);
  viewer.take({ kind: "screen", epoch: 5n, next: 10n, data: new TextEncoder().encode("$ ") });
  viewer.take(text(10n, "ls"));
  viewer.take(text(10n, "ls"));
  viewer.take(text(11n, "s -l"));
  expect(shown).toBe("$ ls -l");
  const query = viewer.query("main", 80, 24);
  expect([query.get("epoch"), query.get("after")]).toEqual(["5", "15"]);
  expect(sent.at(-1)).toEqual(encode.acknowledge(15n));
  viewer.take({ kind: "screen", epoch: 6n, next: 3n, data: new TextEncoder().encode("new") });
  expect(shown).toBe("new");
  expect(viewer.take({ kind: "exited", status: 2 })).toBe(2);
});

import { expect, test } from "vitest";

import { delta, lines } from "./trial";

test("lines are whole wherever the bytes were cut", async () => {
  const text = new TextEncoder().encode("data: é\n\ndata: b\r\nlast");
  for (let size = 1; size < text.length; size += 1) {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < text.length; at += size) controller.enqueue(text.slice(at, at + size));
        controller.close();
      },
    });
    const found: string[] = [];
    for await (const line of lines(stream)) if (line) found.push(line);
    expect(found.join("|")).toBe("data: é|data: b|last");
  }
});

test("the text of an event is found, and an error in it is one", () => {
  expect(delta('data: {"choices":[{"delta":{"content":"hi"}}]}')).toBe("hi");
  expect(delta("data: [DONE]")).toBe("");
  expect(delta(": comment")).toBe("");
  expect(delta('data: {"choices":[]}')).toBe("");
  expect(() => delta('data: {"error":{"message":"over"}}')).toThrow("over");
});

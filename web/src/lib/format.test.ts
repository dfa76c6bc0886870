import { expect, test } from "vitest";

import { bytes, dollars, duration, relative, span, words } from "./format";

test("dollars keep what matters", () => {
  const cases: [number, string][] = [
    [0, "$0.00"],
    [0.00001, "< $0.0001"],
    [0.0002, "$0.0002"],
    [0.25, "$0.2500"],
    [5, "$5.00"],
    [1234.5, "$1,234.50"],
  ];
  for (const [value, text] of cases) expect(dollars(value)).toBe(text);
  expect(dollars({ usd: "0.25", nanos: 250_000_000 })).toBe("$0.2500");
});

test("sizes and times have the unit that reads best", () => {
  expect([bytes(512), bytes(2 ** 31), bytes(1536)]).toEqual(["512 B", "2 GiB", "1.5 KiB"]);
  expect([duration(142), duration(3_400), duration(1_500_000), duration(90_000_000)]).toEqual(["142 µs", "3 ms", "1.5 s", "1 min 30 s"]);
  const now = Date.parse("2026-11-25T12:00:00Z");
  expect(relative("2026-11-25T11:57:00Z", now)).toBe("3 min. ago");
  expect(relative("2026-11-27T12:00:00Z", now)).toBe("in 2 days");
  expect(relative("2026-11-25T11:59:58Z", now)).toBe("just now");
  expect(words("agent-write")).toBe("Agent write");
});

test("work is told in the units that read best", () => {
  expect([0, 59, 60, 3_599, 3_600, 7_260].map(span)).toEqual(["0 s", "59 s", "1 min", "1 h", "1 h", "2 h 1 min"]);
});

import { expect, test } from "vitest";

import { away, watch } from "./presence";

test("somebody is there until a minute after they last did something", () => {
  const page = new EventTarget();
  watch(page);
  page.dispatchEvent(new Event("keydown"));
  const now = Date.now();
  expect(away(now)).toBe(false);
  expect(away(now + 59_000)).toBe(false);
  expect(away(now + 61_000)).toBe(true);
  page.dispatchEvent(new Event("scroll"));
  expect(away(Date.now() + 61_000)).toBe(true);
});

import { expect, test } from "vitest";

import { merge, news } from "./tail";

const rows = (...ids: string[]) => ids.map((id) => ({ id, note: "" }));
const list = [{ items: rows("5", "4"), next_cursor: "a" }, { items: rows("3"), next_cursor: null }];

test("what is new stands in front, and what changed takes the old one's place", () => {
  const newest = { items: [{ id: "7", note: "" }, { id: "6", note: "" }, { id: "5", note: "changed" }], next_cursor: "b" };
  expect(news(list, newest)).toEqual({ fresh: rows("7", "6"), gap: false });
  const merged = merge(list, newest);
  expect(merged.flatMap((page) => page.items.map((row) => row.id))).toEqual(["7", "6", "5", "4", "3"]);
  expect(merged[0]?.items[2]?.note).toBe("changed");
  expect(merged[0]?.next_cursor).toBe("a");
});

test("where more came than was looked at, the list begins anew", () => {
  const newest = { items: rows("9", "8"), next_cursor: "c" };
  expect(news(list, newest).gap).toBe(true);
  expect(merge(list, newest)).toEqual([newest]);
});

test("the first rows of an empty list are no gap", () => {
  const newest = { items: rows("1"), next_cursor: null };
  expect(news([{ items: [], next_cursor: null }], newest)).toEqual({ fresh: rows("1"), gap: false });
  expect(merge([{ items: [], next_cursor: null }], newest)[0]?.items).toEqual(rows("1"));
  expect(merge(list, { items: [], next_cursor: null })).toEqual(list);
});

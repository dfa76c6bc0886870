import { expect, test } from "vitest";

import { clipped, diffLines, isDiff, replaced } from "./patch";

const diff = "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n same\n--- was a rule\n+++ is a rule\n end\n";

test("lines of a diff are told apart, also those that look like its heads", () => {
  expect(isDiff(diff)).toBe(true);
  expect(isDiff("- a list\n+ no diff")).toBe(false);
  expect(diffLines(diff).map((line) => line.kind)).toEqual(["file", "file", "file", "file", "hunk", "same", "remove", "add", "same"]);
  const two = diffLines(`${diff}diff --git a/y b/y\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n\\ No newline at end of file`);
  expect(two.slice(9).map((line) => line.kind)).toEqual(["file", "file", "file", "hunk", "remove", "add", "same"]);
});

test("what both texts begin and end with stays", () => {
  expect(replaced("a\nb\nc\n", "a\nB\nB\nc\n").map((line) => line.text)).toEqual([" a", "-b", "+B", "+B", " c"]);
  expect(replaced("", "new\n").map((line) => line.text)).toEqual(["+new"]);
  expect(replaced("a\na", "a").map((line) => line.text)).toEqual([" a", "-a"]);
});

test("of a long text a part is shown, and how much there is besides", () => {
  expect(clipped("a\nb\nc\nd\ne\n", 3, "both")).toEqual({ text: "a\n…\nd\ne", hidden: 2 });
  expect(clipped("a\nb\nc", 3, "both")).toEqual({ text: "a\nb\nc", hidden: 0 });
  expect(clipped("abcdefgh", 3, "both", 4)).toEqual({ text: "ab\n…\ngh", hidden: 1 });
  expect(clipped("a\nb\nc\n", 2, "tail")).toEqual({ text: "b\nc", hidden: 1 });
  expect(clipped("a\nb", 2, "tail")).toEqual({ text: "a\nb", hidden: 0 });
  expect(clipped("x".repeat(9), 5, "tail", 4)).toEqual({ text: "xxxx", hidden: 1 });
});

import { expect, test } from "vitest";

import { changed, fields } from "./diff";

test("each field is told before and after", () => {
  const before = { name: "dev", quota: { cpus: 2, disk: null }, models: ["a", "b"] };
  const after = { name: "dev", quota: { cpus: 4 }, models: ["a"], note: "" };
  expect(fields(before, after)).toEqual([
    { path: "name", before: "dev", after: "dev" },
    { path: "quota.cpus", before: "2", after: "4" },
    { path: "quota.disk", before: "null", after: undefined },
    { path: "models", before: '["a","b"]', after: '["a"]' },
    { path: "note", before: undefined, after: "" },
  ]);
  expect(fields(before, after).filter(changed).map((each) => each.path)).toEqual(["quota.cpus", "quota.disk", "models", "note"]);
});

test("what was made has nothing before, and what is gone nothing after", () => {
  expect(fields(null, { a: [{ b: 1 }] })).toEqual([{ path: "a[0].b", before: undefined, after: "1" }]);
  expect(fields({ a: true }, undefined)).toEqual([{ path: "a", before: "true", after: undefined }]);
  expect(fields(null, null)).toEqual([]);
});

import { expect, test } from "vitest";

import type { Definition } from "./parameters";
import { asks, fits, given } from "./task";

function parameter(name: string, more: Partial<Definition> = {}): Definition {
  return { name, display_name: name, description: "", type: "string", options: [], mutable: true, form: "input", ...more };
}

const scope = parameter("scope", { min: 1 });
const depth = parameter("depth", { type: "number", default: 2, max: 3 });
const paths = parameter("paths", { type: "list", default: [] });

test("only what is not the default anyway is sent", () => {
  expect(given([scope, depth, paths], { scope: "all", depth: 2, paths: [] })).toEqual({ scope: "all" });
  expect(given([scope, depth, paths], { scope: "all", depth: 3, paths: ["a"] })).toEqual({ scope: "all", depth: 3, paths: ["a"] });
  // An empty text is a value, too, where there is no default.
  expect(given([scope], { scope: "" })).toEqual({ scope: "" });
});

test("a task runs once its values are valid", () => {
  expect(fits([], {})).toBe(true);
  expect(fits([scope, depth], { depth: 2 })).toBe(false);
  expect(fits([scope, depth], { scope: "all", depth: 4 })).toBe(false);
  expect(fits([scope, depth], { scope: "all", depth: 3 })).toBe(true);
});

test("what a task asks is said in words", () => {
  expect(asks({ parameters: [] })).toBe("Asks nothing");
  expect(asks({ parameters: [scope] })).toBe("Asks: scope");
  expect(asks({ parameters: [scope, depth, paths] })).toBe("Asks: scope, depth and paths");
});

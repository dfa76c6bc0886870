import { expect, test } from "vitest";

import cases from "../../../crates/core/src/template/parameter/cases.json";
import { checkValue, checkValues, type Definition, initial, type Value } from "./parameters";
import { compile } from "./regex";

/** A definition with what a case does not say filled in, as the server's test does. */
function definition(part: object): Definition {
  const whole: Definition = { name: "p", display_name: "p", description: "", type: "string", options: [], mutable: true, form: "input" };
  return Object.assign(whole, part);
}

test.each(cases)("$about", ({ definition: part, former, good, bad }) => {
  const defined = definition(part);
  for (const value of good) expect([value, checkValue(defined, value as Value, former as Value | undefined)]).toEqual([value, null]);
  for (const [value, said] of bad) expect([value, checkValue(defined, value as Value, former as Value | undefined)]).toEqual([value, said]);
});

test("every expression of the table can be checked here", () => {
  for (const { definition: part } of cases) if ("regex" in part) expect(compile(part.regex as string)).toBeInstanceOf(RegExp);
});

test("what means something else here is left to the server", () => {
  for (const pattern of ["(?x) a b", "\\bword\\b", "[a-z&&[^b]]", "[[:alpha:]]+", "(?m)^a$", "a)|(b", "\\p{^Greek}", "(?i:a)b", "\\<word"]) {
    expect([pattern, compile(pattern)]).toEqual([pattern, null]);
  }
});

test("classes, dots and ends mean what they mean on the server", () => {
  expect(compile("a.b")?.test("a\rb")).toBe(true);
  expect(compile("a.b")?.test("a\nb")).toBe(false);
  expect(compile("(?s)a.b")?.test("a\nb")).toBe(true);
  expect(compile("\\s")?.test("\ufeff")).toBe(false);
  expect(compile("a$")?.test("a\n")).toBe(false);
  expect(compile("\\Aab\\z")?.test("ab")).toBe(true);
  expect(compile("[]a]+")?.test("]a")).toBe(true);
  expect(compile("[^/]+/[^/]+")?.test("a/b")).toBe(true);
  expect(compile("\\x41\\x{42}\\u{43}")?.test("ABC")).toBe(true);
});

test("a form begins with preset, former value and default, in this order, and tells all faults", () => {
  const definitions = [definition({ name: "a", default: "x" }), definition({ name: "b", type: "number", min: 3 }), definition({ name: "c", type: "bool" })];
  expect(initial(definitions, { b: 5 }, { a: "kept", b: 4 })).toEqual({ a: "kept", b: 5 });
  expect(checkValues(definitions, { a: "x", b: 2 })).toEqual({ b: "must be at least 3", c: "needs a value" });
});

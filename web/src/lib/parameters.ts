// What is a valid value of a parameter: the same rules, in the same words, as `crates/core/src/template/parameter.rs`.
// Both are tested with `crates/core/src/template/parameter/cases.json`.

import { compile } from "./regex";

export type Value = boolean | number | string | string[];

export interface Definition {
  name: string;
  display_name: string;
  description: string;
  type: "string" | "number" | "bool" | "list";
  default?: Value | null;
  options: { value: Value; name: string; description: string }[];
  min?: number | null;
  max?: number | null;
  step?: number | null;
  monotonic?: "increasing" | "decreasing" | null;
  regex?: string | null;
  error?: string | null;
  mutable: boolean;
  form: "slider" | "dropdown" | "radio" | "switch" | "input" | "textarea";
}

const LARGEST = 2 ** 53;
/** Bytes of a text, and of all texts of a list together. */
const LONGEST = 8 * 1024;
const SHOWN = 80;

const size = (text: string) => new TextEncoder().encode(text).length;

/** A value as text, the way it is put into a template. */
export function text(value: Value): string {
  return Array.isArray(value) ? value.join(",") : String(value === 0 ? 0 : value);
}

/** A text as it is put into a sentence: on one line, and not too long. */
function shown(value: string): string {
  const characters = [...value];
  const start = JSON.stringify(characters.slice(0, SHOWN).join("")).slice(1, -1).replaceAll("'", "\\'");
  return characters.length > SHOWN ? `${start}…` : start;
}

export function same(a: Value, b: Value): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((x, i) => x === b[i]);
  return a === b;
}

/** What is wrong with a value, to be read after the parameter's name; `null` = nothing. `former` is what it was before. */
export function checkValue(definition: Definition, value: Value, former?: Value): string | null {
  const wrong = byItself(definition, value);
  if (wrong) return wrong;
  if (former === undefined || same(former, value)) return null;
  // A former value that the definition does not allow any more would otherwise hold the workspace for ever.
  if (!definition.mutable && byItself(definition, former) === null) {
    return `cannot be changed: it is \`${shown(text(former))}\` for good`;
  }
  if (typeof value !== "number" || typeof former !== "number") return null;
  if (definition.monotonic === "increasing" && value < former) return `can only grow, and was ${text(former)}`;
  if (definition.monotonic === "decreasing" && value > former) return `can only shrink, and was ${text(former)}`;
  return null;
}

function byItself(definition: Definition, value: Value): string | null {
  switch (definition.type) {
    case "bool":
      return typeof value === "boolean" ? null : "must be true or false";
    case "number":
      if (typeof value !== "number") return "must be a number";
      return checkNumber(definition, value) ?? oneOf(definition, value);
    case "string":
      if (typeof value !== "string") return "must be a text";
      return within(definition, [...value].length, "characters") ?? checkText(definition, value) ?? oneOf(definition, value);
    case "list":
      return Array.isArray(value) ? checkList(definition, value) : "must be a list of texts";
  }
}

function checkList(definition: Definition, list: string[]): string | null {
  const count = within(definition, list.length, "elements");
  if (count) return count;
  if (list.reduce((sum, element) => sum + size(element), 0) > LONGEST || list.length > 1_000) {
    return `is longer than ${LONGEST} bytes or 1000 elements`;
  }
  for (const [i, element] of list.entries()) {
    const wrong = checkText(definition, element);
    if (wrong) return wrong;
    if (list.indexOf(element) < i && definition.options.length > 0) return `has \`${shown(element)}\` twice`;
    const choice = oneOf(definition, element);
    if (choice) return choice;
  }
  return null;
}

function checkNumber(definition: Definition, value: number): string | null {
  const { min, max, step } = definition;
  if (!Number.isFinite(value) || Math.abs(value) > LARGEST) return "must be a number between -2^53 and 2^53";
  if (min != null && value < min) return `must be at least ${text(min)}`;
  if (max != null && value > max) return `must be at most ${text(max)}`;
  if (step != null) {
    const from = min ?? 0;
    const steps = (value - from) / step;
    // Decimal fractions are not exact, so neither is the division.
    if (Math.abs(steps - Math.round(steps)) > 1e-9 * Math.max(Math.abs(steps), 1)) {
      return `must be ${text(from)} or a number of steps of ${text(step)} from it`;
    }
  }
  return null;
}

function checkText(definition: Definition, value: string): string | null {
  if (size(value) > LONGEST) return `is longer than ${LONGEST} bytes`;
  const lines = definition.form === "textarea";
  for (const c of value) {
    if (/\p{Cc}/u.test(c) && !(lines && (c === "\n" || c === "\t"))) {
      return `must not have the character \\u{${(c.codePointAt(0) ?? 0).toString(16)}} in it`;
    }
  }
  if (definition.regex == null) return null;
  const expression = compile(definition.regex);
  if (expression === null || expression.test(value)) return null;
  return definition.error != null ? `is not valid: ${definition.error}` : `must match \`${definition.regex}\` as a whole`;
}

function within(definition: Definition, count: number, unit: string): string | null {
  if (definition.min != null && count < definition.min) return `must have at least ${text(definition.min)} ${unit}`;
  if (definition.max != null && count > definition.max) return `must have at most ${text(definition.max)} ${unit}`;
  return null;
}

function oneOf(definition: Definition, value: Value): string | null {
  if (definition.options.length === 0 || definition.options.some((option) => same(option.value, value))) return null;
  return `must be one of ${definition.options.map((option) => `\`${text(option.value)}\``).join(", ")}`;
}

/** What a form begins with: the former values, then the preset's, then the defaults. */
export function initial(definitions: Definition[], preset: Record<string, Value>, former: Record<string, Value> = {}): Record<string, Value> {
  const values: Record<string, Value> = {};
  for (const definition of definitions) {
    const value = preset[definition.name] ?? former[definition.name] ?? definition.default;
    if (value != null) values[definition.name] = value;
  }
  return values;
}

/** All faults of a form, by the parameter's name. */
export function checkValues(definitions: Definition[], values: Record<string, Value>, former: Record<string, Value> = {}): Record<string, string> {
  const faults: Record<string, string> = {};
  for (const definition of definitions) {
    const value = values[definition.name];
    const wrong = value === undefined ? "needs a value" : checkValue(definition, value, former[definition.name]);
    if (wrong) faults[definition.name] = wrong;
  }
  return faults;
}

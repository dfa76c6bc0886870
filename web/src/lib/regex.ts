// Expressions of templates are written for the server's engine (Rust's `regex`). This translates them to the browser's
// as far as both mean the same, so that a value can be checked while it is typed. Where that is not certain the answer is
// `null`, and the server alone decides.

const CLASSES: Record<string, string> = {
  d: "\\p{Nd}",
  D: "\\P{Nd}",
  s: "\\p{White_Space}",
  S: "\\P{White_Space}",
};
const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
const SYNTAX = "^$\\.*+?()[]{}|/";

/** What follows a backslash: the translation and how many characters were used, or `null`. */
function escape(rest: string, inClass: boolean): [string, number] | null {
  const c = rest.charAt(0);
  const known = CLASSES[c];
  if (known) return [known, 1];
  if (c === "w") return [inClass ? WORD : `[${WORD}]`, 1];
  if (c === "W" && !inClass) return [`[^${WORD}]`, 1];
  if (c === "A" && !inClass) return ["(?<![\\s\\S])", 1];
  if (c === "z" && !inClass) return ["(?![\\s\\S])", 1];
  if ("nrtfv".includes(c) && c !== "") return [`\\${c}`, 1];
  const hex = /^(?:x([0-9A-Fa-f]{2})|[xu]\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4}))/.exec(rest);
  if (hex) return [`\\u{${hex[1] ?? hex[2] ?? hex[3]}}`, hex[0].length];
  const property = /^[pP](?:\{\^?[A-Za-z_=]+\}|[A-Z])/.exec(rest);
  if (property && !property[0].includes("^")) {
    const name = property[0].slice(1);
    return [`\\${c}${name.startsWith("{") ? name : `{${name}}`}`, property[0].length];
  }
  if (/[!-/:-@[-`{-~]/.test(c) && !"<>".includes(c)) {
    return [SYNTAX.includes(c) || (inClass && c === "-") ? `\\${c}` : c, 1];
  }
  return null;
}

/** A class, from after its `[`: the translation and how many characters were used, or `null`. */
function characterClass(rest: string): [string, number] | null {
  let at = 0;
  let out = "[";
  if (rest.startsWith("^")) {
    out += "^";
    at = 1;
  }
  // A bracket that comes first stands for itself.
  if (rest[at] === "]") {
    out += "\\]";
    at += 1;
  }
  while (at < rest.length) {
    const c = rest.charAt(at);
    if (c === "]") return [`${out}]`, at + 1];
    // Nested classes and set operations have another meaning here, or none.
    if (c === "[" || /^(?:&&|--|~~)/.test(rest.slice(at))) return null;
    if (c === "\\") {
      const escaped = escape(rest.slice(at + 1), true);
      if (!escaped) return null;
      out += escaped[0];
      at += 1 + escaped[1];
    } else {
      out += "^$.*+?(){}|/".includes(c) ? `\\${c}` : c;
      at += 1;
    }
  }
  return null;
}

function translate(pattern: string, dot: string): string | null {
  let out = "";
  let at = 0;
  while (at < pattern.length) {
    const rest = pattern.slice(at + 1);
    const c = pattern.charAt(at);
    let step: [string, number] | null = [c, 0];
    if (c === "\\") step = escape(rest, false);
    else if (c === "[") step = characterClass(rest);
    else if (c === ".") step = [dot, 0];
    else if (c === "/") step = ["\\/", 0];
    else if (c === "(" && rest.startsWith("?")) {
      const group = /^\?(?::|P?<([A-Za-z_][A-Za-z0-9_]*)>)/.exec(rest);
      step = group ? [group[1] ? `(?<${group[1]}>` : "(?:", group[0].length] : null;
    }
    if (!step) return null;
    out += step[0];
    at += 1 + step[1];
  }
  return out;
}

/** An expression that must match as a whole; `null` = only the server can tell. */
export function compile(pattern: string): RegExp | null {
  const leading = /^\(\?([ims]+)\)/.exec(pattern);
  const flags = leading?.[1] ?? "";
  const translated = translate(pattern.slice(leading?.[0].length ?? 0), flags.includes("s") ? "[\\s\\S]" : "[^\\n]");
  // With `m`, `^` and `$` mean line ends of another kind here.
  if (translated === null || flags.includes("m")) return null;
  const kind = flags.includes("i") ? "iu" : "u";
  try {
    // On its own first: `a)|(b` is none, though it would be one between the parentheses.
    new RegExp(translated, kind);
    return new RegExp(`^(?:${translated})$`, kind);
  } catch {
    return null;
  }
}

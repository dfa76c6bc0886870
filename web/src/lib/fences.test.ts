import { expect, test } from "vitest";

import { pieces } from "./fences";

test("paragraphs and code are told apart", () => {
  expect(pieces("One\ntwo.\n\nThree:\n```rust\nfn a() {}\n\nlet b;\n```\nFour")).toEqual([
    { kind: "text", text: "One\ntwo." },
    { kind: "text", text: "Three:" },
    { kind: "code", language: "rust", text: "fn a() {}\n\nlet b;" },
    { kind: "text", text: "Four" },
  ]);
});

test("a fence that is still open is code to the end", () => {
  expect(pieces("See\n```\nhalf a li")).toEqual([{ kind: "text", text: "See" }, { kind: "code", language: "", text: "half a li" }]);
  expect(pieces("```")).toEqual([{ kind: "code", language: "", text: "" }]);
});

test("a fence is closed by its own kind, as long or longer", () => {
  expect(pieces("````md\n```\ninner\n```\n````")).toEqual([{ kind: "code", language: "md", text: "```\ninner\n```" }]);
  expect(pieces("~~~\n```\n~~~~\nout")).toEqual([{ kind: "code", language: "", text: "```" }, { kind: "text", text: "out" }]);
  expect(pieces("```\n``` not the end\n```")).toEqual([{ kind: "code", language: "", text: "``` not the end" }]);
});

test("what only looks like a fence is text, and so is markup", () => {
  expect(pieces("```inline``` code")).toEqual([{ kind: "text", text: "```inline``` code" }]);
  expect(pieces("    ```\n<script>alert(1)</script>")).toEqual([{ kind: "text", text: "    ```\n<script>alert(1)</script>" }]);
});

test("whatever has come so far, no line of it is lost", () => {
  const text = "a\n\n```js\nb\n```\n~~~\nc\n";
  for (let end = 0; end <= text.length; end += 1) {
    const shown = pieces(text.slice(0, end)).map((piece) => piece.text).join("\n");
    for (const letter of ["a", "b", "c"].filter((each) => text.slice(0, end).includes(each))) expect(shown).toContain(letter);
  }
});

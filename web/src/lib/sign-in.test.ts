import { expect, test } from "vitest";

import { signInProblem } from "./sign-in";

test("a code from the address is told in words, and nothing else from there is shown", () => {
  expect(signInProblem(undefined)).toBeNull();
  expect(signInProblem("<b>x</b>")).toBeNull();
  expect(signInProblem("Your account is locked, call 555-0100")).toBeNull();
  expect(signInProblem("person_suspended")?.title).toBe("You are suspended");
  expect(signInProblem("something_new")).toMatchObject({ type: "/errors/something_new", title: "You are not signed in" });
});

import { expect, test } from "vitest";

import { linkProblem, signInProblem } from "./sign-in";

test("a code from the address is told in words, and nothing else from there is shown", () => {
  expect(signInProblem(undefined)).toBeNull();
  expect(signInProblem("<b>x</b>")).toBeNull();
  expect(signInProblem("Your account is locked, call 555-0100")).toBeNull();
  expect(signInProblem("person_suspended")?.title).toBe("You are suspended");
  expect(signInProblem("something_new")).toMatchObject({ type: "/errors/something_new", title: "You are not signed in" });
});

test("why an account was not linked is told in words of its own", () => {
  expect(linkProblem(undefined)).toBeNull();
  expect(linkProblem("<b>x</b>")).toBeNull();
  expect(linkProblem("external_account_taken")?.title).toBe("This account is linked already");
  expect(linkProblem("something_new")).toMatchObject({ type: "/errors/something_new", title: "No account is linked" });
});

import { expect, test } from "vitest";

import { linkToken, returnPath } from "./return";

test("nobody is sent to another site", () => {
  for (const good of ["/", "/workspaces/ws_1?tab=terminal", "/requests?since=24h"]) expect(returnPath(good)).toBe(good);
  for (const bad of [undefined, "", "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil.example", "workspaces", "/sign-in?return=/sign-in"]) {
    expect([bad, returnPath(bad)]).toEqual([bad, "/"]);
  }
});

test("the token of a link is what comes after #", () => {
  expect(linkToken("#bly_claim_1")).toBe("bly_claim_1");
  expect(linkToken("")).toBe("");
});

import { expect, test } from "vitest";

import { callback, linkToken, returnPath } from "./return";

test("nobody is sent to another site", () => {
  for (const good of ["/", "/workspaces/ws_1?tab=terminal", "/requests?since=24h"]) expect(returnPath(good)).toBe(good);
  for (const bad of [undefined, "", "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil.example", "workspaces", "/sign-in?return=/sign-in", "/auth/github/start?link=true", "/api/v1/me"]) {
    expect([bad, returnPath(bad)]).toEqual([bad, "/"]);
  }
});

test("the token of a link is what comes after #", () => {
  expect(linkToken("#bly_claim_1")).toBe("bly_claim_1");
  expect(linkToken("")).toBe("");
});

test("a code goes to a port of this machine, and nowhere else", () => {
  expect(callback("4321", "a b", "s&t")).toBe("http://127.0.0.1:4321/?code=a+b&state=s%26t");
  for (const bad of [undefined, "", "0", "65536", "80@evil.example", "80/", "1e3", " 80"]) expect([bad, callback(bad, "c", "s")]).toEqual([bad, null]);
  expect(callback("80", "c", undefined)).toBeNull();
});

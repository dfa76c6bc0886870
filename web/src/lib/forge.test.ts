import { expect, test } from "vitest";

import { branchPage, providerLines, providersOf, ticketPage } from "./forge";

const gitlab = { kind: "gitlab", base_url: "https://gitlab.example.com/" };

test("tickets and branches have pages at their forge", () => {
  expect(ticketPage(gitlab, "group/shop", 12)).toBe("https://gitlab.example.com/group/shop/-/issues/12");
  expect(branchPage(gitlab, "group/shop", "bailey/ticket-12")).toBe("https://gitlab.example.com/group/shop/-/tree/bailey/ticket-12");
  expect(branchPage(gitlab, "a?b", "x#y")).toBe("https://gitlab.example.com/a%3Fb/-/tree/x%23y");
});

test("nothing leads to what is no web address, or to a forge that is not known", () => {
  expect(ticketPage({ kind: "gitlab", base_url: "javascript:alert(1)" }, "a", 1)).toBeNull();
  expect(ticketPage({ kind: "other", base_url: "https://x.example" }, "a", 1)).toBeNull();
});

test("identity providers are typed as pairs", () => {
  expect(providersOf(["openid_connect=corp", " saml = other "])).toEqual({ openid_connect: "corp", saml: "other" });
  expect(providersOf([])).toEqual({});
  for (const bad of ["corp", "=corp", "a=", "a=b=c"]) expect(providersOf([bad])).toBeNull();
  expect(providersOf(providerLines({ a: "b" }))).toEqual({ a: "b" });
});

import type { Problem } from "../api/client";

/** What a failed sign-in at a provider comes back with, in words. What is not listed has a page of its own at `/errors`. */
const texts: Record<string, [title: string, detail: string]> = {
  provider_unreachable: ["The identity provider does not answer", "Nothing is wrong with your account. Try again in a moment; if it stays so, whoever runs Bailey has to look at the provider."],
  provider_refused: ["The identity provider refused", "You cancelled there, or it does not let you in. Try again, and allow Bailey to know who you are."],
  sign_in_expired: ["That took too long", "The way to the provider and back is good for some minutes. Begin again."],
  identity_unknown: ["Nobody here has this account", "Sign-up is closed. Ask an administrator for an invitation, or sign in another way and link this account in your profile."],
  not_allowed: ["This account is not let in", "Its domain, group or organization is not on the list of those who may sign in. An administrator can change that."],
  person_suspended: ["You are suspended", "An administrator has suspended you. Nothing of yours is deleted; ask them."],
};

/** The problem that `/sign-in?error=CODE` stands for; `null` where the code is no code. */
export function signInProblem(code: string | undefined): Problem | null {
  if (!code || !/^[a-z][a-z0-9_]{0,63}$/.test(code)) return null;
  const [title, detail] = texts[code] ?? ["You are not signed in", `The sign-in ended with ${code.replaceAll("_", " ")}. What that means, and what to do, is explained below.`];
  return { type: `/errors/${code}`, code, title, detail, status: 403 };
}

import type { Problem } from "../api/client";

/** What a failed sign-in at a provider comes back with, in words. What is not listed has a page of its own at `/errors`. */
const texts: Record<string, [title: string, detail: string]> = {
  sign_in_stale: ["That took too long", "The way to the provider and back is good for some minutes, in the browser where it began. Begin again."],
  provider_unavailable: ["The identity provider does not answer", "Nothing is wrong with your account. Try again in a moment; if it stays so, whoever runs Bailey has to look at the provider."],
  provider_refused: ["The identity provider refused", "You cancelled there, or it does not let you in. Try again, and allow Bailey to know who you are."],
  provider_answer_invalid: ["The identity provider's answer does not hold", "You are not signed in. Try again; if it stays so, whoever runs Bailey finds the reason in the server's log."],
  provider_unknown: ["There is no such identity provider", "It may have been taken out of the configuration. Choose one of those below."],
  not_claimed: ["Nobody has claimed this installation yet", "Its owner comes first, with the one-time link that the server printed."],
  sign_up_closed: ["Nobody here is known by this account", "Strangers do not become people here. If you are here already, sign in another way and link this account in your profile; otherwise ask for an invitation."],
  sign_in_not_allowed: ["This account is not let in", "It is in none of the domains, groups or organizations that are let in. Sign in with another account, or ask whoever runs Bailey."],
  email_not_verified: ["Your address is not confirmed", "Confirm it at the identity provider, and sign in again."],
  confirmation_required: ["Show who you are first", "An account is linked only for somebody who has just signed in or given their password. Begin again, and give your password."],
  identity_taken: ["This account is another person's here", "An account signs in one person. Unlink it there first, or link another one."],
  person_suspended: ["You are suspended", "An administrator has suspended you. Nothing of yours is deleted; ask them."],
};

/** The problem that `/sign-in?error=CODE` stands for; `null` where the code is no code. */
export function signInProblem(code: string | undefined): Problem | null {
  if (!code || !/^[a-z][a-z0-9_]{0,63}$/.test(code)) return null;
  const [title, detail] = texts[code] ?? ["You are not signed in", `The sign-in ended with ${code.replaceAll("_", " ")}. “What to do” explains it.`];
  return { type: `/errors/${code}`, code, title, detail, status: 403 };
}

/** What a failed link of an account at a forge comes back with, in words. */
const linkTexts: Record<string, [title: string, detail: string]> = {
  sign_in_stale: ["That took too long", "The way to the forge and back is good for ten minutes, in the browser where it began. Link it again."],
  session_ended: ["You were not signed in any more", "An account is linked for whoever began it. Sign in, and link it again."],
  provider_unavailable: ["The forge does not answer", "Nothing is linked. Try again in a moment; if it stays so, whoever runs Bailey has to look at it."],
  provider_refused: ["The forge refused", "You cancelled there, or it does not know Bailey. Nothing is linked."],
  provider_answer_invalid: ["The forge's answer does not hold", "Nothing is linked. Whoever runs Bailey finds the reason in the server's log."],
  external_account_taken: ["This account is linked already", "It is another person's here, or yours by another forge of the list. Unlink it there first, or sign in to the forge with another account."],
};

/** The problem that `/profile?tab=accounts&error=CODE` stands for; `null` where the code is no code. */
export function linkProblem(code: string | undefined): Problem | null {
  if (!code || !/^[a-z][a-z0-9_]{0,63}$/.test(code)) return null;
  const [title, detail] = linkTexts[code] ?? ["No account is linked", `It ended with ${code.replaceAll("_", " ")}. “What to do” explains it.`];
  return { type: `/errors/${code}`, code, title, detail, status: 403 };
}

import type { Schemas } from "../api/client";

type Forge = Pick<Schemas["Connection"], "kind" | "base_url">;

/** A page of a project at its forge; `null` where it is not known how they are addressed there. */
function page(forge: Forge, project: string, ...rest: string[]): string | null {
  if (forge.kind !== "gitlab" || !/^https?:\/\//i.test(forge.base_url)) return null;
  const path = [...project.split("/"), "-", ...rest].map(encodeURIComponent).join("/");
  return `${forge.base_url.replace(/\/+$/, "")}/${path}`;
}

export function ticketPage(forge: Forge, project: string, ticket: number): string | null {
  return page(forge, project, "issues", String(ticket));
}

export function branchPage(forge: Forge, project: string, branch: string): string | null {
  return page(forge, project, "tree", ...branch.split("/"));
}

/** `forge=bailey` for each identity provider, as it is typed. */
export function providerLines(providers: Record<string, string>): string[] {
  return Object.entries(providers).map(([theirs, ours]) => `${theirs}=${ours}`);
}

/** What was typed, as providers; `null` where a line is none. */
export function providersOf(lines: string[]): Record<string, string> | null {
  const found: Record<string, string> = {};
  for (const line of lines) {
    const [theirs = "", ours = "", ...more] = line.split("=").map((each) => each.trim());
    if (!theirs || !ours || more.length > 0) return null;
    found[theirs] = ours;
  }
  return found;
}

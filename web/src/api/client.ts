import createClient from "openapi-fetch";

import { away } from "../lib/presence";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];

/** The API of the server that this page came from. The session's cookie goes with each request. */
export const api = createClient<paths>({ credentials: "same-origin" });

api.use({
  onRequest({ request }) {
    // A page that is left open asks on, and its session ends all the same.
    if (request.method === "GET" && away()) request.headers.set("x-bailey-background", "1");
    return request;
  },
});

/** What the API refused, or why it could not be asked. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "ProblemError";
    this.problem = problem;
  }

  /** What is said about one field of the body, by its JSON pointer (`/name`) or a pointer below it. */
  field(pointer: string): string | undefined {
    return this.problem.errors?.find((e) => e.pointer === pointer || e.pointer?.startsWith(`${pointer}/`))?.detail;
  }
}

const offline: Problem = {
  type: "about:blank",
  code: "unreachable",
  title: "The server does not answer",
  detail: "The server does not answer. It may be starting again, or the network is down; this page tries again by itself.",
  status: 0,
};

function problemOf(error: unknown, response: Response): Problem {
  if (typeof error === "object" && error !== null && "code" in error && "title" in error) return error as Problem;
  return {
    type: "about:blank",
    code: "unexpected",
    title: "The answer was not expected",
    detail: `The server, or something in front of it, answered with status ${response.status}. The server's log may say more.`,
    status: response.status,
  };
}

interface Answer<T> {
  data?: T | undefined;
  error?: unknown;
  response: Response;
}

/** The data of an answer; a refusal is thrown as a {@link ProblemError}. */
export async function call<T>(answer: Promise<Answer<T>>): Promise<NonNullable<T>> {
  let result: Answer<T>;
  try {
    result = await answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ProblemError(offline);
  }
  if (!result.response.ok || result.error !== undefined) throw new ProblemError(problemOf(result.error, result.response));
  return (result.data ?? undefined) as NonNullable<T>;
}

/** Whatever was thrown, as a problem to show. */
export function asProblem(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  return { type: "about:blank", code: "page", title: "This page failed", detail: String(error), status: 0 };
}

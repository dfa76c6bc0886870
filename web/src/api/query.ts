import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";

import { ProblemError } from "./client";

/** Called when the API says that nobody is signed in. */
let signedOut: () => void = () => undefined;

export function onSignedOut(handler: () => void) {
  signedOut = handler;
}

/** What is asked outside of queries says by this that nobody is signed in. */
export function tellSignedOut() {
  signedOut();
}

function notice(error: unknown) {
  if (error instanceof ProblemError && error.problem.status === 401) signedOut();
}

function retry(failures: number, error: unknown) {
  // What the server refused, it refuses again; what it could not do, it may do in a moment.
  const passing = !(error instanceof ProblemError) || error.problem.status === 0 || error.problem.status >= 500;
  return passing && failures < 3;
}

export const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError: notice }),
  mutationCache: new MutationCache({
    onError: (error, _variables, _context, mutation) => {
      // A page that asks for a password says itself that it is wrong.
      if (mutation.meta?.["signsIn"] !== true) notice(error);
    },
  }),
  defaultOptions: { queries: { retry, staleTime: 5_000, refetchOnWindowFocus: true }, mutations: { retry: false } },
});

import { keepPreviousData, useInfiniteQuery, useMutation, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";

import * as queries from "./queries";

/** Who is signed in. The shell renders no page before it knows. */
export function useMe() {
  return useSuspenseQuery(queries.me).data;
}

/** All rows of a list that have been fetched, and how to get more. */
export function useRows<T>(list: queries.List<T>, enabled = true) {
  const query = useInfiniteQuery({
    queryKey: list.queryKey,
    queryFn: ({ pageParam, signal }) => list.fetch(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    // The more of a list is there, the more seldom it is asked for: the load stays the same.
    refetchInterval: (asked) => (list.refetchInterval ? list.refetchInterval * Math.max(1, asked.state.data?.pages.length ?? 1) : false),
    // While something else is searched for, what was found before stays.
    placeholderData: keepPreviousData,
    enabled,
  });
  return {
    query,
    rows: query.data?.pages.flatMap((page) => page.items),
    more: query.hasNextPage ? () => void query.fetchNextPage() : undefined,
    loading: query.isFetchingNextPage,
  };
}

/** Something that changes what the server has: afterwards the lists named are fetched anew. */
export function useAction<V, R>(run: (variables: V) => Promise<R>, changed: string[], done?: (result: R, variables: V) => void, meta?: { signsIn: boolean }) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: run,
    meta: meta ?? {},
    onSuccess: async (result, variables) => {
      done?.(result, variables);
      await Promise.all(changed.map((key) => client.invalidateQueries({ queryKey: [key] })));
    },
  });
}

import { type InfiniteData, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect } from "react";

import type { Schemas } from "../../api/client";
import * as queries from "../../api/queries";
import { merge, news } from "../../lib/tail";

type Requests = Schemas["Page_Request"];

/** How many of the newest rows are looked at. */
const LOOK = 40;

/**
 * The ledger, newest first, page by page, and what is new. While `following` the newest rows are looked at every two seconds;
 * they are put in front by themselves, or counted and held back while `held`.
 */
export function useTail(filter: queries.RequestFilter, following: boolean, held: boolean) {
  const client = useQueryClient();
  const key = JSON.stringify(filter);
  // What is in the list stays as it is: rows of the past do not change, and new ones come by the look at the newest.
  const list = useInfiniteQuery({
    queryKey: ["requests", "list", key],
    queryFn: ({ pageParam, signal }) => queries.requests(filter, 100, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    staleTime: Infinity,
  });
  const newest = useQuery({
    queryKey: ["requests", "newest", key],
    queryFn: ({ signal }) => queries.requests(filter, LOOK, undefined, signal),
    enabled: following && list.isSuccess,
    refetchInterval: following ? 2_000 : false,
    staleTime: 0,
  });
  const found = list.data && newest.data ? news(list.data.pages, newest.data) : { fresh: [], gap: false };
  const page = newest.data;
  const show = useCallback(() => {
    if (!page) return;
    client.setQueryData(["requests", "list", key], (data: InfiniteData<Requests, string | undefined> | undefined) => {
      if (!data) return data;
      const pages = merge(data.pages, page);
      return { pages, pageParams: pages.length === data.pages.length ? data.pageParams : [undefined] };
    });
  }, [client, key, page]);
  const arrived = found.fresh.length;
  useEffect(() => {
    if (arrived > 0 && following && !held) show();
  }, [arrived, following, held, show]);
  return {
    error: list.error ?? newest.error,
    again: () => void list.refetch(),
    rows: list.data?.pages.flatMap((each) => each.items),
    more: list.hasNextPage,
    fetching: list.isFetchingNextPage,
    fetchMore: list.fetchNextPage,
    /** How many rows are held back; `null` = more than can be told. */
    waiting: held && following ? (found.gap ? null : arrived) : 0,
    show,
  };
}

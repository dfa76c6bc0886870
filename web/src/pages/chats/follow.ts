import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { ProblemError, type Schemas } from "../../api/client";
import { tellSignedOut } from "../../api/query";
import * as queries from "../../api/queries";
import { type ChatEvent, empty, extend, type Log } from "../../lib/chat";
import { follow } from "../../lib/events";

/** Events are drawn together that come within so many milliseconds: models write faster than anybody reads. */
const TOGETHER = 60;
/** Milliseconds before it is asked again, after the first failure and at most. */
const [AGAIN, AGAIN_MOST] = [1_000, 15_000];

/** What changes the chat itself, and not only its log. */
const CHANGES: readonly ChatEvent["kind"][] = ["queued", "message", "dropped", "step_finished", "step_cut", "tool_call", "tool_result", "state"];

export interface Followed {
  log: Log;
  /** Whether everything that there was has come. */
  connected: boolean;
  /** What stands against it: it is tried again by itself, unless it is `final`. */
  error: unknown;
  final: boolean;
}

/** Whether asking again may help. */
function passing(error: unknown): boolean {
  return !(error instanceof ProblemError) || error.problem.status >= 500 || error.problem.status === 429;
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** The log of a chat as it grows. A connection that breaks off is taken up behind the last event that came. */
export function useLog(id: string): Followed {
  const client = useQueryClient();
  const [log, setLog] = useState<Log>(empty);
  const [connection, setConnection] = useState<Omit<Followed, "log">>({ connected: false, error: null, final: false });
  useEffect(() => {
    const stop = new AbortController();
    let [last, pending, timer]: [number, ChatEvent[], ReturnType<typeof setTimeout> | undefined] = [0, [], undefined];
    const flush = () => {
      clearTimeout(timer);
      const batch = pending;
      [pending, timer] = [[], undefined];
      if (batch.length === 0 || stop.signal.aborted) return;
      setLog((before) => extend(before, batch));
      if (batch.some((event) => CHANGES.includes(event.kind))) void client.invalidateQueries({ queryKey: queries.chat(id, true).queryKey, exact: true });
    };
    /** Follows until it breaks off; whether the chat is over. */
    const once = async (): Promise<boolean> => {
      for await (const sent of follow(`/api/v1/chats/${encodeURIComponent(id)}/events`, last, stop.signal)) {
        setConnection((before) => (before.connected ? before : { connected: true, error: null, final: false }));
        if (sent.name === "end") {
          flush();
          client.setQueryData(queries.chat(id, true).queryKey, JSON.parse(sent.data) as Schemas["Chat"]);
          return true;
        }
        if (sent.name !== "message") continue;
        const event = JSON.parse(sent.data) as ChatEvent;
        last = event.number;
        pending.push(event);
        timer ??= setTimeout(flush, TOGETHER);
      }
      return false;
    };
    const keep = async () => {
      let wait = AGAIN;
      while (!stop.signal.aborted) {
        const before = last;
        try {
          if (await once()) return;
          setConnection({ connected: false, error: null, final: false });
        } catch (error) {
          if (stop.signal.aborted) return;
          if (error instanceof ProblemError && error.problem.status === 401) tellSignedOut();
          setConnection({ connected: false, error, final: !passing(error) });
          if (!passing(error)) return;
        } finally {
          flush();
        }
        wait = last > before ? AGAIN : Math.min(wait * 2, AGAIN_MOST);
        await sleep(wait, stop.signal);
      }
    };
    void keep();
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [client, id]);
  return { log, ...connection };
}

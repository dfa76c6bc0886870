import { Text } from "@mantine/core";
import { useSyncExternalStore } from "react";

import { instant, relative } from "../lib/format";

// One clock for all times on the page.
let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void) {
  listeners.add(listener);
  if (timer === undefined) now = Date.now();
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, 10_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

/** When something was or will be: beside now, with the instant in full as its title. */
export function Time({ at, none = "never" }: { at: string | null | undefined; none?: string }) {
  const current = useNow();
  if (!at) return <Text span inherit c="dimmed">{none}</Text>;
  return <time dateTime={at} title={instant(at)} style={{ whiteSpace: "nowrap" }}>{relative(at, current)}</time>;
}

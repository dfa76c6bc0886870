/** A page of a list, newest first. */
export interface Page<T> {
  items: T[];
  next_cursor?: string | null | undefined;
}

/** What a look at the newest rows says to a list that is there already. */
export interface News<T> {
  /** Rows that the list does not have, newest first. */
  fresh: T[];
  /** Whether rows between the newest ones and the list's are unknown: more have come than were looked at. */
  gap: boolean;
}

/** Compares the newest rows with those that are there. */
export function news<T extends { id: string }>(pages: Page<T>[], newest: Page<T>): News<T> {
  const known = new Set(pages.flatMap((page) => page.items.map((row) => row.id)));
  const fresh = newest.items.filter((row) => !known.has(row.id));
  return { fresh, gap: fresh.length === newest.items.length && fresh.length > 0 && newest.next_cursor != null };
}

/** The list with its news in front. Where there is a gap, it begins anew with the newest page. */
export function merge<T extends { id: string }>(pages: Page<T>[], newest: Page<T>): Page<T>[] {
  const { fresh, gap } = news(pages, newest);
  if (gap || pages.length === 0) return [newest];
  const changed = new Map(newest.items.map((row) => [row.id, row]));
  return pages.map((page, i) => {
    const items = page.items.map((row) => changed.get(row.id) ?? row);
    return { ...page, items: i === 0 ? [...fresh, ...items] : items };
  });
}

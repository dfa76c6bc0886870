/** One field, before and after something was done. */
export interface Change {
  path: string;
  before: string | undefined;
  after: string | undefined;
}

function leaves(value: unknown, path: string, into: Map<string, string>) {
  if (Array.isArray(value) && value.some((each) => typeof each === "object" && each !== null)) value.forEach((each, i) => leaves(each, `${path}[${i}]`, into));
  else if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    for (const [name, each] of Object.entries(value)) leaves(each, path ? `${path}.${name}` : name, into);
  } else if (value !== undefined) into.set(path, typeof value === "string" ? value : JSON.stringify(value));
}

/** The fields of both, in the order in which they come; lists of plain values are one field. */
export function fields(before: unknown, after: unknown): Change[] {
  const [old, now] = [new Map<string, string>(), new Map<string, string>()];
  leaves(before ?? undefined, "", old);
  leaves(after ?? undefined, "", now);
  return [...new Set([...old.keys(), ...now.keys()])].map((path) => ({ path, before: old.get(path), after: now.get(path) }));
}

/** Whether a field is another one than before. */
export function changed(change: Change): boolean {
  return change.before !== change.after;
}

/** A line of a diff, and what it is. */
export interface DiffLine {
  kind: "add" | "remove" | "hunk" | "file" | "same";
  text: string;
}

const FILE = /^(diff |index |--- |\+\+\+ |new file |deleted file |old mode |new mode |similarity |rename |Binary files )/;

/** Whether a text is a unified diff. */
export function isDiff(text: string): boolean {
  return /^(diff --git |--- [^\n]+\n\+\+\+ |@@ -\d)/m.test(text);
}

/** The lines of a unified diff, as git prints it. */
export function diffLines(text: string): DiffLine[] {
  // Within a hunk a line that begins with `--- ` is one that was removed: it is known by how many are still to come.
  let [removed, added] = [0, 0];
  return text.replace(/\n$/, "").split("\n").map((line): DiffLine => {
    const hunk = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line);
    if (hunk) {
      [removed, added] = [Number(hunk[1] ?? 1), Number(hunk[2] ?? 1)];
      return { kind: "hunk", text: line };
    }
    if (removed <= 0 && added <= 0 && FILE.test(line)) return { kind: "file", text: line };
    if (line.startsWith("-")) {
      removed -= 1;
      return { kind: "remove", text: line };
    }
    if (line.startsWith("+")) {
      added -= 1;
      return { kind: "add", text: line };
    }
    if (!line.startsWith("\\")) {
      removed -= 1;
      added -= 1;
    }
    return { kind: "same", text: line };
  });
}

/** The diff of a text that was replaced by another: lines that both begin or end with stay. */
export function replaced(old: string, now: string): DiffLine[] {
  const split = (text: string) => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));
  const [a, b] = [split(old), split(now)];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const marked = (kind: DiffLine["kind"], mark: string, lines: string[]) => lines.map((line): DiffLine => ({ kind, text: `${mark}${line}` }));
  return [
    ...marked("same", " ", a.slice(0, head)),
    ...marked("remove", "-", a.slice(head, a.length - tail)),
    ...marked("add", "+", b.slice(head, b.length - tail)),
    ...marked("same", " ", a.slice(a.length - tail)),
  ];
}

/** What stands for lines that are not shown. */
const GAP = "…";

/** A part of a long text, and how many lines there are besides: its last lines, or with `both` its first ones, too. */
export function clipped(text: string, most: number, end: "tail" | "both", bytes = 8_000): { text: string; hidden: number } {
  const lines = text.replace(/\n$/, "").split("\n");
  const head = end === "both" ? Math.ceil(most / 3) : 0;
  const kept = lines.length <= most ? lines : [...lines.slice(0, head), ...(head > 0 ? [GAP] : []), ...lines.slice(lines.length - (most - head))];
  const joined = kept.join("\n");
  const hidden = Math.max(0, lines.length - most);
  if (joined.length <= bytes) return { text: joined, hidden };
  // A line that is cut itself is counted, too: there is more of it to see.
  return { text: end === "both" ? `${joined.slice(0, bytes / 2)}\n${GAP}\n${joined.slice(-bytes / 2)}` : joined.slice(-bytes), hidden: hidden + 1 };
}

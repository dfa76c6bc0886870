/** A piece of what a model wrote: a paragraph, or code between fences. */
export type Piece = { kind: "text"; text: string } | { kind: "code"; text: string; language: string };

const OPENING = /^ {0,3}(`{3,}|~{3,})([^\n]*)$/;

/**
 * Text as models write it, cut into paragraphs and fenced code. Nothing else of Markdown is read. A fence that is still open is
 * code to the end: so it is while the answer comes.
 */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let paragraph: string[] = [];
  let code: { fence: string; language: string; lines: string[] } | null = null;
  const endParagraph = () => {
    if (paragraph.length > 0) found.push({ kind: "text", text: paragraph.join("\n") });
    paragraph = [];
  };
  const endCode = () => {
    if (code) found.push({ kind: "code", language: code.language, text: code.lines.join("\n") });
    code = null;
  };
  for (const line of text.split(/\r?\n/)) {
    const [, fence = "", info = ""] = OPENING.exec(line) ?? [];
    if (code) {
      // It is closed by as many of the same characters, with nothing behind them.
      if (fence.startsWith(code.fence) && info.trim() === "") endCode();
      else code.lines.push(line);
    } else if (fence && !(fence.startsWith("`") && info.includes("`"))) {
      endParagraph();
      code = { fence, language: info.trim().split(/\s/)[0] ?? "", lines: [] };
    } else if (line.trim() === "") endParagraph();
    else paragraph.push(line);
  }
  endCode();
  endParagraph();
  return found;
}

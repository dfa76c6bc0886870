import { Button, Text } from "@mantine/core";
import { memo, useState } from "react";

import { pieces } from "../../lib/fences";
import { clipped, diffLines, type DiffLine, isDiff } from "../../lib/patch";

/** Lines of a diff that are shown before somebody asks for all. */
const DIFF_LINES = 60;

/** A diff: each line keeps its sign, for colours alone say nothing to everybody. */
export function Diff({ lines, label }: { lines: DiffLine[]; label: string }) {
  const [all, setAll] = useState(false);
  const hidden = all ? 0 : Math.max(0, lines.length - DIFF_LINES);
  const shown = hidden > 0 ? lines.slice(0, DIFF_LINES) : lines;
  return (
    <>
      <pre className="log patch" tabIndex={0} role="region" aria-label={label}>
        {shown.map((line, i) => <div key={i} className={line.kind}>{line.text || " "}</div>)}
      </pre>
      {hidden > 0 ? <ShowAll hidden={hidden} show={() => setAll(true)} /> : null}
    </>
  );
}

function ShowAll({ hidden, show }: { hidden: number; show: () => void }) {
  return <Button size="compact-sm" variant="subtle" mt={4} onClick={show}>Show all ({hidden} more {hidden === 1 ? "line" : "lines"})</Button>;
}

/** Output or another long text: its head and its tail, while it comes its tail, until somebody asks for all. */
export function Output({ text, live, label, lines = 16 }: { text: string; live: boolean; label: string; lines?: number }) {
  const [all, setAll] = useState(false);
  const part = clipped(text, lines, live ? "tail" : "both");
  if (!live && isDiff(text)) return <Diff lines={diffLines(text)} label={label} />;
  return (
    <>
      <pre className="log" tabIndex={0} role="region" aria-label={label}>{all ? text : part.text}</pre>
      {!all && part.hidden > 0 ? <ShowAll hidden={part.hidden} show={() => setAll(true)} /> : null}
    </>
  );
}

/** What a model or a person wrote. It is text: nothing in it is markup to this page. */
export const Prose = memo(function Prose({ text }: { text: string }) {
  return (
    <div className="prose">
      {pieces(text).map((piece, i) =>
        piece.kind === "text" ? <Text key={i} component="p">{piece.text}</Text>
        : piece.language === "diff" || piece.language === "patch" ? <Diff key={i} lines={diffLines(piece.text)} label="Diff" />
        : <pre key={i} className="log" tabIndex={0} role="region" aria-label={piece.language ? `Code, ${piece.language}` : "Code"}>{piece.text}</pre>,
      )}
    </div>
  );
});

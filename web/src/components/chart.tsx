import { Group, Stack, Text, VisuallyHidden } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import type { ReactNode } from "react";

import { dollars } from "../lib/format";

interface Day {
  day?: string | null;
  cost: { nanos: number; usd: string };
  requests: number;
}

const HEIGHT = 190;
const LEFT = 58;
const BOTTOM = 22;

/** The round number at or above a value: 1, 2 or 5 times a power of ten. */
function ceiling(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((step) => step * power >= value) ?? 10) * power;
}

/** The days up to today, UTC, oldest first. */
export function lastDays(count: number, now = Date.now()): string[] {
  return Array.from({ length: count }, (_, i) => new Date(now - (count - 1 - i) * 86_400_000).toISOString().slice(0, 10));
}

/** Spend by day as bars; the same as a table for those who do not see them. */
export function DayChart({ rows, days, label }: { rows: Day[]; days: number; label: string }) {
  const costs = new Map<string, number>();
  for (const row of rows) if (row.day) costs.set(row.day, (costs.get(row.day) ?? 0) + row.cost.nanos / 1e9);
  const names = lastDays(days);
  const top = ceiling(Math.max(...names.map((name) => costs.get(name) ?? 0)));
  // Drawn at the size that it is shown in, so that its text is as large on a phone as anywhere.
  const { ref, width: measured } = useElementSize();
  const width = Math.max(measured, 240);
  const slot = (width - LEFT) / names.length;
  const height = (cost: number) => (cost / top) * (HEIGHT - BOTTOM - 10);
  const every = Math.ceil(names.length / Math.max(2, Math.floor((width - LEFT) / 80)));
  return (
    <>
      <div ref={ref}>
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} className="chart" aria-hidden="true">
        {[0, 0.5, 1].map((part) => {
          const y = HEIGHT - BOTTOM - height(top * part);
          return (
            <g key={part}>
              <line x1={LEFT} x2={width} y1={y} y2={y} className="grid" />
              <text x={LEFT - 8} y={y + 4} textAnchor="end">{part === 0 ? "$0" : top * part >= 0.01 ? `$${(top * part).toLocaleString("en-US", { minimumFractionDigits: top < 10 ? 2 : 0, maximumFractionDigits: 2 })}` : dollars(top * part)}</text>
            </g>
          );
        })}
        {names.map((name, i) => {
          const cost = costs.get(name) ?? 0;
          const tall = cost > 0 ? Math.max(2, height(cost)) : 0;
          return (
            <g key={name}>
              <rect x={LEFT + i * slot + slot * 0.15} width={slot * 0.7} y={HEIGHT - BOTTOM - tall} height={tall} rx={2} className="bar"><title>{`${name}: ${dollars(cost)}`}</title></rect>
              {i % every === 0 ? <text x={LEFT + i * slot + slot / 2} y={HEIGHT - 6} textAnchor={i === 0 ? "start" : "middle"}>{name.slice(5)}</text> : null}
            </g>
          );
        })}
      </svg>
      </div>
      <VisuallyHidden>
        <table>
          <caption>{label}</caption>
          <tbody>
            {names.filter((name) => costs.has(name)).map((name) => <tr key={name}><th scope="row">{name}</th><td>{dollars(costs.get(name) ?? 0)}</td></tr>)}
          </tbody>
        </table>
      </VisuallyHidden>
    </>
  );
}

/** Parts of a whole, largest first, each with a bar. */
export function Shares({ rows, label }: { rows: { key: string; name: ReactNode; value: number; note?: string }[]; label: string }) {
  const most = Math.max(...rows.map((row) => row.value), 0);
  return (
    <Stack component="ul" gap="sm" m={0} p={0} style={{ listStyle: "none" }} aria-label={label}>
      {rows.map((row) => (
        <li key={row.key}>
          <Group justify="space-between" gap="xs" wrap="nowrap" mb={3}>
            <Text size="sm" span style={{ overflowWrap: "anywhere" }}>{row.name}</Text>
            <Text size="sm" span className="numeric" style={{ whiteSpace: "nowrap" }}>{dollars(row.value)}{row.note ? <Text span c="dimmed" size="xs"> · {row.note}</Text> : null}</Text>
          </Group>
          <div className="bar-track" aria-hidden="true"><div style={{ width: `${most > 0 ? (row.value / most) * 100 : 0}%` }} /></div>
        </li>
      ))}
    </Stack>
  );
}

import type { Schemas } from "../api/client";

/** Dollars to read: four decimals below a dollar, two above. The exact amount is `amount.usd`. */
export function dollars(amount: Schemas["Amount"] | number): string {
  const value = typeof amount === "number" ? amount : amount.nanos / 1e9;
  if (value === 0) return "$0.00";
  if (Math.abs(value) < 0.0001) return `< $0.0001`;
  const digits = Math.abs(value) < 1 ? 4 : 2;
  return `$${value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

/** Whole numbers with separators. */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** Counts that need no exactness: 1,234 is `1.2k`. */
export function about(value: number): string {
  return value.toLocaleString("en-US", { notation: "compact", maximumFractionDigits: 1 });
}

/** Bytes, in the unit that reads best. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Microseconds, in the unit that reads best. */
export function duration(microseconds: number): string {
  if (microseconds < 1_000) return `${Math.round(microseconds)} µs`;
  if (microseconds < 1_000_000) return `${Math.round(microseconds / 1_000)} ms`;
  if (microseconds < 60_000_000) return `${(microseconds / 1_000_000).toFixed(1)} s`;
  const minutes = Math.floor(microseconds / 60_000_000);
  return `${minutes} min ${Math.round((microseconds % 60_000_000) / 1_000_000)} s`;
}

/** Seconds of work, in the one or two units that read best. */
export function span(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const STEPS: [number, Intl.RelativeTimeFormatUnit][] = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [7, "day"],
  [4.35, "week"],
  [12, "month"],
];
const relativeFormat = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

/** An instant beside now: `3 min. ago`, `in 2 days`. */
export function relative(at: string, now: number): string {
  let value = (new Date(at).getTime() - now) / 1_000;
  // The page's clock ticks every 10 seconds, so what has just happened may lie a little ahead of it.
  if (value > -5 && value < 15) return "just now";
  for (const [size, unit] of STEPS) {
    if (Math.abs(value) < size) return relativeFormat.format(Math.round(value), unit);
    value /= size;
  }
  return relativeFormat.format(Math.round(value), "year");
}

/** An instant in full, in the reader's own time zone. */
export function instant(at: string): string {
  return new Date(at).toLocaleString("en-GB", {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    timeZoneName: "short",
  });
}

/** `agent-write` as `Agent write`. */
export function words(name: string): string {
  if (/^(ci|cpu|api)$/i.test(name)) return name.toUpperCase();
  const text = name.replace(/[-_.]/g, " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

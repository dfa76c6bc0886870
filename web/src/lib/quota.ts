import type { Schemas } from "../api/client";
import { bytes } from "./format";

type Kind = Schemas["LimitKind"];

/** What there may only be so much of. */
export const quotaNames: Record<Kind, string> = { workspaces: "Workspaces", running: "Running", cpu_milli: "CPUs", memory: "Memory", disk: "Homes" };

/** So much of it, to read. */
export function amount(kind: Kind, value: number): string {
  if (kind === "memory" || kind === "disk") return bytes(value);
  return kind === "cpu_milli" ? (value / 1_000).toLocaleString("en-US", { maximumFractionDigits: 2 }) : value.toLocaleString("en-US");
}

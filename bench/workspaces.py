#!/usr/bin/env python3
"""Measures workspaces: create to first prompt, echo of terminals, app proxying, memory; each beside what it is compared with.

Run by `bench/workspaces.sh`, which starts it in the environment of `tests/workspaces`. Prints a table; see README.md.
"""

import argparse
import asyncio
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/workspaces"), str(ROOT / "tests/clients")]

import report  # noqa: E402
import workspaces_apps as apps  # noqa: E402
import workspaces_memory as memory  # noqa: E402
import workspaces_terminals as terminals  # noqa: E402
from deployment import Deployment  # noqa: E402

# Figure, unit, goals of p50 and p99; what has none is there to compare with.
GOALS = {
    "bubblewrap, bare start": ("ms", None, None),
    "create to first prompt": ("ms", 90, 250),
    "echo, local terminal": ("ms", None, None),
    "echo through the server": ("ms", None, None),
    "echo, another workspace floods": ("ms", None, None),
    "echo, another terminal of the workspace floods": ("ms", None, None),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=pathlib.Path, required=True, help="directory of the release binaries")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where the figures go, as JSON")
    parser.add_argument("--runs", type=int, default=100, help="workspaces that are made")
    parser.add_argument("--keys", type=int, default=1000, help="keys that are pressed for each figure of echo")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of app proxying")
    parser.add_argument("--seconds", type=int, default=4, help="seconds of each round that are measured")
    parser.add_argument("--only", choices=("create", "echo", "apps", "memory"), help="only this part")
    arguments = parser.parse_args()
    where = report.conditions()
    print(" | ".join(f"{name}: {value}" for name, value in where.items()), flush=True)
    figures, lines = {}, []
    with tempfile.TemporaryDirectory(prefix="bailey-bench-") as scratch:
        scratch = pathlib.Path(scratch)
        # nginx's worker is another account when this runs as root.
        scratch.chmod(0o755)
        bailey = Deployment(arguments.release, scratch / "bailey", "http://127.0.0.1:9")
        try:
            wanted = lambda part: arguments.only in (None, part)  # noqa: E731
            if wanted("create"):
                figures |= asyncio.run(terminals.create(bailey, arguments.runs))
            if wanted("echo"):
                figures |= asyncio.run(terminals.echoes(bailey, arguments.keys))
            if wanted("memory"):
                lines += memory.measure(bailey)
            if wanted("apps"):
                lines += apps.measure(bailey, scratch, arguments.rounds, arguments.seconds)
        finally:
            bailey.end()
    report.save(arguments.out / "workspaces.json", figures, where)
    print("\n" + "\n".join(table(figures) + compared(figures) + lines))


def table(figures):
    """A line of each figure: p50, p99, largest, and whether its goal is met."""
    lines = ["| figure | p50 | p99 | largest | unit | of | goal |", "|---|---|---|---|---|---|---|"]
    for what, (unit, goal50, goal99) in GOALS.items():
        if what in figures:
            values = figures[what]
            p50, p99 = at(values, 0.5), at(values, 0.99)
            goal = "-" if goal50 is None else f"p50 <= {goal50}: {met(p50 <= goal50)}, p99 <= {goal99}: {met(p99 <= goal99)}"
            lines.append(f"| {what} | {p50:.2f} | {p99:.2f} | {max(values):.2f} | {unit} | {len(values)} | {goal} |")
    return lines


def compared(figures):
    """What is judged by a difference."""
    if "echo through the server" not in figures:
        return []
    server = figures["echo through the server"]
    added = at(server, 0.5) - at(figures["echo, local terminal"], 0.5)
    lines = ["", "| compared | difference | goal |", "|---|---|---|"]
    lines.append(f"| echo p50, through the server and local | {added:+.2f} ms | <= 1 ms: {met(added <= 1)} |")
    for what, values in figures.items():
        if "floods" in what:
            moved = at(values, 0.99) - at(server, 0.99)
            lines.append(f"| {what}: p99 | {moved:+.2f} ms | < 5 ms: {met(moved < 5)} |")
    return lines


def at(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def met(good):
    return "yes" if good else "NO"


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Measures Bailey beside nginx, against the same instant upstream on the same machine.

One core holds the upstream and the load generator, the other the proxy. The proxies take turns, round by round, so that
whatever else the machine does meets both. CPU time per request is the figure to compare: it repeats within a few percent,
requests per second do not. See README.md for the conditions, RESULTS.md for what was found.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

import bodies
import report
import soak
from loads import Scenario, measure
from proxies import Bailey, Broken, Nginx, Upstream


def main():
    arguments = parse()
    if (os.cpu_count() or 1) < 2:
        print("error: two cores are needed, one for the load and one for the proxy", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="bailey-bench-") as scratch:
        scratch = pathlib.Path(scratch)
        # nginx's worker is another account when this runs as root.
        scratch.chmod(0o755)
        try:
            return run(arguments, scratch)
        except Broken as broken:
            print(f"error: {broken}", file=sys.stderr)
            return 1


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="where the release builds are")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where the figures go, as JSON")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=2, help="seconds that are thrown away")
    parser.add_argument("--seconds", type=int, default=5, help="seconds that are measured")
    parser.add_argument("--only", default="", help="only scenarios whose name contains this")
    parser.add_argument("--nginx-only", action="store_true", help="leave Bailey out, to try the harness")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="instead: mixed load with failures, and memory")
    return parser.parse_args()


def run(arguments, scratch):
    programs = arguments.programs.resolve()
    files = write_bodies(scratch)
    where = report.conditions()
    print(" | ".join(f"{name}: {value}" for name, value in where.items()), flush=True)

    running = []
    try:
        upstream = Upstream(programs, directory(scratch, "upstream"))
        running.append(upstream)
        proxies = [Nginx(directory(scratch, "nginx"), upstream)]
        running.append(proxies[0])
        if not arguments.nginx_only:
            proxies.append(Bailey(programs, directory(scratch, "bailey"), upstream))
            running.append(proxies[1])
        if arguments.soak:
            return run_soak(arguments, programs, files, proxies[-1], where)
        rounds = run_rounds(arguments, programs, files, proxies)
    finally:
        for program in reversed(running):
            program.stop()
    report.save(arguments.out / "figures.json", rounds, where)
    print("\n" + report.table(rounds))
    return 0


def directory(scratch, name):
    made = scratch / name
    made.mkdir()
    return made


def write_bodies(scratch):
    files = {
        "small": bodies.chat("bench-small", stream=False),
        "burst": bodies.chat("bench-burst", stream=True),
        "spaced": bodies.chat("bench-spaced", stream=True),
        "fail": bodies.chat("bench-fail", stream=True),
        "agent": bodies.coding_agent("bench-burst"),
    }
    for name, body in files.items():
        (scratch / f"{name}.json").write_bytes(body)
    return {name: scratch / f"{name}.json" for name in files}


def scenarios(files):
    chat, messages = "/v1/chat/completions", "/v1/messages?beta=true"
    return [
        Scenario("chat-32", files["small"], chat, 32, tool="wrk"),
        Scenario("burst-32", files["burst"], chat, 32, tool="wrk"),
        Scenario("latency-1", files["small"], chat, 1, flags=("--split",)),
        Scenario("burst-1", files["burst"], chat, 1, events=50, flags=("--split",)),
        Scenario("spaced-256", files["spaced"], chat, 256, events=50, flags=("--stagger", "1000")),
        Scenario("agent-300k", files["agent"], messages, 8, events=50),
    ]


def run_rounds(arguments, programs, files, proxies):
    time.sleep(2)
    rounds = {"idle": {proxy.name: [{"resident_mb": proxy.resident_mb()}] for proxy in proxies}}
    for number in range(1, arguments.rounds + 1):
        for scenario in scenarios(files):
            if arguments.only not in scenario.name:
                continue
            for proxy in proxies:
                figures = measure(scenario, proxy, programs, arguments.warm_up, arguments.seconds)
                rounds.setdefault(scenario.name, {}).setdefault(proxy.name, []).append(figures)
                shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
                print(f"round {number} {scenario.name} {proxy.name}: {shown}", flush=True)
    rounds["after"] = {proxy.name: [{"resident_mb": proxy.resident_mb()}] for proxy in proxies}
    return rounds


def run_soak(arguments, programs, files, proxy, where):
    result = soak.run(proxy, programs, files, arguments.soak)
    report.save(arguments.out / "soak.json", {proxy.name: result}, where)
    print(soak.describe(proxy.name, result))
    return 1 if None in result["reports"].values() else 0


if __name__ == "__main__":
    sys.exit(main())

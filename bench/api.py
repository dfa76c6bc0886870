#!/usr/bin/env python3
"""Measures the API's lists and gets at a fixed rate, on a large installation: as an owner and as members.

Run by `bench/platform.sh`. Prints a table and writes the figures as JSON; see README.md.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import api_seed as seed
import report

GOAL_MS = 50
KINDS = ("people list", "people get", "workspaces list", "workspaces get", "requests list", "requests get", "audit list", "audit get")


class Server:
    """`bailey server` on a data directory."""

    def __init__(self, program, data, database):
        self.program, self.data = program, data
        self.flags = ["--data-dir", str(data)] + (["--database-url", database] if database else [])
        self.process = None

    def run(self, *argv):
        return subprocess.run([self.program, *argv, *self.flags], capture_output=True, text=True, check=True).stdout.strip()

    def start(self):
        address = self.data / "address"
        address.unlink(missing_ok=True)
        with open(self.data.parent / "log", "a") as log:
            argv = [self.program, "server", "--listen", "127.0.0.1:0", "--log-level", "warn", *self.flags]
            self.process = subprocess.Popen(argv, stdout=log, stderr=log)
        until = time.monotonic() + 120
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            if address.exists() and (text := address.read_text().strip()):
                self.address = text
                try:
                    urllib.request.urlopen(f"http://{text}/readyz", timeout=5).read()
                    return
                except (OSError, urllib.error.URLError):
                    pass
            time.sleep(0.05)
        sys.exit(f"the server does not start:\n{(self.data.parent / 'log').read_text()[-2000:]}")

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(120)
            self.process = None

    def ask(self, method, path, token, body=None):
        data = json.dumps(body).encode() if body is not None else None
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        request = urllib.request.Request(f"http://{self.address}/api/v1{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0


def fill(server, arguments, scratch):
    """A database with everything in it; answers with an owner's token and what can be asked for."""
    server.start()
    owner = server.run("admin", "token", "create", "--user", "owner")
    # One workspace as the server makes it: the others are like it. Whether it comes up does not matter.
    server.ask("POST", "/workspaces", owner, {"name": "model", "template": arguments.template})
    until = time.monotonic() + 180
    while time.monotonic() < until:
        (one,) = server.ask("GET", "/workspaces", owner)["items"]
        if one["build"]["state"] not in ("queued", "running"):
            break
        time.sleep(0.5)
    server.ask("DELETE", f"/workspaces/{one['id']}", owner)
    while one and time.monotonic() < until:
        one = server.ask("GET", "/workspaces", owner)["items"]
        time.sleep(0.5)
    server.stop()
    db = seed.Postgres(arguments.postgres) if arguments.postgres else seed.Sqlite(server.data / "bailey.db")
    began = time.monotonic()
    people = seed.people(db, arguments.people, max(1, arguments.people // 50))
    workspaces = seed.workspaces(db, people, arguments.workspaces)
    requests = seed.requests(db, people, arguments.requests)
    writer = seed.audit(db, people, arguments.audit)
    db.close()
    print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
    return owner, people, workspaces, requests, writer


def plans(owner, people, workspaces, requests, writer, arguments):
    """What each run asks for: lists of 100, their second pages and filters, and single things."""
    chance = random.Random(1)
    some = lambda things: chance.choice(things)  # noqa: E731
    several = range(500)

    def of_owner(kind):
        return {
            "people list": lambda n: some(("/users", "/users?limit=100", f"/users?group=group-{n % 100:04}")),
            "people get": lambda n: f"/users/{some((seed.name('usr', some(people)), f'person-{n:05}'))}",
            "workspaces list": lambda n: some(("/workspaces", "/workspaces?limit=100", f"/workspaces?owner=person-{n:05}")),
            "workspaces get": lambda n: f"/workspaces/{seed.name('ws', some(workspaces))}",
            "requests list": lambda n: some(("/requests", "/requests?limit=100", f"/requests?person=person-{n:05}")),
            "requests get": lambda n: f"/requests/{seed.name('req', some(requests))}",
            "audit list": lambda n: some(("/audit", "/audit?action=workspaces.start", f"/audit?actor=person-{n:05}", "/audit?outcome=denied")),
            "audit get": lambda n: f"/audit/{seed.name('aud', writer)}:{chance.randrange(arguments.audit) + 1}",
        }[kind]

    def of_member(kind, n):
        own = [seed.name('ws', workspaces[at]) for at in range(n, len(workspaces), len(people))]
        return {
            "people list": "/users",
            "people get": f"/users/person-{n:05}",
            "workspaces list": "/workspaces",
            "workspaces get": f"/workspaces/{some(own)}" if own else None,
            "requests list": "/requests",
        }.get(kind)

    # The first two hundred are members.
    found = {"owner": [], "member": []}
    for kind in KINDS:
        found["owner"] += [(kind, f"/api/v1{of_owner(kind)(n)}", owner) for n in several]
        for n in range(min(200, len(people))):
            path = of_member(kind, n)
            if path:
                found["member"].append((kind, f"/api/v1{path}", seed.token(n)))
    return found


def measure(server, programs, lines, arguments, scratch):
    chance = random.Random(2)
    chance.shuffle(lines)
    requests = scratch / "requests"
    requests.write_text("".join("\t".join(line) + "\n" for line in lines))
    argv = [
        programs / "bench-rate", "--connect", server.address, "--requests", requests, "--rate", arguments.rate,
        "--connections", arguments.connections, "--warm-up", arguments.warm_up, "--seconds", arguments.seconds,
    ]  # fmt: skip
    if arguments.pin:
        argv = ["taskset", "-c", "0", *argv]
    with subprocess.Popen(list(map(str, argv)), stdout=subprocess.PIPE, text=True) as load:
        if load.stdout.readline().strip() != "measuring":
            load.wait()
            sys.exit("the load generator ended early")
        before, began = server.cpu_seconds(), time.monotonic()
        line = load.stdout.readline()
        cpu, took = server.cpu_seconds() - before, time.monotonic() - began
    if not line:
        sys.exit("the load generator ended early")
    figures = json.loads(line)
    count = sum(one["latency"]["count"] for one in figures.values())
    return {
        "kinds": figures,
        "rate": count / arguments.seconds,
        "cpu_ms": cpu * 1e3 / max(1, count),
        "cores": cpu / took,
        "resident_mb": server.resident_mb(),
    }


def table(results):
    lines = ["| asked as | what | p50 ms | p99 ms | largest ms | of | goal p99 |", "|---|---|---|---|---|---|---|"]
    totals = ["", "| asked as | what | answers/s | ms CPU/request | cores | MB resident |", "|---|---|---|---|---|---|"]
    for (who, what), figures in results.items():
        for kind in KINDS:
            if kind in figures["kinds"]:
                one = figures["kinds"][kind]
                latency = one["latency"]
                p50, p99, most = (latency[name] / 1e3 for name in ("p50", "p99", "max"))
                met = "yes" if p99 < GOAL_MS and not one["failures"] else "NO"
                failed = f", {one['failures']} FAILED" if one["failures"] else ""
                label = kind if what == "mix" else f"{kind} alone"
                lines.append(f"| {who} | {label} | {p50:.2f} | {p99:.2f} | {most:.2f} | {latency['count']}{failed} | < {GOAL_MS}: {met} |")
        totals.append(
            f"| {who} | {what} | {figures['rate']:.0f} | {figures['cpu_ms']:.3f} | {figures['cores']:.2f} | {figures['resident_mb']:.0f} |"
        )
    return "\n".join(lines + totals)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="directory of bailey and bench-rate")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where the figures go, as JSON")
    parser.add_argument("--postgres", metavar="URL", help="an empty PostgreSQL database, instead of SQLite")
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--workspaces", type=int, default=20_000)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--audit", type=int, default=1_000_000)
    parser.add_argument("--template", default="shell", help="the template that the workspaces are of")
    parser.add_argument("--rate", type=int, default=1000, help="requests a second")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--warm-up", type=float, default=3)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--alone", action="store_true", help="also each kind of request alone at the same rate")
    parser.add_argument("--no-pin", dest="pin", action="store_false", help="leave the load generator on any core")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="fill this directory once, and use it again after that")
    arguments = parser.parse_args()
    where = report.conditions() | {"load": " ".join(f"{x:.1f}" for x in os.getloadavg()), "database": "postgres" if arguments.postgres else "sqlite"}
    print(" | ".join(f"{name}: {value}" for name, value in where.items()), flush=True)
    with tempfile.TemporaryDirectory(prefix="bailey-bench-") as scratch:
        scratch = pathlib.Path(scratch)
        home = arguments.keep or scratch
        data = home / "data"
        data.mkdir(parents=True, exist_ok=True)
        server = Server(arguments.programs / "bailey", data, arguments.postgres)
        known = home / "filled.json"
        try:
            if known.exists():
                kept = json.loads(known.read_text())
                filled = kept["owner"], *([bytes.fromhex(x) for x in kept[name]] for name in ("people", "workspaces", "requests")), bytes.fromhex(kept["writer"])
            else:
                filled = fill(server, arguments, scratch)
                owner, people, workspaces, requests, writer = filled
                hexes = lambda ids: [x.hex() for x in ids]  # noqa: E731
                known.write_text(json.dumps({
                    "owner": owner, "people": hexes(people), "workspaces": hexes(workspaces), "requests": hexes(requests), "writer": writer.hex(),
                }))  # fmt: skip
            server.start()
            lines = plans(*filled, arguments)
            missing = try_each(server, lines)
            results = {}
            for who, all_lines in lines.items():
                asked = [line for line in all_lines if (who, line[0]) not in missing]
                parts = {"mix": asked}
                if arguments.alone:
                    parts |= {kind: [line for line in asked if line[0] == kind] for kind in KINDS}
                for what, part in parts.items():
                    if part:
                        results[who, what] = measure(server, arguments.programs, part, arguments, scratch)
        finally:
            server.stop()
    report.save(arguments.out / "api.json", {f"{who}, {what}": figures for (who, what), figures in results.items()}, where)
    print("\n" + table(results))


def try_each(server, lines):
    """Kinds of requests that the server does not have, or that are not for those who ask."""
    missing = set()
    for who, all_lines in lines.items():
        for kind in KINDS:
            _, path, token = next((line for line in all_lines if line[0] == kind), (None, None, None))
            if path:
                try:
                    server.ask("GET", path.removeprefix("/api/v1"), token)
                except urllib.error.HTTPError as error:
                    missing.add((who, kind))
                    print(f"left out: {kind} as {who}: {error.code} at {path}", flush=True)
    return missing


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Measures how soon a forge's deliveries are answered at a fixed rate, and whether each of them is worked on.

The forge is the demo forge, which is really asked about what was told. Run by `bench/platform.sh`. Prints a table and writes the
figures as JSON; see README.md.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import urllib.request

import api_seed as seed
import report
from api import Server

GOAL_MS = 50
PROJECT = "demo/greeter"
# Of a hundred deliveries: a ticket was edited, somebody commented, a label that asks for an agent was put on a ticket whose assignee is
# unknown here, and one of those before comes again.
MIX = {"edit": 50, "comment": 30, "label": 10, "again": 10}


def ask(url, method, path, token, body=None):
    data = json.dumps(body).encode() if body is not None else None
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    request = urllib.request.Request(f"{url}/api/v4{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def set_up(server, forge, directory, tickets):
    """A connection with its webhook, and so many tickets. Answers with the webhook's path and key, and the tickets' numbers."""
    token_file = directory / "token"
    token_file.write_text(forge["token"])
    owner = server.run("admin", "token", "create", "--user", "owner")
    made = server.ask(
        "POST", "/connections", owner,
        {"name": "bench", "kind": "gitlab", "base_url": forge["url"], "projects": [PROJECT], "token": forge["token"], "template": "shell"},
    )  # fmt: skip
    registered = server.ask("POST", "/connections/bench/webhook", owner, {})
    if not registered["ok"]:
        sys.exit(f"the webhook cannot be registered: {registered}")
    (hook,) = json.loads((directory / "forge" / "forge.json").read_text())["hooks"]
    project = PROJECT.replace("/", "%2F")
    numbers = [
        ask(forge["url"], "POST", f"/projects/{project}/issues", forge["token"], {"title": f"Ticket {n}", "description": "Nothing to do."})["iid"]
        for n in range(tickets)
    ]
    key = base64.b64decode(hook["signing_token"].removeprefix("whsec_"))
    return owner, f"/hooks/{made['id']}", key, numbers


def event(kind, n, number):
    """What GitLab sends, and the name of the event."""
    shared = {
        "user": {"id": 1, "username": "mia", "name": "Mia"},
        "project": {"id": 1, "path_with_namespace": PROJECT, "default_branch": "main"},
    }
    ticket = {"id": number, "iid": number, "state": "opened", "confidential": False, "title": f"Ticket {number}", "description": "x" * 2000}
    if kind == "comment":
        note = {"id": 1_000_000 + n, "note": f"Comment {n}. " + "y" * 500, "noteable_type": "Issue", "noteable_id": number, "system": False, "action": "create"}
        return "Note Hook", {"object_kind": "note", "event_type": "note", **shared, "object_attributes": note, "issue": ticket}
    labels = [{"title": "bailey-agent"}] if kind == "label" else []
    changes = {"labels": {"previous": [], "current": labels}} if kind == "label" else {"description": {"previous": "", "current": "x"}}
    attributes = {**ticket, "action": "update", "labels": labels}
    return "Issue Hook", {"object_kind": "issue", "event_type": "issue", **shared, "object_attributes": attributes, "labels": labels, "changes": changes}


def requests(address, path, key, numbers, count):
    """So many requests, whole and signed."""
    chance = random.Random(1)
    kinds = [kind for kind, share in MIX.items() for _ in range(share)]
    made = []
    for n in range(count):
        kind = chance.choice(kinds)
        if kind == "again" and made:
            made.append(("again", chance.choice(made)[1]))
            continue
        kind = "edit" if kind == "again" else kind
        name, payload = event(kind, n, chance.choice(numbers))
        body = json.dumps(payload).encode()
        id, at = f"bench-{n}", str(int(time.time()))
        signature = base64.b64encode(hmac.digest(key, f"{id}.{at}.".encode() + body, hashlib.sha256)).decode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            f"x-gitlab-event: {name}\r\nidempotency-key: {id}\r\nwebhook-id: {id}\r\nwebhook-timestamp: {at}\r\n"
            f"webhook-signature: v1,{signature}\r\n\r\n"
        )
        made.append((kind, head.encode() + body))
    return made


async def sender(address, queue, latencies, failures):
    """Sends what is due on one connection. A delivery that has to wait for a connection is late, and its latency counts from when it was due."""
    host, port = address.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    while (one := await queue.get()) is not None:
        due, kind, request = one
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        await reader.readexactly(length)
        latencies.append((kind, (time.monotonic() - due) * 1e3))
        if status not in ((200, 202) if kind == "again" else (202,)):
            failures.append((kind, status))
    writer.close()


async def load(address, made, rate, connections):
    queue, latencies, failures = asyncio.Queue(), [], []
    senders = [asyncio.create_task(sender(address, queue, latencies, failures)) for _ in range(connections)]
    began = time.monotonic()
    for n, (kind, request) in enumerate(made):
        due = began + n / rate
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        queue.put_nowait((due, kind, request))
    for _ in senders:
        queue.put_nowait(None)
    await asyncio.gather(*senders)
    return latencies, failures, time.monotonic() - began


def worked_on(db, patience):
    """Waits until every delivery has been worked on; answers with how long that took, and how many there are in each state."""
    began = time.monotonic()
    while True:
        count = lambda state: int(db.one(f"SELECT count(*) FROM deliveries WHERE state = '{state}'")[0])  # noqa: E731
        states = {state: count(state) for state in ("waiting", "done", "ignored", "dead")}
        if not states["waiting"] or time.monotonic() - began > patience:
            return time.monotonic() - began, states
        time.sleep(0.25)


def figure(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="directory of bailey and bench-forge")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where the figures go, as JSON")
    parser.add_argument("--postgres", metavar="URL", help="an empty PostgreSQL database, instead of SQLite")
    parser.add_argument("--rate", type=int, default=300, help="deliveries a second")
    parser.add_argument("--seconds", type=float, default=34)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--tickets", type=int, default=50)
    arguments = parser.parse_args()
    where = report.conditions() | {"load": " ".join(f"{x:.1f}" for x in os.getloadavg()), "database": "postgres" if arguments.postgres else "sqlite"}
    print(" | ".join(f"{name}: {value}" for name, value in where.items()), flush=True)
    with tempfile.TemporaryDirectory(prefix="bailey-bench-") as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "data").mkdir()
        server = Server(arguments.programs / "bailey", scratch / "data", arguments.postgres)
        argv = [arguments.programs / "bench-forge", "--directory", scratch / "forge"]
        with subprocess.Popen(list(map(str, argv)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            forge = json.loads(process.stdout.readline())
            try:
                server.start()
                owner, path, key, numbers = set_up(server, forge, scratch, arguments.tickets)
                made = requests(server.address, path, key, numbers, int(arguments.rate * arguments.seconds))
                before = server.cpu_seconds()
                latencies, failures, took = asyncio.run(load(server.address, made, arguments.rate, arguments.connections))
                cpu = server.cpu_seconds() - before
                print(f"answered in {took:.0f} s, p99 {figure([ms for _, ms in latencies], 0.99):.1f} ms; now until all are worked on", flush=True)
                db = seed.Postgres(arguments.postgres) if arguments.postgres else seed.Sqlite(server.data / "bailey.db")
                rest, states = worked_on(db, 300)
                runs = server.ask("GET", "/connections/bench/runs", owner)["items"]
            finally:
                server.stop()
                process.stdin.close()
    unique = len({request for _, request in made})
    figures = {
        "deliveries": len(made), "unique": unique, "rate": len(made) / took, "failures": len(failures),
        "p50_ms": figure([ms for _, ms in latencies], 0.5), "p99_ms": figure([ms for _, ms in latencies], 0.99),
        "max_ms": max(ms for _, ms in latencies), "cpu_ms": cpu * 1e3 / len(made),
        "rest_seconds": rest, "states": states, "runs": len(runs),
    }  # fmt: skip
    report.save(arguments.out / "webhooks.json", figures, where)
    met = "yes" if figures["p99_ms"] < GOAL_MS and not failures else "NO"
    print("\n| deliveries | of them different | a second | refused | p50 ms | p99 ms | largest ms | ms CPU each | worked on after | goal p99 |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {len(made)} | {unique} | {figures['rate']:.0f} | {len(failures)} | {figures['p50_ms']:.2f} | {figures['p99_ms']:.2f} "
        f"| {figures['max_ms']:.2f} | {figures['cpu_ms']:.3f} | {rest:.1f} s, {states['waiting']} left | < {GOAL_MS}: {met} |"
    )


if __name__ == "__main__":
    main()

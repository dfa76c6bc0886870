#!/usr/bin/env python3
"""Measures what many linked agents cost the server.

The server is the real one, and so is the whole way of each workspace: the API, the build, the driver, a process of its own,
two WebSockets, the key, figures every five seconds. Only the agent runs nothing (crates/agent/examples/simulated.rs).

    cargo build --release -p bailey-cli && cargo build --release -p bailey-agent --example simulated
    python3 bench/agents.py --programs target/release
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

CONFIG = """
[workspaces]
agent = "{agent}"
parallel_builds = 8
[workspaces.quota]
workspaces = "none"
running = "none"
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="where bailey and examples/simulated are")
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--rest", type=int, default=20, help="seconds of rest before memory and CPU are read")
    parser.add_argument("--most", type=float, default=50.0, help="megabytes that all of them may cost")
    arguments = parser.parse_args()
    programs = arguments.programs.resolve()
    with tempfile.TemporaryDirectory(prefix="bailey-agents-") as scratch:
        return run(arguments, programs, pathlib.Path(scratch))


def run(arguments, programs, scratch):
    data = scratch / "data"
    config = scratch / "bailey.toml"
    config.write_text(CONFIG.format(agent=programs / "examples" / "simulated"))
    server = Server(programs / "bailey", data, config)
    try:
        server.start()
        token = server.token()
        time.sleep(2)
        before = server.resident()
        began = time.monotonic()
        ids = create(server, token, arguments.agents)
        linked(server, token, arguments.agents)
        up = time.monotonic() - began
        cpu = server.cpu()
        time.sleep(arguments.rest)
        after, share = server.resident(), (server.cpu() - cpu) / arguments.rest * 100
        print(f"server alone                        {before:8.1f} MB")
        print(f"with {arguments.agents} agents linked, at rest      {after:8.1f} MB, {share:.1f} % of a core")
        print(f"all of them made and linked in      {up:8.1f} s")
        cost = after - before
        # All of them come back at once.
        server.kill()
        server.start()
        began = time.monotonic()
        linked(server, token, arguments.agents)
        print(f"linked again after kill -9 in       {time.monotonic() - began:8.1f} s")
        time.sleep(arguments.rest)
        again = server.resident()
        print(f"with all of them back, at rest      {again:8.1f} MB")
        for identity in ids:
            server.call("DELETE", f"/workspaces/{identity}", token)
        met = cost < arguments.most
        print(f"cost: {cost:.1f} MB, {'below' if met else 'NOT below'} the goal of {arguments.most:.0f} MB")
        return 0 if met else 1
    finally:
        server.end()


def create(server, token, count):
    def one(number):
        body = {"template": "shell", "name": f"w{number}"}
        return server.call("POST", "/workspaces", token, body)["id"]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, range(count)))


def linked(server, token, count):
    """Waits until every workspace runs and is connected."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        found, cursor = 0, None
        while True:
            page = server.call("GET", "/workspaces?limit=100" + (f"&cursor={cursor}" if cursor else ""), token)
            found += sum(1 for w in page["items"] if w["status"] == "running" and w["connected"])
            cursor = page.get("next_cursor")
            if not cursor:
                break
        if found == count:
            return
        time.sleep(0.5)
    raise SystemExit("error: not all workspaces are linked; see the server's log")


class Server:
    def __init__(self, program, data, config):
        self.program, self.data, self.config = program, data, config
        self.process = None

    def start(self):
        (self.data / "address").unlink(missing_ok=True)
        command = [self.program, "server", "--data-dir", self.data, "--listen", "127.0.0.1:0", "--config", self.config]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                self.address = (self.data / "address").read_text().strip()
                with urllib.request.urlopen(f"http://{self.address}/readyz", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("error: the server does not start")

    def token(self):
        command = [self.program, "admin", "token", "create", "--user", "owner", "--data-dir", self.data]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def call(self, method, path, token, body=None):
        request = urllib.request.Request(f"http://{self.address}/api/v1{path}", method=method)
        request.add_header("authorization", f"Bearer {token}")
        data = None
        if body is not None:
            request.add_header("content-type", "application/json")
            data = json.dumps(body).encode()
        with urllib.request.urlopen(request, data, timeout=60) as answer:
            return json.load(answer)

    def resident(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise SystemExit("error: the server is gone")

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        """Ends the server and every agent, each of which holds a lock with its process id in it."""
        if self.process:
            self.kill()
        for lock in self.data.glob("workspaces/*/lock"):
            pid = lock.read_text().strip()
            try:
                if pid and b"simulated" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(int(pid), signal.SIGKILL)
            except OSError:
                pass


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Measures workspaces: create to first prompt, echo of terminals, memory; beside bubblewrap and a local terminal.

Run by `bench/workspaces.sh`, which starts it in the environment of `tests/workspaces`. Prints a table.
"""

import argparse
import asyncio
import os
import pathlib
import pty
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import termios
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/workspaces"), str(ROOT / "tests/clients")]

from deployment import TEMPLATES, Deployment  # noqa: E402
from harness import Failed  # noqa: E402
from viewer import Viewer  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", required=True, help="directory of the release binaries")
    parser.add_argument("--runs", type=int, default=100, help="workspaces that are made")
    parser.add_argument("--keys", type=int, default=500, help="keys that are pressed for each figure of echo")
    parser.add_argument("--baselines-only", action="store_true", help="measure without Bailey")
    arguments = parser.parse_args()
    row("bubblewrap, bare start", bubblewrap(arguments.runs), "ms")
    local = local_echo(arguments.keys)
    row("echo, local terminal", local, "ms")
    if arguments.baselines_only:
        return
    with tempfile.TemporaryDirectory(prefix="bailey-bench-") as scratch:
        bailey = Deployment(arguments.release, pathlib.Path(scratch), "http://127.0.0.1:9")
        try:
            bailey.push(TEMPLATES / "shell")
            asyncio.run(measure(bailey, arguments, local))
        finally:
            for name in bailey.names():
                bailey.run_cli("delete", name, "--yes")
            bailey.stop()


def row(what, values, unit):
    values = sorted(values)
    at = lambda share: values[min(len(values) - 1, int(len(values) * share))]  # noqa: E731
    print(f"| {what} | {at(0.5):.2f} | {at(0.99):.2f} | {unit} | {len(values)} |", flush=True)


def bubblewrap(runs):
    """All namespaces, a read-only /usr, its own /proc and /dev, /bin/true."""
    if not shutil.which("bwrap"):
        raise Failed("bwrap is missing")
    command = "bwrap --unshare-all --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64"
    command = [*command.split(), "--proc", "/proc", "--dev", "/dev", "/bin/true"]
    took = []
    for _ in range(runs + 5):
        started = time.perf_counter()
        subprocess.run(command, check=True)
        took.append((time.perf_counter() - started) * 1000)
    return took[5:]


def local_echo(keys):
    """One key at a time into `cat` on a terminal of this machine."""
    pid, master = pty.fork()
    if pid == 0:
        os.execvp("cat", ["cat"])
    time.sleep(0.2)
    attributes = termios.tcgetattr(master)
    took = []
    try:
        for _ in range(keys):
            started = time.perf_counter()
            os.write(master, b"x")
            select.select([master], [], [], 5)
            os.read(master, 100)
            took.append((time.perf_counter() - started) * 1000)
            time.sleep(0.002)
    finally:
        termios.tcsetattr(master, termios.TCSANOW, attributes)
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    return took


async def echo(viewer, keys):
    """One key at a time into `cat`; the time until its echo is there."""
    took = []
    for _ in range(keys):
        before = len(viewer.output)
        started = time.perf_counter()
        await viewer.type("x")
        while len(viewer.output) == before:
            if not await viewer.read(5):
                raise Failed("no echo")
        took.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(0.002)
    return took


async def measure(bailey, arguments, local):
    took = []
    for number in range(arguments.runs):
        name = f"b{number}"
        started = time.perf_counter()
        await asyncio.to_thread(bailey.post, "/api/v1/workspaces", {"name": name, "template": "shell"})
        viewer = Viewer(bailey.terminal_url(name), bailey.token)
        await viewer.connect_when_up()
        await viewer.until("$")
        took.append((time.perf_counter() - started) * 1000)
        await viewer.close()
        if number >= 2:
            await asyncio.to_thread(bailey.delete, name)
    row("create to first prompt", took, "ms")

    quiet = await opened(bailey, "b0")
    alone = await echo(quiet, arguments.keys)
    row("echo through the server", alone, "ms")
    print(f"  added at the median: {statistics.median(alone) - statistics.median(local):.2f} ms")
    loud = Viewer(bailey.terminal_url("b1"), bailey.token, name="loud")
    await loud.connect()
    await loud.type("yes flood\r")
    reader = asyncio.create_task(flood(loud))
    beside = await echo(quiet, arguments.keys)
    reader.cancel()
    row("echo while another terminal floods", beside, "ms")
    for name in ("b0", "b1"):
        print(f"  agent of {name}: {memory(bailey.agent_pid(name))}")


async def opened(bailey, name):
    viewer = Viewer(bailey.terminal_url(name), bailey.token, name="echo")
    await viewer.connect()
    await viewer.until("$")
    await viewer.type("exec cat\r")
    await viewer.settle()
    return viewer


async def flood(viewer):
    while True:
        await viewer.read(1)


def memory(pid):
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().split("\n")
    figures = {line.split(":")[0]: int(line.split()[1]) for line in rollup if line.startswith(("Rss", "Pss:"))}
    return f"{figures['Rss'] / 1024:.1f} MB resident, {figures['Pss'] / 1024:.1f} MB proportional"


if __name__ == "__main__":
    main()

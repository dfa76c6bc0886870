#!/usr/bin/env python3
"""Runs workspaces with real parts. One line per case; the last line is the result."""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))

import cases_agents  # noqa: E402
import cases_demo  # noqa: E402
import cases_harm  # noqa: E402
import cases_kill  # noqa: E402
import cases_life  # noqa: E402
import cases_terminal  # noqa: E402
import cases_walls  # noqa: E402
from deployment import Deployment  # noqa: E402
from harness import Failed, Server, free_port  # noqa: E402

# The cases of a lane run one after the other; lanes run side by side, since most of a case is waiting.
LANES = [
    cases_agents.CASES,
    cases_terminal.CASES + cases_kill.CASES,
    cases_life.CASES + cases_walls.CASES,
]
# These measure what others feel, so nothing runs beside them.
ALONE = cases_harm.CASES + cases_demo.CASES


class World:
    """What the cases share."""

    def __init__(self, arguments, scratch, mock_url):
        self.scratch, self.mock_url = scratch, mock_url
        self.release, self.debug = pathlib.Path(arguments.release), pathlib.Path(arguments.debug)
        self.cache = pathlib.Path(arguments.cache).resolve()
        self.playwright = self.cache / "npm"
        self.out = pathlib.Path(arguments.out).resolve()
        self.out.mkdir(parents=True, exist_ok=True)
        self.deployments = []
        self.lock = threading.Lock()
        # What no case kills.
        self.bailey = self.deploy("main", layers=self.cache / "layers")

    def deploy(self, name, debug=False, layers=None):
        """A server of its own, for a case that kills it. Layers are one server's: at its start it sweeps what is half made."""
        binaries = self.debug if debug else self.release
        made = Deployment(binaries, self.scratch / name, self.mock_url, layers=layers)
        with self.lock:
            self.deployments.append(made)
        return made

    def say(self, text):
        with self.lock:
            print(text, flush=True)

    def end(self):
        for deployment in self.deployments:
            deployment.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", required=True, help="directory of the release binaries")
    parser.add_argument("--debug", required=True, help="directory of the debug binaries, which have failpoints")
    parser.add_argument("--cache", required=True, help="where playwright-core is installed and layers are kept")
    parser.add_argument("--out", required=True, help="where screenshots go")
    parser.add_argument("--only", nargs="*", default=[""], help="run only the cases whose name contains one of these")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("error: this suite needs root (a hosts file of its own, disk quotas)")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bailey-workspaces-") as scratch:
        failed, passed = run(arguments, pathlib.Path(scratch))
    print(f"{passed} passed, {failed} failed in {time.monotonic() - started:.0f} s")
    return 1 if failed or not passed else 0


def run(arguments, scratch):
    """Starts the provider and Bailey, runs the cases, and returns how many failed and passed."""
    port = free_port()
    mock_url = f"http://127.0.0.1:{port}"
    command = [pathlib.Path(arguments.release).resolve() / "bailey", "mock", "--listen", f"127.0.0.1:{port}"]
    command += ["--scenarios", HERE.parent / "clients" / "scenarios.yaml"]
    mock = Server("mock", command, scratch, f"{mock_url}/ledger")
    try:
        world = World(arguments, scratch, mock_url)
        try:
            results = run_lanes(world, [part.lower() for part in arguments.only])
        finally:
            world.end()
        return results.count(False), results.count(True)
    finally:
        mock.stop()


def run_lanes(world, only):
    def is_wanted(case):
        return any(part in case[0].lower() for part in only)

    wanted = [list(filter(is_wanted, lane)) for lane in LANES]
    with concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
        lanes = [pool.submit(lambda lane=lane: [run_case(world, *case) for case in lane]) for lane in wanted]
        results = [result for lane in lanes for result in lane.result()]
    return results + [run_case(world, *case) for case in filter(is_wanted, ALONE)]


def run_case(world, name, case):
    """Runs one case; whether it passed."""
    started = time.monotonic()
    try:
        noted = case(world)
    except Exception as failure:  # noqa: BLE001 whatever it is, the other cases run
        expected = isinstance(failure, (Failed, subprocess.SubprocessError))
        text = str(failure) if expected else traceback.format_exc()
        took = time.monotonic() - started
        logs = "\n".join(f"        log of {one.directory.name}:\n{one.server.tail()}" for one in world.deployments)
        world.say(f"FAILED  {name} ({took:.1f} s): {text}\n{logs}")
        return False
    world.say(f"passed  {name} ({time.monotonic() - started:.1f} s{f'; {noted}' if noted else ''})")
    return True


if __name__ == "__main__":
    sys.exit(main())

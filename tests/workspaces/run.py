#!/usr/bin/env python3
"""Runs workspaces with real parts. The last line is the result."""

import argparse
import os
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))

import cases_agents  # noqa: E402
import cases_core  # noqa: E402
from accounts import Judge  # noqa: E402
from deployment import TEMPLATES, Deployment, variant  # noqa: E402
from harness import Failed, Server, clean_environment, free_port  # noqa: E402

# The places where a debug build kills itself while it builds a workspace.
FAILPOINTS = []


class World:
    """What the cases share."""

    def __init__(self, arguments, scratch, bailey, mock_url):
        self.bailey, self.scratch, self.mock_url = bailey, scratch, mock_url
        self.debug = pathlib.Path(arguments.debug)
        self.out = pathlib.Path(arguments.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.playwright = pathlib.Path(arguments.playwright).resolve()
        self.environment = clean_environment(scratch / "browser-home")
        self.failpoints = FAILPOINTS
        self.shell = TEMPLATES / "shell"
        self.judge = Judge(bailey, mock_url)
        self.pushed = {}

    def agent_template(self, name, **replacements):
        """Pushes one of the agent templates and builds its layer, which all of them share."""
        return self._built(name, replacements)

    def ide_template(self):
        return self._built("web-ide", {})

    def judge_workspace(self, shown):
        """Compares the workspace's part of the ledger with the provider's, and returns the number of calls."""
        return self.judge.compare(shown["key_id"])

    def _built(self, name, replacements):
        if name not in self.pushed:
            directory = variant(name, self.scratch, **replacements) if replacements else TEMPLATES / name
            self.bailey.push(directory, name)
            took = self.bailey.build_layer(name)
            print(f"        the layer of {name} took {took:.0f} s", flush=True)
            self.pushed[name] = name
        return self.pushed[name]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", required=True, help="directory of the release binaries")
    parser.add_argument("--debug", required=True, help="directory of the debug binaries, which have failpoints")
    parser.add_argument("--playwright", required=True, help="where playwright-core is installed")
    parser.add_argument("--out", required=True, help="where screenshots go")
    parser.add_argument("--only", default="", help="run only the cases whose name contains this")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("error: this suite needs root (a hosts file of its own, disk quotas)")
    with tempfile.TemporaryDirectory(prefix="bailey-workspaces-") as scratch:
        failed, passed = run(arguments, pathlib.Path(scratch))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def run(arguments, scratch):
    """Starts the provider and Bailey, runs the cases one after the other, and returns how many failed and passed."""
    port = free_port()
    mock_url = f"http://127.0.0.1:{port}"
    command = [pathlib.Path(arguments.release) / "bailey", "mock", "--listen", f"127.0.0.1:{port}"]
    command += ["--scenarios", HERE.parent / "clients" / "scenarios.yaml"]
    mock = Server("mock", command, scratch, f"{mock_url}/ledger")
    try:
        bailey = Deployment(arguments.release, scratch / "main", mock_url)
        try:
            bailey.push(TEMPLATES / "shell")
            return run_cases(arguments, World(arguments, scratch, bailey, mock_url))
        finally:
            for name in bailey.names():
                bailey.run_cli("delete", name, "--yes")
            bailey.stop()
    finally:
        mock.stop()


def run_cases(arguments, world):
    failed = passed = 0
    for name, case in cases_core.CASES + cases_agents.CASES:
        if arguments.only.lower() not in name.lower():
            continue
        started = time.monotonic()
        try:
            case(world)
        except Failed as failure:
            failed += 1
            print(f"FAILED  {name}: {failure}\n        bailey's log:\n{world.bailey.server.tail()}", flush=True)
        else:
            passed += 1
            print(f"passed  {name} ({time.monotonic() - started:.1f} s)", flush=True)
    return failed, passed


if __name__ == "__main__":
    sys.exit(main())

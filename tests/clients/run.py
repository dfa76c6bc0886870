#!/usr/bin/env python3
"""Runs real clients through Bailey and compares its ledger with the provider's. The last line is the result."""

import argparse
import pathlib
import sys
import tempfile
import time

import cases
from accounts import Judge
from harness import Bailey, Failed, Place, Server, free_port

HERE = pathlib.Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bailey", required=True, help="the binary")
    parser.add_argument("--clients", required=True, help="where the clients are installed")
    parser.add_argument("--only", default="", help="run only the cases whose name contains this")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="bailey-clients-") as scratch:
        failed, passed = run(arguments, pathlib.Path(scratch))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def run(arguments, scratch):
    """Starts the servers, runs the cases one after the other, and returns how many failed and passed."""
    port = free_port()
    mock_url = f"http://127.0.0.1:{port}"
    mock = Server(
        "mock",
        [pathlib.Path(arguments.bailey).resolve(), "mock", "--listen", f"127.0.0.1:{port}", "--scenarios", HERE / "scenarios.yaml"],
        scratch,
        f"{mock_url}/ledger",
    )
    try:
        bailey = Bailey(arguments.bailey, scratch, mock_url)
        try:
            return run_cases(arguments, scratch, bailey, Judge(bailey, mock_url))
        finally:
            bailey.stop()
    finally:
        mock.stop()


def run_cases(arguments, scratch, bailey, judge):
    failed = passed = 0
    planned = [(name, case, "20/day", True) for name, case in cases.WITH_BUDGET]
    planned += [(name, case, "0.000001/day", False) for name, case in cases.WITHOUT_BUDGET]
    for number, (name, case, budget, reaches_provider) in enumerate(planned):
        if arguments.only.lower() not in name.lower():
            continue
        started = time.monotonic()
        try:
            key_id, key = bailey.create_key(f"client-{number}", budget)
            place = Place(scratch / f"case-{number}", arguments.clients, bailey.url, key)
            try:
                case(place)
            finally:
                # Even after a failure, so that the next case starts where this one ended.
                calls = judge.compare(key_id)
            if reaches_provider != (calls > 0):
                raise Failed(f"{calls} calls reached the provider")
        except Failed as failure:
            failed += 1
            print(f"FAILED  {name}: {failure}\n        bailey's log:\n{bailey.server.tail()}", flush=True)
        else:
            passed += 1
            took = time.monotonic() - started
            print(f"passed  {name}: {calls} calls, ledgers equal ({took:.1f} s)", flush=True)
    return failed, passed


if __name__ == "__main__":
    sys.exit(main())

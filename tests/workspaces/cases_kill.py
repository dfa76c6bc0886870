"""kill -9 of the server in the middle of a build, at failpoints of a debug build.

A few here, with everything real around them; the whole list is in `crates/cli/tests/workspaces`.
"""

import concurrent.futures
import time

from deployment import wait_until_clean
from harness import Failed, expect_in

# The place, and the command under which it is reached first.
POINTS = {
    "build.agent_started": "create",
    "build.finish": "create",
    "stop.agent": "stop",
    "delete.home": "delete",
}


def killed(world, point):
    """The next server ends the build, whoever waits for it is told, it can be done again, and nothing is left behind."""
    bailey = world.deploy(f"killed-{point}", debug=True)
    if POINTS[point] != "create":
        bailey.create("w", "shell")
        bailey.sh("w", "echo kept > ~/kept.txt")
    bailey.restart(BAILEY_FAIL_AT=f"{point}:1")
    command = ("create", "shell", "w") if POINTS[point] == "create" else (POINTS[point], "w")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bailey.run_cli, *command, timeout=100)
        if bailey.server.process.wait(60) != -9:
            raise Failed(f"the server was not killed at {point}")
        bailey.start()
        told = waiting.result()
    if told.returncode != 0:
        raise Failed(f"killed at {point}, `bailey {' '.join(command)}` says: {told.stdout}")
    settled(bailey, point)
    if point == "stop.agent":
        bailey.start_workspace("w")
        expect_in("kept", bailey.sh("w", "cat ~/kept.txt"))
    if POINTS[point] == "create":
        expect_in("works", bailey.sh("w", "echo works"))
    if "w" in bailey.names():
        bailey.delete("w")
    wait_until_clean(bailey.data, f"killed at {point}")
    bailey.create("again", "shell")
    expect_in("works", bailey.sh("again", "echo works"))


def settled(bailey, point):
    """Waits until no build is under way."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        rows = bailey.json("list")["items"]
        if all(row["status"] in ("running", "stopped", "failed", "deleted") for row in rows):
            return
        time.sleep(0.2)
    raise Failed(f"killed at {point}, a build never ends: {rows}")


CASES = [(f"kill -9 at {point}", lambda world, point=point: killed(world, point)) for point in POINTS]

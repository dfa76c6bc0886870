"""Runs one step of browser.mjs."""

import json
import pathlib
import subprocess
import threading

from harness import Failed, clean_environment

HERE = pathlib.Path(__file__).resolve().parent


def browse(world, step, url, timeout=240, **pauses):
    """Runs the step in Chromium and returns what it saw. Where it pauses, the function of that name is called first."""
    environment = clean_environment(world.scratch / f"browser-{step}", PLAYWRIGHT=str(world.playwright))
    process = subprocess.Popen(
        ["node", str(HERE / "browser.mjs"), step, url, str(world.out)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    late = threading.Timer(timeout, process.kill)
    late.start()
    # Read beside standard output, so that neither fills up.
    complaints = []
    reader = threading.Thread(target=lambda: complaints.append(process.stderr.read()), daemon=True)
    reader.start()
    seen = None
    try:
        for line in process.stdout:
            seen = json.loads(line)
            if "pause" in seen:
                pauses[seen["pause"]]()
                process.stdin.write("\n")
                process.stdin.flush()
    finally:
        process.stdin.close()
        if process.wait() != 0:
            seen = None
        late.cancel()
        reader.join(5)
    if seen is None:
        raise Failed(f"{step} in Chromium: {''.join(complaints)[-3000:]}\nscreenshots: {world.out}")
    if seen["complaints"]:
        raise Failed(f"{step} in Chromium: the page has errors: {seen['complaints']}")
    return seen

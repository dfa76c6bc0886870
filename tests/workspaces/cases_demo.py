"""`bailey demo`, as somebody runs it who has just built Bailey: from the ticket to a merge request, again, put back, and once more."""

import json
import os
import pathlib
import signal
import stat
import subprocess
import time

from deployment import leftovers
from harness import Failed, clean_environment, expect_in, free_port

# Milliseconds from the label on: the goals of the loop with the local runtime. Nothing else runs beside this case.
GOALS = {"model": 5_000, "changed": 10_000}
# What has to happen, in this order.
STEPS = ["label", "webhook", "starting", "running", "cloned", "model", "test_fails", "refused", "changed", "test_passes", "committed", "pushed"]
STEPS += ["merge_request", "end"]


class Demo:
    """The command with a directory of its own."""

    def __init__(self, world):
        self.binary = world.release.resolve() / "bailey"
        self.directory = world.scratch / "demo"
        self.environment = clean_environment(world.scratch / "demo-home")
        self.ports = ["--port", str(free_port()), "--forge-port", str(free_port())]

    def start(self, *arguments):
        command = [str(self.binary), "demo", *arguments, "--data-dir", str(self.directory)]
        return subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments, status=0):
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=180)
        except subprocess.TimeoutExpired as late:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
            raise Failed(f"bailey demo {' '.join(arguments)} does not end:\n{out[-2000:]}{err[-2000:]}") from late
        if process.returncode != status:
            raise Failed(f"bailey demo {' '.join(arguments)}: status {process.returncode}\n{out[-2000:]}{err[-2000:]}")
        return out, err

    def once(self, ticket):
        """Runs to the merge request, and looks by itself at what was pushed. Answers with each step's milliseconds."""
        out, _ = self.run("--once", "--output", "json", *self.ports)
        steps = [json.loads(line) for line in out.splitlines()]
        if [step["step"] for step in steps] != STEPS:
            raise Failed(f"the steps are {[step['step'] for step in steps]}")
        end = steps[-1]
        if (end["ticket"], end["branch"].split("/")[0]) != (ticket, "bailey"):
            raise Failed(f"it is about {end}")
        if float(end["cost"]) <= 0 or end["model_calls"] < 7 or end["audit_records"] < 5 or end["refused"] != 1:
            raise Failed(f"not everything is on the record: {end}")
        if self.passes("main") or not self.passes(end["branch"]):
            raise Failed(f"main passes the test, or {end['branch']} does not")
        if running := [left for left in leftovers(self.directory / "bailey") if not left.startswith("directory")]:
            raise Failed(f"it has ended, and there is left: {running}")
        return {step["step"]: step["milliseconds"] for step in steps[:-1]}

    def passes(self, branch):
        """Whether the test passes on a branch of the forge's repository."""
        clone = self.directory.parent / "demo-clone"
        subprocess.run(["rm", "-rf", clone], check=True)
        repository = self.directory / "forge" / "repositories" / "1.git"
        subprocess.run(["git", "clone", "-q", "-b", branch, str(repository), str(clone)], check=True, timeout=60)
        return subprocess.run(["sh", "test.sh"], cwd=clone, stdout=subprocess.DEVNULL, timeout=60).returncode == 0

    def files(self):
        """Every file: how large it is, when it was last changed, and what is in it, but for homes, which are large and mostly empty."""
        found = {}
        for folder, _, names in os.walk(self.directory):
            for path in (pathlib.Path(folder, name) for name in names):
                known = path.lstat()
                small = stat.S_ISREG(known.st_mode) and known.st_size < 1 << 24
                found[path] = (known.st_mode, known.st_size, known.st_mtime_ns, path.read_bytes() if small else None)
        return found


def demonstration(world):
    """The demonstration makes a merge request that passes; so does a second run; a plan changes nothing; a reset puts all back."""
    demo = Demo(world)
    first = demo.once(ticket=1)
    for step, goal in GOALS.items():
        if first[step] > goal:
            raise Failed(f"{step} came {first[step]} ms after the label; the goal is {goal}")
    demo.once(ticket=2)

    before = demo.files()
    out, _ = demo.run("reset", "--plan")
    for line in ("put back ticket demo/greeter#1", "delete ticket demo/greeter#2", "delete merge request demo/greeter!1", "delete workspace ws_"):
        expect_in(line, out)
    if changed := {path for path in before.keys() | demo.files().keys() if before.get(path) != demo.files().get(path)}:
        raise Failed(f"a plan has changed {changed}")
    beside = world.scratch / "beside.txt"
    beside.write_text("not the demonstration's")
    demo.run("reset")
    if demo.directory.exists() or beside.read_text() != "not the demonstration's":
        raise Failed("a reset leaves its directory, or touches what is beside it")
    demo.once(ticket=1)
    demo.run("reset")
    return ", ".join(f"{step} after {first[step]} ms" for step in [*GOALS, "merge_request"])


def refusals(world):
    """A directory that is somebody's is not touched, a port in use is named, and Ctrl-C ends all that runs."""
    demo = Demo(world)
    demo.directory.mkdir()
    (demo.directory / "notes.txt").write_text("mine")
    for arguments in (["--once"], ["reset"], ["reset", "--plan"]):
        _, err = demo.run(*arguments, status=1)
        expect_in("nothing was touched", err)
    if [path.name for path in demo.directory.iterdir()] != ["notes.txt"]:
        raise Failed(f"it has {list(demo.directory.iterdir())}")
    (demo.directory / "notes.txt").unlink()

    port = world.bailey.url.rsplit(":", 1)[1]
    _, err = demo.run("--once", "--port", port, status=1)
    expect_in(f"port {port} of 127.0.0.1 is in use", err)

    process = demo.start(*demo.ports)
    for line in process.stdout:
        if "Ctrl-C" in line:
            break
    else:
        raise Failed(f"it does not stay:\n{process.stderr.read()[-2000:]}")
    _, err = demo.run("reset", status=1)
    expect_in("a demonstration runs in", err)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    if process.wait(timeout=60) != 0:
        raise Failed(f"Ctrl-C: status {process.returncode}\n{process.stderr.read()[-2000:]}")
    if running := [left for left in leftovers(demo.directory / "bailey") if not left.startswith("directory")]:
        raise Failed(f"after Ctrl-C there is left: {running}")
    demo.run("reset")
    return f"ended within {time.monotonic() - started:.1f} s"


CASES = [
    ("demo: from a ticket to a merge request, again, put back, once more", demonstration),
    ("demo: nobody's directory is touched, and Ctrl-C ends all", refusals),
]

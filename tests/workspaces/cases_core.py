"""Life cycle, terminals, harm done inside, kill -9: everything that the `shell` template is enough for."""

import asyncio
import time

from deployment import Deployment, leftovers
from harness import Failed, expect_in
from viewer import Viewer


def lifecycle(world):
    """Files survive stop, start and update; what is outside the home does not; delete leaves nothing."""
    bailey = world.bailey
    bailey.create("life", "shell")
    bailey.sh("life", "echo kept > ~/kept.txt; echo gone > /tmp/gone.txt")
    bailey.stop_workspace("life")
    if bailey.show("life")["status"] != "stopped":
        raise Failed(f"it is {bailey.show('life')['status']} after stop")
    result = bailey.run_cli("exec", "life", "--", "true")
    if result.returncode == 0:
        raise Failed("a command ran in a stopped workspace")
    bailey.start_workspace("life")
    expect_in("kept", bailey.sh("life", "cat ~/kept.txt"))
    bailey.sh("life", "cat /tmp/gone.txt", expect_success=False)
    bailey.update("life", disk=3)
    expect_in("kept", bailey.sh("life", "cat ~/kept.txt"))
    place = bailey.directory_of("life")
    bailey.delete("life")
    if place.exists() or "life" in bailey.names():
        raise Failed(f"delete has left {place}")


def vim(world):
    """vim is drawn again after a reload and after kill -9 of the server, and goes on."""
    bailey = world.bailey
    bailey.create("vim", "shell")
    asyncio.run(_vim(bailey))
    if bailey.sh("vim", "cat ~/poem.txt").strip() != "typed before\ntyped after the reload\ntyped after kill -9":
        raise Failed(f"vim wrote {bailey.sh('vim', 'cat ~/poem.txt')!r}")
    bailey.delete("vim")


async def _vim(bailey):
    url = bailey.terminal_url("vim")
    viewer = Viewer(url, bailey.token)
    await viewer.connect()
    await viewer.until("$")
    await viewer.type("vim -u NONE -N ~/poem.txt\r")
    await viewer.until("~\n~")
    await viewer.type("ityped before")
    await viewer.until("typed before")
    await viewer.settle()
    drawn = viewer.text()

    await viewer.close()
    fresh = Viewer(url, bailey.token)
    await fresh.connect()
    await fresh.until("typed before")
    await fresh.settle()
    same(fresh.text(), drawn, "after a reload")
    await fresh.type("\rtyped after the reload")
    await fresh.until("after the reload")
    await fresh.settle()

    bailey.kill()
    bailey.start()
    await fresh.connect_when_up(fresh=False)
    await fresh.type("\rtyped after kill -9\x1b:wq\r")
    await fresh.until("poem.txt")
    await fresh.until(lambda text: text.rstrip().endswith("$"))
    await fresh.close()


def output_is_whole(world):
    """Output that runs on while the viewer is cut off and the server killed is neither lost nor repeated."""
    bailey = world.bailey
    bailey.create("flow", "shell")
    asyncio.run(_flow(bailey))
    bailey.delete("flow")


async def _flow(bailey):
    viewer = Viewer(bailey.terminal_url("flow"), bailey.token)
    await viewer.connect()
    await viewer.until("$")
    await viewer.type("for i in $(seq 1 200); do echo line-$i-; sleep 0.05; done; echo all-done\r")
    await viewer.until("line-20-")
    await viewer.close()
    await asyncio.sleep(0.5)
    await viewer.connect(fresh=False)
    await viewer.until("line-60-")
    bailey.kill()
    bailey.start()
    await viewer.connect_when_up(fresh=False)
    await viewer.until("\nall-done", timeout=30)
    # What was typed is echoed too, with `$i` in it, so only real lines match.
    for i in range(1, 201):
        times = viewer.output.count(b"line-%d-\r\n" % i)
        if times != 1:
            raise Failed(f"line {i} came {times} times")
    if viewer.screens != 1 or viewer.resumes < 2:
        raise Failed(f"{viewer.screens} screens and {viewer.resumes} resumptions")
    await viewer.close()


def same(screen, expected, when):
    if screen != expected:
        raise Failed(f"{when} the screen is\n{screen}\nnot\n{expected}")


HARM = [
    ("rm -rf", "rm -rf --no-preserve-root / 2>/dev/null; rm -rf ~/* ~/.[a-z]* 2>/dev/null; true"),
    ("fork bomb", "timeout 10 sh -c 'b() { b | b & }; b; sleep 8' 2>/dev/null; true"),
    ("memory hog", "timeout 20 python3 -c 'a = []\nwhile True: a.append(bytearray(1 << 24))' 2>/dev/null; true"),
    ("full disk", "dd if=/dev/zero of=$HOME/full bs=1M count=4000 2>/dev/null; true"),
]


def harm(world):
    """What somebody does to their own workspace, on purpose or not, neither a neighbour nor the server feels."""
    bailey = world.bailey
    bailey.create("neighbour", "shell")
    bailey.sh("neighbour", "echo mine > ~/mine.txt")
    for what, script in HARM:
        bailey.create("harm", "shell", disk=1)
        # The command may be ended with everything else inside: only the others count.
        bailey.run_cli("exec", "harm", "--", "sh", "-c", script, timeout=60)
        started = time.monotonic()
        expect_in("mine", bailey.sh("neighbour", "cat ~/mine.txt", timeout=10))
        took = time.monotonic() - started
        if took > 3:
            raise Failed(f"{what}: the neighbour took {took:.1f} s to answer")
        if what == "full disk":
            used = int(bailey.sh("harm", "du -sm ~ | cut -f1"))
            if used > 1024:
                raise Failed(f"{used} MiB lie in a home directory of 1 GiB")
        bailey.delete("harm")
        expect_in("root", open("/etc/passwd").read())
    bailey.delete("neighbour")


def killed_at_each_step(world):
    """kill -9 at each step of a build: afterwards the build is over, it can be done again, and nothing is left behind."""
    if not world.failpoints:
        raise Failed("no failpoint is named in run.py")
    for point in world.failpoints:
        bailey = Deployment(world.debug, world.scratch / f"killed-{point}", world.mock_url)
        try:
            bailey.push(world.shell)
            bailey.restart(BAILEY_FAIL_AT=f"{point}:1")
            for command in (("create", "w", "--template", "shell"), ("stop", "w"), ("delete", "w", "--yes")):
                bailey.run_cli(*command, timeout=60)
                if bailey.server.process.poll() is not None:
                    break
            else:
                raise Failed(f"the server was never killed at {point}")
            bailey.start()
            settled(bailey, point)
            if "w" in bailey.names():
                bailey.delete("w")
            deadline = time.monotonic() + 10
            while (left := leftovers(bailey.data)) and time.monotonic() < deadline:
                time.sleep(0.2)
            if left:
                raise Failed(f"killed at {point}, there is left: {left}")
            bailey.create("again", "shell")
            expect_in("works", bailey.sh("again", "echo works"))
            bailey.delete("again")
        finally:
            bailey.stop()


def settled(bailey, point):
    """Waits until no build is under way."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        rows = bailey.json("list")["data"]
        if all(row["status"] in ("running", "stopped", "failed") for row in rows):
            return
        time.sleep(0.2)
    raise Failed(f"killed at {point}, a build never ends: {rows}")


CASES = [
    ("files survive, delete leaves nothing", lifecycle),
    ("vim after reload and kill -9", vim),
    ("output neither lost nor repeated", output_is_whole),
    ("harm stays inside", harm),
    ("kill -9 at each step", killed_at_each_step),
]

"""Terminals: in Chromium, and with a viewer that counts every byte."""

import asyncio

from browser import browse
from harness import Failed, expect_in
from viewer import Viewer


def in_chromium(world):
    """Typed, reloaded, seen by a second viewer: the same screen, colours included."""
    bailey = world.bailey
    bailey.create("page", "shell")
    seen = browse(world, "terminal", bailey.open("page"))
    same(seen["before"], seen["after"], "after a reload")
    same(*seen["shared"], "beside a second viewer")
    small, large = (size_of(screen) for screen in (seen["shared"][0], seen["alone"]))
    if not (small[0] < large[0] and small[1] < large[1]):
        raise Failed(f"rows and columns were {small} beside a smaller viewer, and {large} without it")
    bailey.delete("page")


def size_of(screen):
    """What `stty size` has printed."""
    return [int(number) for number in screen["text"].splitlines()[0].split()[1:]]


def vim(world):
    """vim is drawn again after a reload and after kill -9 of the server, and goes on; every character in its colours."""
    bailey = world.deploy("vim")
    bailey.create("editor", "shell")

    def kill():
        bailey.kill()
        bailey.start()

    seen = browse(world, "vim", bailey.open("editor"), kill=kill)
    expect_in('char *s = "a string";', seen["before"]["text"])
    expect_in("-- INSERT --", seen["before"]["text"])
    same(seen["before"], seen["reloaded"], "after a reload")
    same(seen["typed"], seen["killed"], "after kill -9")
    same(seen["more"], seen["again"], "after kill -9 and a reload")
    written = bailey.sh("editor", "cat ~/poem.c")
    wanted = '/* typed before */ int main(void) { return 42; }\nchar *s = "a string";\n// typed after the reload\n// typed after kill -9\n'
    if written != wanted:
        raise Failed(f"vim wrote {written!r}")


def same(one, other, when):
    if one["text"] != other["text"]:
        raise Failed(f"{when} the screen is\n{other['text']}\nnot\n{one['text']}")
    if one["cells"] != other["cells"]:
        raise Failed(f"{when} the screen has other colours:\n{other['cells'][:3000]}\nnot\n{one['cells'][:3000]}")


def output_is_whole(world):
    """Output that runs on while the viewer is cut off and the server killed is neither lost nor repeated."""
    bailey = world.deploy("flow")
    bailey.create("flow", "shell")
    asyncio.run(_flow(bailey))


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
    await asyncio.to_thread(bailey.kill)
    await asyncio.to_thread(bailey.start)
    await viewer.connect_when_up(fresh=False)
    await viewer.until("\nall-done", timeout=40)
    # What was typed is echoed too, with `$i` in it, so only real lines match.
    for i in range(1, 201):
        times = viewer.output.count(b"line-%d-\r\n" % i)
        if times != 1:
            raise Failed(f"line {i} came {times} times")
    if viewer.screens != 1 or viewer.resumes < 2:
        raise Failed(f"{viewer.screens} screens and {viewer.resumes} resumptions")
    await viewer.close()


CASES = [
    ("terminal in Chromium", in_chromium),
    ("vim in Chromium, over a reload and kill -9", vim),
    ("output neither lost nor repeated", output_is_whole),
]

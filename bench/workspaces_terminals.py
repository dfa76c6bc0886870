"""Create to first prompt, and echo of terminals."""

import asyncio
import http.client
import json
import multiprocessing
import os
import pty
import select
import shutil
import subprocess
import time

from harness import Failed
from viewer import Viewer

# Between two keys, in seconds: a person types slower, and what follows a key would meet the next one.
PAUSE = 0.004
WARM_UP = 5


async def create(bailey, runs):
    """Makes workspaces one after the other, bubblewrap's bare start between them. Each is deleted before the next."""
    api = Api(bailey)
    bare, took = [], []
    for number in range(runs + WARM_UP):
        bare.append(bubblewrap())
        started = time.perf_counter()
        made = api.post("/api/v1/workspaces", {"name": f"b{number}", "template": "shell"})
        viewer = Viewer(f"{bailey.url.replace('http', 'ws')}/api/v1/workspaces/{made['id']}/terminal", bailey.token)
        await viewer.connect_when_up()
        while not viewer.output and not viewer.text():
            await viewer.read(10)
        took.append((time.perf_counter() - started) * 1000)
        await viewer.until("$")
        await viewer.close()
        # The prompt may be there a moment before the build is over.
        while api.get(f"/api/v1/workspaces/{made['id']}")["status"] != "running":
            await asyncio.sleep(0.01)
        await asyncio.to_thread(bailey.delete, f"b{number}")
    return {"bubblewrap, bare start": bare[WARM_UP:], "create to first prompt": took[WARM_UP:]}


class Api:
    """The API over one connection, which stays."""

    def __init__(self, bailey):
        self.connection = http.client.HTTPConnection(bailey.url.removeprefix("http://"), timeout=30)
        self.headers = {"Authorization": f"Bearer {bailey.token}", "Content-Type": "application/json"}

    def get(self, path):
        return self._ask("GET", path, None)

    def post(self, path, body):
        return self._ask("POST", path, json.dumps(body))

    def _ask(self, method, path, body):
        self.connection.request(method, path, body, self.headers)
        response = self.connection.getresponse()
        text = response.read()
        if response.status >= 300:
            raise Failed(f"{method} {path}: {response.status} {text.decode(errors='replace')}")
        return json.loads(text)


def bubblewrap():
    """All namespaces, a read-only /usr, its own /proc and /dev, /bin/true. In milliseconds."""
    if not shutil.which("bwrap"):
        raise Failed("bwrap is missing")
    command = "bwrap --unshare-all --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64"
    started = time.perf_counter()
    subprocess.run([*command.split(), "--proc", "/proc", "--dev", "/dev", "/bin/true"], check=True)
    return (time.perf_counter() - started) * 1000


async def echoes(bailey, keys):
    """Keys into `cat`: on a terminal of this machine, through the server, and while another terminal prints without end."""
    for name in ("quiet", "loud"):
        await asyncio.to_thread(bailey.create, name, "shell")
    quiet = await into_cat(bailey, "quiet", "echo")
    figures = {}
    local, through = [], []
    # Both in turns, so that whatever else the machine does meets both.
    for _ in range(10):
        local += local_echo(keys // 10)
        through += await echo(quiet, keys // 10)
    figures["echo, local terminal"], figures["echo through the server"] = local, through
    for what, name in (("another workspace", "loud"), ("another terminal of the workspace", "quiet")):
        # A process of its own: reading a flood must not hold up the clock.
        flood = multiprocessing.Process(target=flooded, args=(bailey.terminal_url(name), bailey.token), daemon=True)
        flood.start()
        await asyncio.sleep(2)
        if not flood.is_alive():
            raise Failed(f"the flood of {name} has ended: {flood.exitcode}")
        figures[f"echo, {what} floods"] = await echo(quiet, keys)
        flood.terminate()
        flood.join()
        await asyncio.sleep(1)
    await quiet.close()
    for name in ("quiet", "loud"):
        await asyncio.to_thread(bailey.delete, name)
    return figures


def local_echo(keys):
    """One key at a time into `cat` on a terminal of this machine, in milliseconds."""
    pid, master = pty.fork()
    if pid == 0:
        os.execvp("cat", ["cat"])
    time.sleep(0.2)
    took = []
    try:
        for _ in range(keys):
            started = time.perf_counter()
            os.write(master, b"x")
            select.select([master], [], [], 5)
            os.read(master, 100)
            took.append((time.perf_counter() - started) * 1000)
            time.sleep(PAUSE)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(master)
    return took


async def into_cat(bailey, workspace, name):
    viewer = Viewer(bailey.terminal_url(workspace), bailey.token, name=name)
    await viewer.connect()
    await viewer.until("$")
    await viewer.type("exec cat\r")
    await viewer.settle()
    viewer.draws = False
    return viewer


async def echo(viewer, keys):
    """One key at a time into `cat`; the time until its echo is there, in milliseconds."""
    took = []
    for number in range(keys):
        before = viewer.next
        started = time.perf_counter()
        await viewer.type("x")
        while viewer.next == before:
            if not await viewer.read(5):
                raise Failed("no echo")
        took.append((time.perf_counter() - started) * 1000)
        # A line that is too long would not be echoed any more.
        if number % 60 == 59:
            await viewer.type("\r")
            await viewer.settle(0.05)
        await asyncio.sleep(PAUSE)
    return took


def flooded(url, token):
    """Has a terminal print without end, and reads all of it."""
    asyncio.run(_flooded(url, token))


async def _flooded(url, token):
    viewer = Viewer(url, token, name="flood")
    await viewer.connect()
    await viewer.until("$")
    viewer.draws = False
    await viewer.type("yes flood\r")
    while True:
        await viewer.read(5)
        viewer.output = b""

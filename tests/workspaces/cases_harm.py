"""Harm that somebody does to their own workspace, on purpose or not, and what the neighbour and the server feel of it."""

import pathlib
import threading
import time
import urllib.request

from harness import Failed, expect_in

# The longest that the neighbour or the server may take for an answer meanwhile, in seconds. Idle, both take milliseconds.
PATIENCE = 3

MEMORY_HOG = "a = []\nwhile True: a.append(bytearray(1 << 24))"
HARM = {
    "rm -rf /": "rm -rf --no-preserve-root / 2>/dev/null; ls -A ~ | wc -l",
    "fork bomb": "timeout -s KILL 8 sh -c 'b() { b | b & b; }; b' 2>/dev/null; true",
    "memory hog": f"timeout 20 /usr/bin/python3 -c '{MEMORY_HOG}'; echo ended with $?",
    "full disk": "dd if=/dev/zero of=$HOME/full bs=1M count=4000 2>&1; du -sm ~ 2>/dev/null | cut -f1",
    "flood of output": "timeout 5 yes flood >/dev/null; timeout 5 sh -c 'while :; do echo flood; done' | tail -1",
}


class Watch:
    """Asks the neighbour and the server again and again, and keeps the longest answers."""

    def __init__(self, bailey):
        self.bailey = bailey
        self.neighbour = self.server = 0.0
        self.failures = []
        self.asked = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                started = time.monotonic()
                expect_in("mine", self.bailey.sh("neighbour", "cat ~/mine.txt; echo $((6 * 7)) > ~/sum.txt", timeout=15))
                self.neighbour = max(self.neighbour, time.monotonic() - started)
                started = time.monotonic()
                urllib.request.urlopen(f"{self.bailey.url}/readyz", timeout=15).close()
                self.server = max(self.server, time.monotonic() - started)
            except Exception as failure:  # noqa: BLE001 each is a failure of the case
                self.failures.append(str(failure))
            self.asked += 1
            if self.over.wait(0.1):
                return

    def end(self):
        self.over.set()
        self.thread.join()


def harm(world, what):
    bailey = world.bailey
    if "neighbour" not in bailey.names():
        bailey.create("neighbour", "shell")
        bailey.sh("neighbour", "echo mine > ~/mine.txt")
    # A name of its own, so that what one case leaves does not fail the next.
    name = f"harm-{list(HARM).index(what)}"
    bailey.create(name, "shell", disk=1)
    bailey.sh(name, "echo mine too > ~/important.txt")
    machine = fingerprint()
    watch = Watch(bailey)
    # The command may be ended with everything else inside: only the others count.
    ended = bailey.run_cli("exec", name, "--", "sh", "-c", HARM[what], timeout=60)
    time.sleep(0.5)
    watch.end()
    if watch.failures or watch.asked < 2:
        raise Failed(f"{what}: asked {watch.asked} times: {watch.failures}")
    slow = f"neighbour {watch.neighbour:.2f} s, server {watch.server:.2f} s at most"
    if max(watch.neighbour, watch.server) > PATIENCE:
        raise Failed(f"{what}: {slow}")
    if fingerprint() != machine:
        raise Failed(f"{what}: the machine's files have changed")
    check(what, ended.stdout)
    # Whoever did it has a good workspace again after a restart.
    bailey.slow("restart", name)
    expect_in("works", bailey.sh(name, "rm -f ~/full; echo works > ~/again; cat ~/again"))
    bailey.delete(name)
    return slow


def check(what, output):
    """That the harm was really done, within what the workspace may do."""
    words = output.split() or [""]
    last = words[-1]
    if what == "rm -rf /" and last != "0":
        raise Failed(f"{what}: there is something left at home: {output!r}")
    if what == "memory hog" and "137" not in words and "1" not in words:
        raise Failed(f"{what}: it was not stopped: {output!r}")
    if what == "full disk" and not 700 <= int(last) <= 1024:
        raise Failed(f"{what}: {output!r} in a home directory of 1 GiB")


def fingerprint():
    """Names and sizes of what `rm -rf /` would remove first."""
    seen = []
    for place in ("/etc", "/usr/bin", "/usr/lib", "/root"):
        seen += [(path.name, path.lstat().st_size) for path in sorted(pathlib.Path(place).iterdir()) if not path.is_dir()]
    return seen


CASES = [(f"{what} stays inside", lambda world, what=what: harm(world, what)) for what in HARM]

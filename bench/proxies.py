"""The programs that take part: the upstream, nginx, and Bailey with everything on."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

# The load generators and the upstream share one core, the proxies the other.
LOAD_CORE, PROXY_CORE = "0", "1"


class Broken(Exception):
    """A program did not do what it should."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port, process, log):
    """Waits until the port is open."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise Broken(f"nothing listens on port {port}:\n{log.read_text(errors='replace')[-2000:]}")


class Program:
    """A program on one core, in the background; its output goes to a file beside its data."""

    def __init__(self, name, core, argv, directory, port):
        self.name = name
        self.port = port
        self.directory = pathlib.Path(directory)
        log = self.directory / f"{name}.log"
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                ["taskset", "-c", core, *map(str, argv)],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_for(port, self.process, log)

    def pids(self):
        """Its processes: nginx has a master and workers."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def cpu_seconds(self):
        """User and system time of all its threads so far, those that ended included."""
        ticks = 0
        for pid in self.pids():
            # The name in brackets may hold anything, so count from behind it: utime and stime are fields 14 and 15.
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_mb(self):
        """Resident memory of all its processes in MB (10^6 bytes)."""
        kib = 0
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    kib += int(line.split()[1])
        return kib * 1024 / 1e6

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Upstream(Program):
    def __init__(self, programs, directory):
        port = free_port()
        argv = [programs / "bench-upstream", "--listen", f"127.0.0.1:{port}"]
        super().__init__("upstream", LOAD_CORE, argv, directory, port)


class Nginx(Program):
    headers = ()

    def __init__(self, directory, upstream):
        port = free_port()
        text = (pathlib.Path(__file__).parent / "nginx.conf").read_text()
        text = text.replace("@LISTEN@", f"127.0.0.1:{port}").replace("@UPSTREAM@", f"127.0.0.1:{upstream.port}")
        config = pathlib.Path(directory) / "nginx.conf"
        config.write_text(text)
        argv = ["/usr/sbin/nginx" if os.path.exists("/usr/sbin/nginx") else "nginx", "-p", directory, "-c", config]
        super().__init__("nginx", PROXY_CORE, argv, directory, port)


class Bailey(Program):
    """With a key, budgets on all four of its accounts, rate limits, journal, ledger and metrics."""

    def __init__(self, programs, directory, upstream):
        port = free_port()
        self.binary = pathlib.Path(programs).resolve() / "bailey"
        self.data = pathlib.Path(directory) / "data"
        config = pathlib.Path(directory) / "bailey.toml"
        config.write_text(configuration(f"http://127.0.0.1:{upstream.port}"))
        argv = [self.binary, "server", "--data-dir", self.data, "--listen", f"127.0.0.1:{port}", "--config", config]
        super().__init__("bailey", PROXY_CORE, argv, directory, port)
        self.wait_ready()
        self.headers = (f"authorization: Bearer {self.create_key()}",)

    def wait_ready(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise Broken("Bailey is not ready after 30 s")

    def command(self, *arguments, **environment):
        """Runs one command of the command line and returns what it prints."""
        result = subprocess.run(
            [self.binary, *map(str, arguments)],
            env={"PATH": os.environ["PATH"], "HOME": str(self.directory), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if result.returncode != 0:
            raise Broken(f"bailey {' '.join(map(str, arguments))} failed:\n{result.stderr}")
        return result.stdout

    def create_key(self):
        """A key whose limits are all there and never met."""
        token = self.command("admin", "token", "create", "--user", "owner", "--data-dir", self.data).strip()
        signed_in = {"BAILEY_URL": f"http://127.0.0.1:{self.port}", "BAILEY_TOKEN": token}
        commands = (
            ("groups", "create", "--name", "bench"),
            ("groups", "add-member", "bench", "owner"),
            ("budgets", "create", "--user", "owner", "--limit", "1000000/day"),
            ("budgets", "create", "--group", "bench", "--limit", "1000000/week"),
            ("budgets", "create", "--organization", "--limit", "1000000/month"),
        )
        for command in commands:
            self.command(*command, **signed_in)
        created = self.command(
            "keys", "create", "--name", "bench", "--scope", "user", "--group", "bench", "--budget", "1000000/day",
            "--rpm", "1000000000", "--tpm", "1000000000000", "--concurrent", "100000", "--output", "json", **signed_in,
        )  # fmt: skip
        return json.loads(created)["key"]


def configuration(upstream):
    """The text of bailey.toml: the bench models, with prices, on providers that are the upstream."""
    price = '{ input = "3", output = "15" }'
    lines = ["[log]", 'level = "warn"', "[limits]", "connections = 10000"]
    for name, kind in (("chat", "openai"), ("messages", "anthropic")):
        lines += [f"[providers.{name}]", f'kind = "{kind}"', f'base_url = "{upstream}"', 'api_key = "bench"']
    for model in ("bench-small", "bench-burst", "bench-spaced", "bench-fail"):
        routes = [f'{{ provider = "{name}", model = "{model}", price = {price} }}' for name in ("chat", "messages")]
        lines += ["[[models]]", f'name = "{model}"', 'tier = "$"', "max_output = 4096", f"routes = [{', '.join(routes)}]"]
    return "\n".join(lines) + "\n"

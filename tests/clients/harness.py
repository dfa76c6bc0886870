"""Starts the programs that the clients talk to, and gives each client a place of its own.

The mock provider and Bailey run as they would for anybody: from the release binary, configured by a file and flags.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


class Failed(Exception):
    """A run did not do what it should; the text says what, with the end of the output."""


# USD per million tokens, the rates that the mock bills by default. Bailey is told the same prices and has to come to
# the same sums by itself.
PRICE = '{ input = "3", output = "15", cache_read = "0.30", cache_write_5m = "3.75", cache_write_1h = "6" }'

# The models that the clients ask for: name, provider, the provider's own name.
MODELS = [
    ("claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5-20250929"),
    ("claude-haiku-4-5", "anthropic", "claude-haiku-4-5"),
    ("gpt-5", "openai", "gpt-5"),
    ("llama-3.3-70b", "vllm", "meta-llama/Llama-3.3-70B-Instruct"),
]


def configuration(mock_url):
    """The text of bailey.toml: three kinds of provider, all of them the mock."""
    lines = ['[log]', 'level = "warn"']
    for name, kind in (("anthropic", "anthropic"), ("openai", "openai"), ("vllm", "openai-compatible")):
        lines += [
            f"[providers.{name}]",
            f'kind = "{kind}"',
            f'base_url = "{mock_url}"',
            f'api_key = "the-credential-of-{name}"',
        ]
    for name, provider, upstream in MODELS:
        lines += [
            "[[models]]",
            f'name = "{name}"',
            'tier = "$"',
            "max_output = 32000",
            f'routes = [{{ provider = "{provider}", model = "{upstream}", price = {PRICE} }}]',
        ]
    return "\n".join(lines) + "\n"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get_json(url):
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)


def answers(url):
    """Whether the server at this address answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def clean_environment(home, **variables):
    """Nothing of the caller's environment but the path: a client must not find another configuration or credential."""
    home = pathlib.Path(home)
    home.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_PROXY": "127.0.0.1",
        **variables,
    }


class Server:
    """A program in the background. Its output goes to a file, which a failure quotes."""

    def __init__(self, name, argv, directory, ready, **variables):
        self.name = name
        self.log = pathlib.Path(directory) / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(part) for part in argv],
                cwd=directory,
                env=clean_environment(pathlib.Path(directory) / "home", **variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + 30
        while not answers(ready):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Failed(f"{name} did not start:\n{self.tail()}")
            time.sleep(0.05)

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def stop(self):
        """Asks it to end, and insists after 15 seconds."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Bailey:
    """A Bailey server on a fresh data directory, and its command line."""

    def __init__(self, binary, directory, mock_url):
        self.binary = pathlib.Path(binary).resolve()
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "data"
        self.url = f"http://127.0.0.1:{free_port()}"
        config = self.directory / "bailey.toml"
        config.write_text(configuration(mock_url))
        self.server = Server(
            "bailey",
            [self.binary, "server", "--data-dir", self.data, "--listen", self.url.removeprefix("http://"), "--config", config],
            self.directory,
            f"{self.url}/readyz",
        )
        self.token = ""
        self.token = self.command("admin", "token", "create", "--user", "owner", "--data-dir", self.data).strip()

    def command(self, *arguments):
        """Runs one command of the command line and returns what it prints."""
        environment = clean_environment(self.directory / "home", BAILEY_URL=self.url)
        if self.token:
            environment["BAILEY_TOKEN"] = self.token
        result = subprocess.run(
            [str(self.binary), *map(str, arguments)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if result.returncode != 0:
            raise Failed(f"bailey {' '.join(map(str, arguments))}: exit code {result.returncode}\n{result.stderr}")
        return result.stdout

    def json(self, *arguments):
        return json.loads(self.command(*arguments, "--output", "json"))

    def create_key(self, name, budget):
        """Returns the key's id and the key itself."""
        created = self.json("keys", "create", "--name", name, "--scope", "user", "--budget", budget)
        return created["id"], created["key"]

    def stop(self):
        self.server.stop()


class Place:
    """Where one client runs: a home and a working directory of its own, and what it may know."""

    def __init__(self, directory, clients, url, key):
        self.home = pathlib.Path(directory) / "home"
        self.work = pathlib.Path(directory) / "work"
        self.work.mkdir(parents=True)
        self.clients = pathlib.Path(clients).resolve()
        self.url = url
        self.key = key

    def run(self, argv, timeout=120, expect_success=True, **variables):
        """Runs a client and returns what it printed, both streams together."""
        try:
            result = subprocess.run(
                [str(part) for part in argv],
                cwd=self.work,
                env=clean_environment(self.home, **variables),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as late:
            output = late.stdout or b""
            text = output.decode(errors="replace") if isinstance(output, bytes) else output
            raise Failed(f"no end after {timeout} s:\n{text[-2000:]}") from late
        if (result.returncode == 0) != expect_success:
            raise Failed(f"exit code {result.returncode}:\n{result.stdout[-2000:]}")
        return result.stdout

    def npm(self, program):
        return self.clients / "npm" / "node_modules" / ".bin" / program

    def python(self, environment, program="python"):
        return self.clients / environment / "bin" / program

    def expect_file(self, text):
        made = self.work / "made.txt"
        if not made.exists():
            raise Failed(f"made.txt was not written; there is {sorted(p.name for p in self.work.iterdir())}")
        if made.read_text().strip() != text:
            raise Failed(f"made.txt holds {made.read_text()!r}, not {text!r}")


def expect_in(part, output):
    if part not in output:
        raise Failed(f"{part!r} is not in the output:\n{output[-2000:]}")

"""A Bailey server with workspaces, and what a person does with its command line. One place for every command's form."""

import json
import os
import pathlib
import shutil
import subprocess
import time
import urllib.request

from harness import Bailey, Failed, Server, clean_environment, configuration, free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"

# Names that only the server's own hosts file knows, all on loopback; see `Deployment.start`.
HOSTS = ["allowed.example.test", "other.example.test", "provider.example.test"]

SETTINGS = """
[egress]
allow_private = ["127.0.0.0/8"]
"""


class Deployment(Bailey):
    """It keeps its address and its data over a restart."""

    def __init__(self, binaries, directory, mock_url):
        self.binary = pathlib.Path(binaries).resolve() / "bailey"
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.data = self.directory / "data"
        self.url = f"http://127.0.0.1:{free_port()}"
        self.token = ""
        (self.directory / "bailey.toml").write_text(configuration(mock_url) + SETTINGS)
        hosts = pathlib.Path("/etc/hosts").read_text() + "".join(f"127.0.0.1 {name}\n" for name in HOSTS)
        (self.directory / "hosts").write_text(hosts)
        self.start()
        self.token = self.command("admin", "token", "create", "--user", "owner", "--data-dir", self.data).strip()

    def start(self, **variables):
        """Starts the server with a hosts file of its own: no name of the test's leaves the machine."""
        server = [self.binary, "server", "--data-dir", self.data, "--listen", self.url.removeprefix("http://")]
        server += ["--config", self.directory / "bailey.toml"]
        wrap = ["unshare", "--mount", "--propagation", "slave", "/bin/sh", "-c"]
        wrap += ['mount --bind "$0" /etc/hosts && exec "$@"', self.directory / "hosts"]
        passed = {name: os.environ[name] for name in ("NODE_EXTRA_CA_CERTS", "npm_config_registry") if name in os.environ}
        self.server = Server("bailey", wrap + server, self.directory, f"{self.url}/readyz", **passed, **variables)

    def kill(self):
        """kill -9 of the server alone; agents run on."""
        self.server.process.kill()
        self.server.process.wait()

    def restart(self, **variables):
        self.stop()
        self.start(**variables)

    def push(self, directory, name=None):
        name = name or pathlib.Path(directory).name
        self.command("templates", "push", directory, "--name", name)
        return name

    def build_layer(self, name):
        started = time.monotonic()
        self._slow("templates", "build", name, timeout=400)
        return time.monotonic() - started

    def create(self, name, template, **parameters):
        chosen = [part for key, value in parameters.items() for part in ("--parameter", f"{key}={value}")]
        self._slow("create", name, "--template", template, *chosen)

    def stop_workspace(self, name):
        self._slow("stop", name)

    def start_workspace(self, name):
        self._slow("start", name)

    def update(self, name, **parameters):
        chosen = [part for key, value in parameters.items() for part in ("--parameter", f"{key}={value}")]
        self._slow("update", name, *chosen)

    def delete(self, name):
        self._slow("delete", name, "--yes")

    def show(self, name):
        return self.json("show", name)

    def post(self, path, body):
        """One call of the API."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def names(self):
        return [workspace["name"] for workspace in self.json("list")["data"]]

    def directory_of(self, name):
        return self.data / "workspaces" / self.show(name)["id"]

    def agent_pid(self, name):
        """The agent's process, from the lock that it holds."""
        return int((self.directory_of(name) / "lock").read_text().strip())

    def terminal_url(self, name):
        return f"{self.url.replace('http', 'ws')}/api/v1/workspaces/{self.show(name)['id']}/terminal"

    def exec(self, name, *command, expect_success=True, timeout=60):
        """Runs a command inside and returns what it printed, both streams together."""
        result = self.run_cli("exec", name, "--", *command, timeout=timeout)
        if (result.returncode == 0) != expect_success:
            raise Failed(f"{' '.join(map(str, command))} in {name}: exit code {result.returncode}\n{result.stdout[-2000:]}")
        return result.stdout

    def sh(self, name, script, **options):
        return self.exec(name, "sh", "-c", script, **options)

    def run_cli(self, *arguments, timeout=60):
        """Runs the command line whatever comes of it."""
        environment = clean_environment(self.directory / "home", BAILEY_URL=self.url, BAILEY_TOKEN=self.token)
        try:
            return subprocess.run(
                [str(self.binary), *map(str, arguments)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as late:
            raise Failed(f"bailey {' '.join(map(str, arguments))}: no end after {timeout} s") from late

    def _slow(self, *arguments, timeout=120):
        result = self.run_cli(*arguments, timeout=timeout)
        if result.returncode != 0:
            raise Failed(f"bailey {' '.join(map(str, arguments))}: exit code {result.returncode}\n{result.stdout[-3000:]}")
        return result.stdout


def variant(name, scratch, **replacements):
    """A copy of a starter template with texts of template.toml replaced. Each must be there."""
    copy = pathlib.Path(scratch) / f"{name}-variant"
    shutil.copytree(TEMPLATES / name, copy, dirs_exist_ok=True)
    path = copy / "template.toml"
    text = path.read_text()
    for old, new in replacements.items():
        if old not in text:
            raise Failed(f"{name}/template.toml has no {old!r}")
        text = text.replace(old, new)
    path.write_text(text)
    return copy


def leftovers(data):
    """What a workspace leaves on the machine: processes of agents, mounts and directories below this data directory."""
    found = []
    for process in pathlib.Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                state = (process / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if str(data) in command and "bailey-agent" in command and state != "Z":
                found.append(f"process {process.name}: {command.strip()}")
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        if str(data) in line:
            found.append(f"mount {line.split()[4]}")
    workspaces = pathlib.Path(data) / "workspaces"
    if workspaces.is_dir():
        found += [f"directory {path}" for path in workspaces.iterdir()]
    return found


def dumps(value):
    return json.dumps(value, indent=2)[:2000]

"""A Bailey server with workspaces, and what a person does with its command line. One place for every command's form."""

import json
import os
import pathlib
import shutil
import subprocess
import time
import urllib.request

from harness import Bailey, Failed, Server, answers, clean_environment, configuration, free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"

# Names that only the server's own hosts file knows; see `in_its_world`. The last leads to where clouds hand out credentials.
HOSTS = {
    "allowed.example.test": "127.0.0.1",
    "other.example.test": "127.0.0.1",
    "provider.example.test": "127.0.0.1",
    "metadata.example.test": "169.254.169.254",
}

SETTINGS = """
[egress]
allow_private = ["127.0.0.0/8", "169.254.0.0/16"]

[workspaces]
build_timeout = "3m"

[workspaces.quota]
running = 20
"""

# Passed to the server, for layers that are built behind a registry or a certificate authority of one's own.
PASSED = ("NODE_EXTRA_CA_CERTS", "npm_config_registry", "npm_config_cafile", "SSL_CERT_FILE", "PIP_CERT", "PIP_INDEX_URL")


class Deployment(Bailey):
    """It keeps its address and its data over a restart. `layers` is a directory in which built layers outlive it."""

    def __init__(self, binaries, directory, mock_url, layers=None):
        self.binary = pathlib.Path(binaries).resolve() / "bailey"
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "data"
        self.data.mkdir(parents=True)
        self.url = f"http://127.0.0.1:{free_port()}"
        self.token = ""
        if layers:
            layers.mkdir(parents=True, exist_ok=True)
            (self.data / "layers").symlink_to(layers)
        (self.directory / "bailey.toml").write_text(configuration(mock_url) + SETTINGS)
        hosts = "".join(f"{address} {name}\n" for name, address in HOSTS.items())
        (self.directory / "hosts").write_text(pathlib.Path("/etc/hosts").read_text() + hosts)
        self.start()
        self.token = self.command("admin", "token", "create", "--user", "owner", "--data-dir", self.data).strip()

    def in_its_world(self, argv):
        """The command with the hosts file that the server has: no name of the test's leaves the machine."""
        wrap = ["unshare", "--mount", "--propagation", "slave", "/bin/sh", "-c"]
        return [*wrap, 'mount --bind "$0" /etc/hosts && exec "$@"', self.directory / "hosts", *argv]

    def start(self, **variables):
        server = [self.binary, "server", "--data-dir", self.data, "--listen", self.url.removeprefix("http://")]
        server += ["--config", self.directory / "bailey.toml"]
        passed = {name: os.environ[name] for name in PASSED if name in os.environ}
        self.server = Server("bailey", self.in_its_world(server), self.directory, f"{self.url}/readyz", **passed, **variables)

    def kill(self):
        """kill -9 of the server alone; agents run on."""
        self.server.process.kill()
        self.server.process.wait()

    def restart(self, **variables):
        self.stop()
        self.start(**variables)

    def end(self):
        """Removes all workspaces and stops the server, whatever state a case has left it in."""
        try:
            if not answers(f"{self.url}/readyz"):
                self.start()
            for name in self.names():
                self.run_cli("delete", name)
        finally:
            self.stop()

    def push(self, directory, name=None):
        """Pushes a template and puts it in force."""
        name = name or pathlib.Path(directory).name
        self.command("templates", "push", directory, "--name", name)
        return name

    def build_layer(self, name):
        """Builds what the template installs, and returns how many seconds that took."""
        started = time.monotonic()
        self.slow("templates", "build", name, timeout=500)
        return time.monotonic() - started

    def create(self, name, template, **parameters):
        self.slow("create", template, name, *chosen(parameters))

    def stop_workspace(self, name):
        self.slow("stop", name)

    def start_workspace(self, name):
        self.slow("start", name)

    def update(self, name, **parameters):
        self.slow("update", name, *chosen(parameters))

    def delete(self, name):
        self.slow("delete", name)

    def show(self, name):
        return self.json("show", name)

    def open(self, name, app="terminal"):
        """An address for a browser, good once."""
        return self.command("open", name, app).strip()

    def key_of(self, name):
        """The id of the workspace's key that is good now."""
        workspace = self.show(name)["id"]
        keys = self.json("keys", "list")["items"]
        good = [key["id"] for key in keys if key["workspace"] == workspace and key["revoked_at"] is None]
        if len(good) != 1:
            raise Failed(f"{name} has {len(good)} good keys: {good}")
        return good[0]

    def post(self, path, body):
        """One call of the API."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def metric(self, line):
        """A figure of `/metrics`, named as it stands there with its labels; 0 where it is not there yet."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as response:
            for found in response.read().decode().splitlines():
                if found.startswith(f"{line} "):
                    return float(found.rsplit(" ", 1)[1])
        return 0.0

    def names(self):
        return [workspace["name"] for workspace in self.json("list")["items"]]

    def directory_of(self, name):
        return self.data / "workspaces" / self.show(name)["id"]

    def agent_pid(self, name):
        """The agent's process, from the lock that it holds."""
        return int((self.directory_of(name) / "lock").read_text().strip())

    def home_of(self, name):
        """The home directory as it is inside, seen from outside: by way of what runs in the workspace."""
        children = pathlib.Path(f"/proc/{self.agent_pid(name)}/task").glob("*/children")
        inside = [pid for file in children for pid in file.read_text().split()]
        if not inside:
            raise Failed(f"nothing runs in {name}")
        return pathlib.Path(f"/proc/{inside[0]}/root/home/dev")

    def terminal_url(self, name):
        return f"{self.url.replace('http', 'ws')}/api/v1/workspaces/{self.show(name)['id']}/terminal"

    def exec(self, name, *command, expect_success=True, timeout=60, stdin=None):
        """Runs a command inside and returns what it printed, both streams together."""
        result = self.run_cli("exec", name, "--", *command, timeout=timeout, stdin=stdin)
        if (result.returncode == 0) != expect_success:
            raise Failed(f"{' '.join(map(str, command))} in {name}: exit code {result.returncode}\n{result.stdout[-2000:]}")
        return result.stdout

    def sh(self, name, script, **options):
        return self.exec(name, "sh", "-c", script, **options)

    def bring(self, name, file, path):
        """Puts a program into the home directory."""
        with open(file, "rb") as stdin:
            self.sh(name, f"cat > {path} && chmod 755 {path}", stdin=stdin)

    def run_cli(self, *arguments, timeout=60, stdin=None):
        """Runs the command line whatever comes of it."""
        environment = clean_environment(self.directory / "home", BAILEY_URL=self.url, BAILEY_TOKEN=self.token)
        try:
            return subprocess.run(
                [str(self.binary), *map(str, arguments)],
                env=environment,
                stdin=stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as late:
            raise Failed(f"bailey {' '.join(map(str, arguments))}: no end after {timeout} s") from late

    def slow(self, *arguments, timeout=180):
        """Runs a command that waits for a build."""
        result = self.run_cli(*arguments, timeout=timeout)
        if result.returncode != 0:
            raise Failed(f"bailey {' '.join(map(str, arguments))}: exit code {result.returncode}\n{result.stdout[-3000:]}")
        return result.stdout


def chosen(parameters):
    return [part for name, value in parameters.items() for part in ("-p", f"{name}={value}")]


def variant(name, scratch, label, **replacements):
    """A copy of a starter template, with texts of its template.toml replaced. Each must be there."""
    copy = pathlib.Path(scratch) / f"{name}-{label}"
    shutil.copytree(TEMPLATES / name, copy)
    path = copy / "template.toml"
    text = path.read_text()
    for old, new in replacements.items():
        if old not in text:
            raise Failed(f"{name}/template.toml has no {old!r}")
        text = text.replace(old, new, 1)
    path.write_text(text)
    return copy


def leftovers(data):
    """What a workspace leaves on the machine: agents, loop devices, control groups and directories of this data directory."""
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
    for backing in pathlib.Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            if str(data) in backing.read_text():
                found.append(f"loop device {backing.parts[3]}: {backing.read_text().strip()}")
        except OSError:
            continue
    workspaces = pathlib.Path(data) / "workspaces"
    if workspaces.is_dir():
        found += [f"directory {path}" for path in workspaces.iterdir()]
    return found


def wait_until_clean(data, what, timeout=15):
    """Nothing of workspaces is left, at once or a moment later."""
    deadline = time.monotonic() + timeout
    while left := leftovers(data):
        if time.monotonic() > deadline:
            raise Failed(f"{what}, there is left: {left}")
        time.sleep(0.2)

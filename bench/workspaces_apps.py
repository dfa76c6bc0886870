"""App proxying: files of an nginx inside a workspace, reached through Bailey, beside an nginx in front of the same nginx outside."""

import os
import pathlib
import re
import shutil
import statistics
import subprocess
import urllib.request

from deployment import TEMPLATES
from harness import Failed
from proxies import LOAD_CORE, PROXY_CORE, Nginx, Program, free_port
from workspaces_memory import processes

NGINX = "/usr/sbin/nginx" if os.path.exists("/usr/sbin/nginx") else "nginx"
SIZES = {"1k": 1024, "64k": 64 * 1024, "1m": 1024 * 1024}
CONNECTIONS = 16
PORT = 8090

# The backend is the same inside and outside: files from memory, no log.
BACKEND = """daemon off;
worker_processes 1;
pid @DIR@/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nodelay on;
  keepalive_requests 100000000;
  client_body_temp_path @DIR@/t1;
  proxy_temp_path @DIR@/t2;
  fastcgi_temp_path @DIR@/t3;
  uwsgi_temp_path @DIR@/t4;
  scgi_temp_path @DIR@/t5;
  server {
    listen 127.0.0.1:@PORT@;
    location / { root @DIR@/www; }
  }
}
"""

APP = f"""
[[files]]
path = "/home/dev/nginx.conf"
source = "nginx.conf"

[[apps]]
name = "web"
port = {PORT}
command = "cd ~ && mkdir -p www && {' && '.join(f'head -c {size} /dev/zero > www/{name}' for name, size in SIZES.items())} && exec {NGINX} -e stderr -p /home/dev -c /home/dev/nginx.conf"
"""


def measure(bailey, scratch, rounds, seconds):
    """The lines of a table: requests per second and CPU time of each proxy, and how they compare."""
    outside, front, inside = Outside(made(scratch, "outside")), None, None
    try:
        front = Nginx(made(scratch, "front"), outside)
        front.host = f"127.0.0.1:{front.port}"
        inside = Inside(bailey, scratch)
        figures = {}
        for _ in range(rounds):
            for size in SIZES:
                for proxy in (front, inside):
                    found = load(proxy, size, seconds)
                    figures.setdefault(size, {}).setdefault(proxy.name, []).append(found)
                    print(f"{size} {proxy.name}: {found[0]:.0f} requests/s, {found[1]:.4f} ms of CPU each", flush=True)
    finally:
        for program in (front, outside):
            if program:
                program.stop()
        if inside:
            bailey.delete("web")
    lines = ["", "| body | nginx requests/s | Bailey requests/s | compared | ms CPU/request, nginx and Bailey | goal |", "|---|---|---|---|---|---|"]
    for size, found in figures.items():
        rates = {name: statistics.median(rate for rate, _ in values) for name, values in found.items()}
        cpu = {name: statistics.median(cost for _, cost in values) for name, values in found.items()}
        share = rates["bailey"] / rates["nginx"]
        good = "yes" if share >= 0.5 else "NO"
        lines.append(
            f"| {size} | {rates['nginx']:.0f} | {rates['bailey']:.0f} | {share:.2f} | {cpu['nginx']:.3f}, {cpu['bailey']:.3f} | >= 0.5: {good} |"
        )
    return lines


def made(scratch, name):
    directory = pathlib.Path(scratch) / name
    directory.mkdir()
    return directory


class Outside(Program):
    """The backend on this machine, beside the load."""

    def __init__(self, directory):
        port = free_port()
        (directory / "www").mkdir()
        for name, size in SIZES.items():
            (directory / "www" / name).write_bytes(bytes(size))
        for path in (directory, directory / "www"):
            path.chmod(0o755)
        config = directory / "nginx.conf"
        config.write_text(BACKEND.replace("@DIR@", str(directory)).replace("@PORT@", str(port)))
        super().__init__("backend", LOAD_CORE, [NGINX, "-e", "stderr", "-p", directory, "-c", config], directory, port)


class Inside:
    """The same backend in a workspace. Server and agent are on the proxies' core, the backend beside the load."""

    name = "bailey"

    def __init__(self, bailey, scratch):
        self.bailey = bailey
        self.port = int(bailey.url.rsplit(":", 1)[1])
        template = pathlib.Path(scratch) / "web"
        shutil.copytree(TEMPLATES / "shell", template)
        with (template / "template.toml").open("a") as file:
            file.write(APP)
        (template / "nginx.conf").write_text(BACKEND.replace("@DIR@", "/home/dev").replace("@PORT@", str(PORT)))
        bailey.push(template, "web")
        bailey.create("web", "web")
        link = bailey.open("web", "web")
        self.host = link.split("/")[2]
        self.headers = (f"Cookie: {self.session(link)}",)
        self.agent = bailey.agent_pid("web")
        pin(bailey.server.process.pid, PROXY_CORE)
        pin(self.agent, PROXY_CORE)
        for name, pid in processes(self.agent):
            if "nginx" in name:
                pin(pid, LOAD_CORE)

    def session(self, link):
        """The cookie of the app, for its one-time address."""
        opener = urllib.request.build_opener(NoRedirect)
        request = urllib.request.Request(link.replace(self.host, f"127.0.0.1:{self.port}"), headers={"Host": self.host})
        try:
            answer = opener.open(request, timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        cookies = [value.split(";")[0] for value in answer.headers.get_all("Set-Cookie") or []]
        if not cookies:
            raise Failed(f"{link} has set no cookie: {answer.status}")
        return "; ".join(cookies)

    def cpu_seconds(self):
        ticks = 0
        for pid in (self.bailey.server.process.pid, self.agent):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def pin(pid, core):
    """All threads of a process that there are, and by them those to come."""
    subprocess.run(["taskset", "-a", "-c", "-p", core, str(pid)], check=True, capture_output=True)


def load(proxy, path, seconds):
    """Requests per second, and milliseconds of the proxy's CPU time per request."""
    argv = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}", "-H", f"Host: {proxy.host}"]
    for header in proxy.headers:
        argv += ["-H", header]

    def run(duration):
        output = subprocess.run([*argv, f"-d{duration}s", f"http://127.0.0.1:{proxy.port}/{path}"], capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in output or "Socket errors" in output:
            raise Failed(f"{proxy.name} {path}: {output}")
        return int(re.search(r"(\d+) requests in", output)[1]), float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])

    run(1)
    before = proxy.cpu_seconds()
    requests, rate = run(seconds)
    return rate, (proxy.cpu_seconds() - before) * 1000 / requests

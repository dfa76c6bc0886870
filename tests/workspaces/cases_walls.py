"""Attempts to get out of a workspace. Each is made outside first and succeeds there, so that its failure inside means something.

`attempt` is the program of the agent's own tests (`crates/agent/tests/sandbox/attempt`): one system call, connection or file,
exit status 0 where it succeeds.
"""

import contextlib
import http.server
import shlex
import socket
import subprocess
import tempfile
import threading

from deployment import variant
from harness import Failed, expect_in

CALLS = [
    "mptcp", "raw", "raw6", "packet", "vsock", "uevent", "netfilter", "io_uring", "mount", "umount", "fsopen", "open_tree",
    "chroot", "clone_user", "clone3", "setns", "mknod", "sti", "keyctl", "bpf", "userfaultfd", "perf", "vm_read", "sethostname",
    "setuid", "personality",
]  # fmt: skip
# Namespaces that `unshare` is asked for: user, mount, pid, network, uts, ipc, cgroup, time.
NAMESPACES = [0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x04000000, 0x08000000, 0x02000000, 0x00000080]


def escapes(world):
    """System calls that lead out, the host's files and processes, the server's secrets, the neighbour."""
    bailey = world.bailey
    program = world.debug / "examples" / "attempt"
    for name in ("jailed", "beside"):
        bailey.create(name, "shell")
    bailey.bring("jailed", program, "~/attempt")
    bailey.sh("beside", "echo secret > ~/secret.txt")
    home = bailey.directory_of("beside")
    victim = subprocess.Popen(["sleep", "600"])
    agent, server = bailey.agent_pid("jailed"), bailey.server.process.pid
    try:
        attempts = [[call] for call in CALLS] + [["unshare", str(flag)] for flag in NAMESPACES]
        attempts += [["read", path] for path in (
            "/etc/shadow", "/proc/keys", "/proc/timer_list", "/sys/kernel/notes", f"/proc/{agent}/maps",
            f"/proc/{agent}/root/etc/shadow", f"/proc/{server}/environ", f"/proc/{victim.pid}/status", str(bailey.data / "bailey.db"), str(bailey.directory / "bailey.toml"),
        )]  # fmt: skip
        attempts += [["list", path] for path in ("/root", "/var/log", "/sys/fs/cgroup", str(bailey.data), str(home))]
        attempts += [["write", path] for path in (
            "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/net/ipv4/ip_forward", "/etc/passwd", "/usr/bin/env",
            "/dev/kmsg",
        )]  # fmt: skip
        attempts += [["create", path] for path in ("/usr/bin/bailey-attempt", "/etc/bailey-attempt", "/bailey-attempt")]
        attempts += [["ptrace", str(victim.pid)], ["prlimit", str(victim.pid)], ["signal", str(agent)], ["signal", str(server)]]
        judge(bailey, "jailed", program, attempts)
    finally:
        victim.kill()
        victim.wait()
    expect_in("alive", bailey.sh("jailed", "echo alive"))
    for name in ("jailed", "beside"):
        bailey.delete(name)
    return f"{len(attempts)} attempts"


def judge(bailey, name, program, attempts):
    """Makes each attempt outside, where it must succeed, and all of them inside, where none may."""
    for attempt in attempts:
        # In a mount namespace of its own, so that a mount that succeeds troubles nobody.
        made = subprocess.run(["unshare", "--mount", program, *attempt], capture_output=True, text=True, timeout=20)
        if made.returncode != 0:
            raise Failed(f"control run of {attempt}: it fails outside too: {made.stdout}{made.stderr}")
    script = "\n".join(f"~/attempt {shlex.join(attempt)}; echo \"status $?\"" for attempt in attempts)
    with tempfile.TemporaryFile("w+") as stdin:
        # Too long for a command line.
        stdin.write(script)
        stdin.seek(0)
        output = bailey.exec(name, "sh", "-s", stdin=stdin, timeout=120)
    statuses = [line for line in output.splitlines() if line.startswith("status ")]
    if len(statuses) != len(attempts) or "no such attempt" in output:
        raise Failed(f"{len(statuses)} of {len(attempts)} attempts were made:\n{output[-2000:]}")
    got_out = [attempt for attempt, status in zip(attempts, statuses) if status == "status 0"]
    if got_out:
        raise Failed(f"these got out: {got_out}\n{output[-3000:]}")


class Hello(http.server.BaseHTTPRequestHandler):
    """Answers whatever is asked, also as a proxy would be asked."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from outside\n")

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def outside():
    """A web server and a UDP server on this machine, and what they were asked."""
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))

    def echo():
        with contextlib.suppress(OSError):
            while True:
                data, sender = udp.recvfrom(1024)
                udp.sendto(data, sender)

    threading.Thread(target=echo, daemon=True).start()
    try:
        yield web.server_address[1], udp.getsockname()[1]
    finally:
        web.shutdown()
        web.server_close()
        udp.close()


def way_out(world):
    """What a template names is reached, by name and port; everything else is not, whatever is tried."""
    bailey = world.bailey
    with outside() as (port, udp_port):
        rules = [("allowed.example.test", port), ("metadata.example.test", 80)]
        rules = ", ".join(f'{{ host = "{host}", port = {number} }}' for host, number in rules)
        bailey.push(variant("shell", world.scratch, "egress", **{"\n[lifecycle]": f"\n[egress]\nallow = [{rules}]\n\n[lifecycle]"}), "way-out")
        bailey.create("out", "way-out")
        bailey.create("listener", "shell")
        get = "curl -sS --fail --max-time 5"
        before = decisions(bailey)
        expect_in("hello from outside", bailey.sh("out", f"{get} http://allowed.example.test:{port}/"))
        if decisions(bailey)["allowed"] != before["allowed"] + 1:
            raise Failed("the allowed connection is not counted")

        attempts = {
            "another name": f"{get} http://other.example.test:{port}/",
            "the address of an allowed name": f"{get} http://127.0.0.1:{port}/",
            "a made-up address for another name": f"{get} --resolve other.example.test:{port}:198.18.0.1 http://other.example.test:{port}/",
            "an allowed name in the header alone": f"{get} -H 'Host: allowed.example.test' http://other.example.test:{port}/",
            "IPv6 that holds an address of IPv4": f"{get} 'http://[::ffff:127.0.0.1]:{port}/'",
            "the server itself": f"{get} {bailey.url}/readyz",
            "the gate as a proxy": f"{get} -x http://127.0.0.1:7080 http://other.example.test:{port}/",
            "UDP": udp_script(udp_port),
            "a name that carries something out": "getent hosts other.example.test",
        }
        # The gate's port is no proxy, so the control uses one that is.
        controls = {"the gate as a proxy": f"{get} -x http://127.0.0.1:{port} http://other.example.test:{port}/",
                    "a made-up address for another name": f"{get} --resolve other.example.test:{port}:127.0.0.1 http://other.example.test:{port}/"}  # fmt: skip
        for what, command in attempts.items():
            control(bailey, what, controls.get(what, command))
            output = bailey.sh("out", f"{command} && echo REACHED; true")
            if "REACHED" in output or "hello" in output:
                raise Failed(f"{what} is reached from inside: {output}")

        if decisions(bailey)["allowed"] != before["allowed"] + 1:
            raise Failed("one of the attempts counts as allowed")
        metadata(bailey, get)
        neighbours(bailey, get)
        gate_alone(bailey, get)
    for name in ("out", "listener"):
        bailey.delete(name)
    return f"{len(attempts) + 3} attempts"


def decisions(bailey):
    return {what: bailey.metric(f'bailey_egress_decisions_total{{decision="{what}"}}') for what in ("allowed", "no_rule", "not_public")}


def udp_script(port):
    code = f"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2); s.sendto(b'x', ('127.0.0.1', {port})); s.recv(10)"
    return f'/usr/bin/python3 -c "{code}"'


def control(bailey, what, command):
    """The same, outside: it succeeds."""
    argv = [str(part) for part in bailey.in_its_world(["sh", "-c", command])]
    made = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    if made.returncode != 0:
        raise Failed(f"control run of {what}: it fails outside too: {made.stdout}{made.stderr}")


def metadata(bailey, get):
    """A rule that names it does not help, nor does a deployment that allows the block: the address is refused once it is known."""
    control(bailey, "the metadata name's address", "getent hosts metadata.example.test | grep 169.254.169.254")
    before = decisions(bailey)["not_public"]
    bailey.sh("out", f"{get} http://metadata.example.test/latest/meta-data/", expect_success=False)
    if decisions(bailey)["not_public"] != before + 1:
        raise Failed("the metadata address was not refused for what it is")
    bailey.sh("out", f"{get} http://169.254.169.254/latest/meta-data/", expect_success=False)


def neighbours(bailey, get):
    """What listens in one workspace is reached there, and from no other."""
    script = "cd ~ && echo private > index.html && (setsid /usr/bin/python3 -m http.server 8123 --bind 0.0.0.0 >/dev/null 2>&1 &)"
    bailey.sh("listener", script)
    expect_in("private", bailey.sh("listener", f"{get} --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:8123/"))
    for address in ("127.0.0.1", "0.0.0.0", "198.18.0.1"):
        bailey.sh("out", f"{get} http://{address}:8123/", expect_success=False)


def gate_alone(bailey, get):
    """The gate's port inside leads to model calls, not to Bailey's API; outside the API answers."""
    control(bailey, "the API", f"{get} -H 'Authorization: Bearer {bailey.token}' {bailey.url}/api/v1/me")
    bailey.sh("out", f"{get} -H 'Authorization: Bearer {bailey.token}' http://127.0.0.1:7080/api/v1/me", expect_success=False)


CASES = [
    ("attempts to escape", escapes),
    ("the way out", way_out),
]

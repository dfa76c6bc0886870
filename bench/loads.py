"""Load, and the CPU time that a proxy spends on it."""

import dataclasses
import json
import pathlib
import re
import subprocess

from proxies import LOAD_CORE, Broken


@dataclasses.dataclass
class Scenario:
    """One kind of request on so many connections."""

    name: str
    body: pathlib.Path
    path: str
    connections: int
    # Events of a whole answer; 0 where it is no stream.
    events: int = 0
    # wrk is the cheapest in a closed loop; bench-load times each event and checks each answer.
    tool: str = "bench-load"
    # Further flags of bench-load.
    flags: tuple = ()


def measure(scenario, proxy, programs, warm_up, seconds):
    """Runs a scenario once and returns its figures by name."""
    if scenario.tool == "wrk":
        return with_wrk(scenario, proxy, warm_up, seconds)
    return with_bench_load(scenario, proxy, programs, warm_up, seconds)


def with_wrk(scenario, proxy, warm_up, seconds):
    script = proxy.directory / "wrk.lua"
    headers = {"content-type": "application/json", **dict(header.split(": ", 1) for header in proxy.headers)}
    lines = ['wrk.method = "POST"', f"wrk.body = [==[{scenario.body.read_text()}]==]"]
    lines += [f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items()]
    # The last line is for us: wrk's own summary rounds.
    lines += [
        "done = function(summary)",
        '  io.write(string.format("FIGURES %d %d %d\\n", summary.requests, summary.duration, summary.errors.status + '
        "summary.errors.read + summary.errors.write + summary.errors.connect + summary.errors.timeout))",
        "end",
    ]
    script.write_text("\n".join(lines) + "\n")
    url = f"http://127.0.0.1:{proxy.port}{scenario.path}"

    def run(duration):
        argv = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{scenario.connections}", f"-d{duration}s", "-s", script, url]
        output = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=True).stdout
        requests, micros, errors = map(int, re.search(r"FIGURES (\d+) (\d+) (\d+)", output).groups())
        if errors or not requests:
            raise Broken(f"{scenario.name}: wrk saw {errors} errors in {requests} requests of {proxy.name}\n{output}")
        return requests, micros / 1e6

    run(warm_up)
    before = proxy.cpu_seconds()
    requests, took = run(seconds)
    cpu = proxy.cpu_seconds() - before
    return {"cpu_ms": cpu * 1e3 / requests, "rps": requests / took, "cpu_share": cpu / took}


def with_bench_load(scenario, proxy, programs, warm_up, seconds):
    argv = load_command(scenario, proxy, programs, warm_up, seconds)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as load:
        if load.stdout.readline().strip() != "measuring":
            load.wait()
            raise Broken(f"{scenario.name}: the load generator ended early with {proxy.name}")
        before = proxy.cpu_seconds()
        resident = proxy.resident_mb()
        line = load.stdout.readline()
        cpu = proxy.cpu_seconds() - before
        resident = max(resident, proxy.resident_mb())
    if not line:
        raise Broken(f"{scenario.name}: an answer of {proxy.name} was not whole")
    report = json.loads(line)
    if not report["requests"]:
        raise Broken(f"{scenario.name}: {proxy.name} answered nothing")
    figures = {
        "cpu_ms": cpu * 1e3 / report["requests"],
        "rps": report["requests"] / report["seconds"],
        "cpu_share": cpu / report["seconds"],
        "rps_per_core": report["requests"] / cpu if cpu else 0.0,
        "p50_us": report["latency"]["p50"],
        "p99_us": report["latency"]["p99"],
        "stalls": report["latency"]["stalls"],
        "resident_mb": resident,
    }
    if report["events"]:
        figures |= {
            "event_cpu_us": cpu * 1e6 / report["events"],
            "first_event_p50_us": report["first_event"]["p50"],
            "first_event_p99_us": report["first_event"]["p99"],
            "gap_p99_us": report["gap"]["p99"],
            "gap_max_us": report["gap"]["max"],
        }
    return figures


def load_command(scenario, proxy, programs, warm_up, seconds):
    argv = [
        "taskset", "-c", LOAD_CORE, programs / "bench-load",
        "--connect", f"127.0.0.1:{proxy.port}",
        "--path", scenario.path,
        "--body", scenario.body,
        "--connections", scenario.connections,
        "--events", scenario.events,
        "--warm-up", warm_up,
        "--seconds", seconds,
        *scenario.flags,
    ]  # fmt: skip
    for header in proxy.headers:
        argv += ["--header", header]
    return list(map(str, argv))

"""Minutes of mixed load with failures in it, and what it does to resident memory."""

import json
import statistics
import subprocess
import time

from loads import Scenario, load_command


def run(proxy, programs, bodies, minutes):
    """Good answers, slow streams, failing upstreams and clients that hang up, side by side. Returns samples of
    (seconds, MB), and what each load reported."""
    chat, messages = "/v1/chat/completions", "/v1/messages"
    loads = {
        "small": Scenario("soak", bodies["small"], chat, 8),
        "burst": Scenario("soak", bodies["burst"], chat, 8, events=50),
        "spaced": Scenario("soak", bodies["spaced"], chat, 64, events=50, flags=("--stagger", "1000")),
        "agent": Scenario("soak", bodies["agent"], messages, 2, events=50),
        "failing": Scenario("soak", bodies["fail"], chat, 16, events=50, flags=("--tolerate",)),
        "leaving": Scenario("soak", bodies["spaced"], chat, 16, events=50, flags=("--tolerate", "--hang-up-after", "5")),
    }
    seconds = minutes * 60
    started = time.monotonic()
    running = {
        name: subprocess.Popen(load_command(load, proxy, programs, 2, seconds), stdout=subprocess.PIPE, text=True)
        for name, load in loads.items()
    }
    samples = []
    while any(load.poll() is None for load in running.values()):
        samples.append((round(time.monotonic() - started, 1), round(proxy.resident_mb(), 2)))
        time.sleep(min(5, seconds / 20))
    reports = {}
    for name, load in running.items():
        lines = load.communicate()[0].splitlines()
        reports[name] = json.loads(lines[-1]) if len(lines) == 2 else None
    time.sleep(2)
    samples.append((round(time.monotonic() - started, 1), round(proxy.resident_mb(), 2)))
    return {"samples": samples, "reports": reports}


def describe(proxy, result):
    """Lines that say whether memory stayed flat: the median of the second and of the last fifth of the time."""
    memory = [megabytes for _, megabytes in result["samples"][:-1]]
    fifth = max(1, len(memory) // 5)
    early, late = statistics.median(memory[fifth : 2 * fifth]), statistics.median(memory[-fifth:])
    lines = [
        f"{proxy}: resident {early:.1f} MB early, {late:.1f} MB late ({late - early:+.1f}), most {max(memory):.1f},"
        f" {result['samples'][-1][1]:.1f} after",
    ]
    for name, report in result["reports"].items():
        if report is None:
            lines.append(f"  {name}: BROKE OFF")
        else:
            lines.append(f"  {name}: {report['requests']} requests, {report['failures']} failures")
    return "\n".join(lines)

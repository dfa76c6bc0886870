"""From figures to a table."""

import json
import platform
import statistics
import subprocess
import time

# What each scenario is judged by: figure, unit, digits, how it is compared, the goal.
JUDGED = {
    "chat-32": [("cpu_ms", "ms CPU/request", 4, "ratio", 3.0), ("rps", "requests/s", 0, "ratio", None)],
    "burst-32": [("cpu_ms", "ms CPU/stream", 4, "ratio", 2.5)],
    "latency-1": [
        ("p50_us", "µs p50", 0, "difference", 100),
        ("p99_us", "µs p99", 0, "difference", None),
        ("stalls", "answers >= 30 ms", 0, "most", 0),
    ],
    "burst-1": [
        ("first_event_p50_us", "µs to first event p50", 0, "difference", None),
        ("stalls", "answers >= 30 ms", 0, "most", 0),
    ],
    "spaced-256": [
        ("event_cpu_us", "µs CPU/event", 2, "ratio", 2.5),
        ("gap_p99_us", "µs between events p99", 0, "difference", None),
        ("gap_max_us", "µs between events max", 0, "difference", None),
        ("resident_mb", "MB resident", 1, "most", 64),
    ],
    "agent-300k": [("rps_per_core", "requests/s per core", 0, "least", 450), ("cpu_ms", "ms CPU/request", 3, "ratio", None)],
    "idle": [("resident_mb", "MB resident", 1, "most", 30)],
}


def conditions():
    """Where and when the figures were taken."""
    versions = {}
    for name, argv in (("kernel", ["uname", "-r"]), ("nginx", ["/usr/sbin/nginx", "-v"]), ("commit", ["git", "rev-parse", "--short", "HEAD"])):
        result = subprocess.run(argv, capture_output=True, text=True)
        versions[name] = (result.stdout + result.stderr).strip().removeprefix("nginx version: ")
    with open("/proc/cpuinfo") as cpuinfo:
        models = [line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")]
    return {
        "taken_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": f"{models[0] if models else platform.machine()}, {len(models)} cores",
        **versions,
    }


def table(rounds):
    """Markdown: one line per judged figure, each with median and spread over the rounds. `rounds` maps scenario to
    proxy to a list of figures."""
    lines = [
        "| scenario | figure | nginx | Bailey | compared | goal |",
        "|---|---|---|---|---|---|",
    ]
    for scenario, judged in JUDGED.items():
        for figure, unit, digits, comparison, goal in judged:
            values = {
                proxy: [one[figure] for one in runs if figure in one] for proxy, runs in rounds.get(scenario, {}).items()
            }
            nginx, bailey = values.get("nginx", []), values.get("bailey", [])
            if not nginx and not bailey:
                continue
            compared, reached = compare(nginx, bailey, comparison, goal)
            cells = [scenario, unit, spread(nginx, digits), spread(bailey, digits), compared, reached]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def spread(values, digits):
    """The median, and the smallest and largest value."""
    if not values:
        return "-"
    low, middle, high = (f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values)))
    return middle if low == high else f"{middle} ({low}-{high})"


def compare(nginx, bailey, comparison, goal):
    """What the figures say of each other, and the goal with whether it is reached."""
    if not bailey:
        return "-", "-"
    ours = statistics.median(bailey)
    theirs = statistics.median(nginx) if nginx else None
    if comparison == "ratio":
        value = ours / theirs if theirs else float("nan")
        text, bound, reached = f"{value:.2f}x", f"<= {goal}x", value <= (goal or 0)
    elif comparison == "difference":
        value = ours - (theirs or 0)
        text, bound, reached = f"{value:+.0f}", f"<= +{goal}", value <= (goal or 0)
    elif comparison == "most":
        text, bound, reached = "", f"<= {goal}", max(bailey) <= goal
    else:
        text, bound, reached = "", f">= {goal}", ours >= goal
    return text, "-" if goal is None else f"{bound}: {'yes' if reached else 'NO'}"


def save(path, rounds, where):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"conditions": where, "rounds": rounds}, indent=1) + "\n")

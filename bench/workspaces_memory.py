"""What a workspace at rest costs."""

import pathlib


def measure(bailey):
    """A workspace in which nobody does anything: the agent and init, which are all that it costs."""
    bailey.create("rest", "shell")
    lines = ["", "| a workspace at rest | resident MB | proportional MB |", "|---|---|---|"]
    total = [0.0, 0.0]
    for name, pid in processes(bailey.agent_pid("rest")):
        rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        kib = {line.split(":")[0]: int(line.split()[1]) for line in rollup if line.startswith(("Rss:", "Pss:"))}
        both = [kib["Rss"] * 1024 / 1e6, kib["Pss"] * 1024 / 1e6]
        total = [a + b for a, b in zip(total, both)]
        lines.append(f"| {name} | {both[0]:.1f} | {both[1]:.1f} |")
    lines.append(f"| all, goal < 15 | {total[0]:.1f} | {total[1]:.1f} |")
    bailey.delete("rest")
    return lines


def processes(agent):
    """The agent and everything below it, by name and id."""
    found, waiting = [], [agent]
    while waiting:
        pid = waiting.pop()
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        found.append((" ".join(part.decode() for part in command[:2]).rsplit("/", 1)[-1], pid))
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            waiting += map(int, (task / "children").read_text().split())
    return found

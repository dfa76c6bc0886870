"""Templates pushed and rolled back, and the life of a workspace. The starter `shell` is enough for it."""

from deployment import variant, wait_until_clean
from harness import Failed, expect_in


def template_pushed(world):
    """A fault is named with file and line; what is pushed is used, what is rolled back is used again."""
    bailey = world.bailey
    broken = variant("shell", world.scratch, "broken", **{'cpus = "${param.cpu}"': 'cpus = "${param.nothing}"'})
    refused = bailey.run_cli("templates", "push", broken, "--name", "mine")
    line = 1 + (broken / "template.toml").read_text().split("${param.nothing}")[0].count("\n")
    if refused.returncode == 0:
        raise Failed("a template with an unknown parameter is taken in")
    expect_in(f"template.toml:{line}", refused.stdout)

    for greeting in ("first", "second"):
        version = variant("shell", world.scratch, greeting, **{'EDITOR = "vim"': f'EDITOR = "vim"\nGREETING = "{greeting}"'})
        bailey.push(version, "mine")
    bailey.create("fresh", "mine")
    expect_in("second", bailey.sh("fresh", "echo $GREETING"))
    bailey.command("templates", "rollback", "mine")
    bailey.update("fresh")
    expect_in("first", bailey.sh("fresh", "echo $GREETING"))
    bailey.delete("fresh")


def files_survive(world):
    """Files survive stop, start, restart and update; what is outside the home does not; delete leaves nothing."""
    bailey = world.bailey
    bailey.create("life", "shell", disk=2)
    bailey.sh("life", "echo kept > ~/kept.txt; ln -s kept.txt ~/link; chmod 640 ~/kept.txt; echo gone > /tmp/gone.txt")
    bailey.stop_workspace("life")
    if bailey.show("life")["status"] != "stopped":
        raise Failed(f"it is {bailey.show('life')['status']} after stop")
    if bailey.run_cli("exec", "life", "--", "true").returncode == 0:
        raise Failed("a command ran in a stopped workspace")
    bailey.start_workspace("life")
    look = "cat ~/link; stat -c '%a %U' ~/kept.txt; ls /tmp/gone.txt 2>&1 || true; df -BM --output=size ~ | tail -1"
    before = bailey.sh("life", look)
    expect_in("kept\n640 dev\n", before)
    expect_in("No such file", before)
    bailey.slow("restart", "life")
    expect_in("kept\n640 dev\n", bailey.sh("life", look))
    bailey.update("life", disk=3)
    after = bailey.sh("life", look)
    expect_in("kept\n640 dev\n", after)
    if not int(after.split()[-1].rstrip("M")) > int(before.split()[-1].rstrip("M")) + 500:
        raise Failed(f"the home has not grown: {before!r}, then {after!r}")
    place = bailey.directory_of("life")
    bailey.delete("life")
    if place.exists() or "life" in bailey.names():
        raise Failed(f"delete has left {place}")


def nothing_is_left(world):
    """A deployment whose workspaces are all deleted has no process, loop device or directory of theirs."""
    bailey = world.deploy("tidy")
    for name in ("one", "two"):
        bailey.create(name, "shell")
        bailey.sh(name, "sleep 1000 >/dev/null 2>&1 & nohup sleep 1000 >/dev/null 2>&1 & setsid sleep 1000 >/dev/null 2>&1 & true")
    bailey.stop_workspace("one")
    for name in ("one", "two"):
        bailey.delete(name)
    wait_until_clean(bailey.data, "after all are deleted")


CASES = [
    ("a template is pushed, used and rolled back", template_pushed),
    ("files survive, delete removes them", files_survive),
    ("nothing is left on the machine", nothing_is_left),
]

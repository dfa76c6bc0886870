"""Coding agents inside a workspace, the way out, and the IDE in Chromium."""

import http.server
import json
import subprocess
import threading
import urllib.error
import urllib.request

from deployment import TEMPLATES, variant
from harness import Failed, expect_in

TASK = "Write made.txt."
AGENTS = [
    ("claude code", f"claude -p '{TASK}' --model claude-sonnet-4-5 --output-format json --allowedTools Bash"),
    ("codex", f"codex exec --skip-git-repo-check -m gpt-5 '{TASK}'"),
    ("opencode", f"opencode run -m bailey/llama-3.3-70b '{TASK}'"),
]


def coding_agents(world):
    """Each completes a loop through the gate with the key it was given, and really ran its tool. The key dies at stop."""
    bailey = world.bailey
    template = world.agent_template("agent-governed")
    models = "claude-sonnet-4-5,claude-haiku-4-5,gpt-5,llama-3.3-70b"
    bailey.create("coder", template, models=models, enforcement="standard")
    calls = 0
    for name, command in AGENTS:
        place = name.replace(" ", "-")
        bailey.sh("coder", f"mkdir -p ~/{place} && cd ~/{place} && {command} </dev/null", timeout=120)
        made = bailey.sh("coder", f"cat ~/{place}/made.txt").strip()
        if made != f"made by {name}":
            raise Failed(f"{name} wrote {made!r}")
    key = bailey.sh("coder", "printf %s \"$BAILEY_KEY\"").strip()
    if ask(bailey.url, key) != 200:
        raise Failed("the workspace's key is refused while it runs")
    calls = world.judge_workspace(bailey.show("coder"))
    if calls < 2 * len(AGENTS):
        raise Failed(f"only {calls} calls are in the ledger")
    bailey.stop_workspace("coder")
    if (status := ask(bailey.url, key)) != 401:
        raise Failed(f"after stop the key is answered with {status}")
    bailey.start_workspace("coder")
    if bailey.sh("coder", "printf %s \"$BAILEY_KEY\"").strip() in ("", key):
        raise Failed("the next start has no key of its own")
    bailey.delete("coder")


def ask(url, key):
    request = urllib.request.Request(f"{url}/v1/models", headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from outside\n")

    def log_message(self, *_):
        pass


def way_out(world):
    """What a template names is reached, by name and port; everything else is not, whatever is tried."""
    outside = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    threading.Thread(target=outside.serve_forever, daemon=True).start()
    port = outside.server_address[1]
    rule = f'\n[egress]\nallow = [{{ host = "allowed.example.test", port = {port} }}]\n\n[lifecycle]'
    template = world.bailey.push(variant("shell", world.scratch, **{"\n[lifecycle]": rule}), "shell-egress")
    bailey = world.bailey
    bailey.create("out", template)
    get = "curl -sS --max-time 5 "
    expect_in("hello from outside", bailey.sh("out", f"{get} http://allowed.example.test:{port}/"))
    # The same from outside the sandbox succeeds, so a failure inside means something.
    for url in (f"http://127.0.0.1:{port}/", f"{bailey.url}/readyz"):
        with urllib.request.urlopen(url, timeout=5) as response:
            assert response.status == 200
    for url in (
        f"http://other.example.test:{port}/",
        f"http://127.0.0.1:{port}/",
        f"http://allowed.example.test:{port + 1}/",
        f"{bailey.url}/readyz",
        "http://169.254.169.254/latest/meta-data/",
        f"--resolve other.example.test:{port}:198.18.0.1 http://other.example.test:{port}/",
        "http://127.0.0.1:7080/api/v1/me",
    ):
        output = bailey.sh("out", f"{get} --fail {url} && echo REACHED; true")
        if "REACHED" in output:
            raise Failed(f"{url} is reached from inside")
    bailey.delete("out")
    outside.shutdown()


def governed_and_open(world):
    """The pair: the open one calls a provider past the ledger, the governed one cannot."""
    bailey = world.bailey
    mock = world.mock_url.removeprefix("http://127.0.0.1:")
    rule = f'  {{ host = "provider.example.test", port = {mock} }},\n  {{ host = "api.anthropic.com", port = 443 }},\n'
    opened = world.agent_template("agent-open", **{'  { host = "api.anthropic.com", port = 443 },\n': rule})
    bailey.create("opened", opened)
    bailey.create("governed", world.agent_template("agent-governed"))
    call = f"curl -sS --max-time 5 --fail http://provider.example.test:{mock}/ledger"
    expect_in("{", bailey.sh("opened", call))
    bailey.sh("governed", call, expect_success=False)
    for name in ("opened", "governed"):
        expect_in("claude-sonnet-4-5", bailey.sh(name, 'curl -sS -H "Authorization: Bearer $BAILEY_KEY" $BAILEY_GATE/v1/models'))
        bailey.delete(name)


def browser(world, step, url, shot):
    """Runs one step of browser.mjs."""
    result = subprocess.run(
        ["node", str(TEMPLATES.parent / "tests/workspaces/browser.mjs"), step, url, str(world.out / shot)],
        env={**world.environment, "PLAYWRIGHT": str(world.playwright)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    if result.returncode != 0:
        raise Failed(f"{step} in Chromium: {result.stderr[-3000:]}\nscreenshot: {world.out / shot}")
    return json.loads(result.stdout.splitlines()[-1])


def ide(world):
    """A file is edited in code-server, its terminal works, there is no AI and no gallery."""
    bailey = world.bailey
    bailey.create("ide", world.ide_template())
    bailey.sh("ide", "printf written > ~/note.txt")
    seen = browser(world, "ide", bailey.command("open", "ide", "ide", "--print").strip(), "ide.png")
    if bailey.sh("ide", "cat ~/note.txt") != "written and edited in the browser":
        raise Failed(f"the file holds {bailey.sh('ide', 'cat ~/note.txt')!r}")
    expect_in("from the terminal 42", bailey.sh("ide", "cat ~/ide-terminal.txt"))
    # One command is left, which would set Copilot up and has nothing to set up.
    if [c for c in seen["chatCommands"] if "Use AI Features" not in c] or seen["copilot"] or seen["chatViews"]:
        raise Failed(f"the IDE offers an AI: {seen}")
    if any(line.startswith("Extensions: Install Extensions") for line in seen["galleryCommands"]):
        raise Failed(f"the IDE offers a gallery of extensions: {seen}")
    profile = json.loads(bailey.sh("ide", "cat ~/.config/roo-code/settings.json"))["providerProfiles"]["apiConfigs"]["bailey"]
    if profile["openAiApiKey"] != bailey.sh("ide", 'printf %s "$BAILEY_KEY"') or "127.0.0.1:7080" not in profile["openAiBaseUrl"]:
        raise Failed("Roo Code's settings do not lead to the gate")
    bailey.delete("ide")


def browser_terminal(world):
    """Typed in the browser's terminal, reloaded, the same screen."""
    bailey = world.bailey
    bailey.create("page", "shell")
    seen = browser(world, "terminal", bailey.command("open", "page", "terminal", "--print").strip(), "terminal.png")
    if seen["before"].rstrip() != seen["after"].rstrip():
        raise Failed(f"after a reload the screen is\n{seen['after']}\nnot\n{seen['before']}")
    bailey.delete("page")


CASES = [
    ("Claude Code, Codex, OpenCode", coding_agents),
    ("the way out", way_out),
    ("governed and open", governed_and_open),
    ("web IDE in Chromium", ide),
    ("terminal in Chromium", browser_terminal),
]

"""Coding agents inside a workspace, the pair that shows the firewall's point, and the IDE in Chromium."""

import json
import urllib.error
import urllib.request

from accounts import Judge
from browser import browse
from deployment import TEMPLATES, variant
from harness import Failed, expect_in, get_json

TASK = "Write made.txt."
# As a person would call each inside: the address of the gate, the key and the settings are there already.
AGENTS = {
    "Claude Code": f"claude -p '{TASK}' --model claude-sonnet-4-5 --output-format json --allowedTools Bash",
    "Codex": f"codex exec --skip-git-repo-check -m gpt-5 '{TASK}'",
    "OpenCode": f"opencode run -m bailey/llama-3.3-70b '{TASK}'",
}
MODELS = '["claude-sonnet-4-5", "claude-haiku-4-5", "gpt-5", "llama-3.3-70b"]'

# Browser-only workspaces take no commands, so the file to edit comes with the template. The first script is meant.
NOTE = '\n[[files]]\npath = "/home/dev/note.txt"\ncontent = "written"\nkeep = true\n\n[[scripts]]'


def layers(world):
    """What the templates install is built; the three agent templates share one layer."""
    bailey = world.bailey
    mock_port = world.mock_url.rsplit(":", 1)[1]
    anthropic = '  { host = "api.anthropic.com", port = 443 },\n'
    rule = f'  {{ host = "provider.example.test", port = {mock_port} }},\n'
    open_one = variant("agent-open", world.scratch, "provider", **{anthropic: anthropic + rule})
    took = {}
    for name, directory in (
        ("agent-governed", TEMPLATES / "agent-governed"),
        ("agent-open", open_one),
        ("web-ide", variant("web-ide", world.scratch, "note", **{"\n[[scripts]]": NOTE})),
    ):
        bailey.push(directory, name)
        took[name] = bailey.build_layer(name)
    if took["agent-open"] > 10:
        raise Failed(f"the layer of agent-governed was built again for agent-open: {took}")
    return ", ".join(f"{name} {seconds:.0f} s" for name, seconds in took.items())


def coding_agent(world, name):
    """It completes a loop through the gate with the key it was given, and really ran its tool."""
    bailey = world.bailey
    if "coder" not in bailey.names():
        bailey.create("coder", "agent-governed", models=MODELS, enforcement="standard")
        # All of them use one key, so the sums of all so far are compared.
        world.judge, world.calls, world.base = Judge(bailey, world.mock_url), 0, billed(world)
    place = name.replace(" ", "-").lower()
    output = bailey.sh("coder", f"mkdir -p ~/{place} && cd ~/{place} && {AGENTS[name]} </dev/null", timeout=180)
    expect_in(f"{name} has written made.txt.", output)
    made = bailey.sh("coder", f"cat ~/{place}/made.txt").strip()
    if made != f"made by {name.lower()}":
        raise Failed(f"{name} wrote {made!r}")
    world.judge.seen = world.base
    total = world.judge.compare(bailey.key_of("coder"))
    calls, world.calls = total - world.calls, total
    if calls < 2:
        raise Failed(f"only {calls} calls are in the ledger")
    return f"{calls} calls, ledgers equal"


def key_dies(world):
    """The key works while the workspace runs, from inside and outside; it is refused after stop, and the next start has another."""
    bailey = world.bailey
    key = bailey.sh("coder", 'printf %s "$BAILEY_KEY"').strip()
    status = 'curl -s -o /dev/null -w "%{http_code}" -H "Authorization: Bearer $BAILEY_KEY" $BAILEY_GATE/v1/models'
    if bailey.sh("coder", status).strip() != "200" or ask(bailey.url, key) != 200:
        raise Failed("the workspace's key is refused while it runs")
    bailey.stop_workspace("coder")
    if (answer := ask(bailey.url, key)) != 401:
        raise Failed(f"after stop the key is answered with {answer}")
    bailey.start_workspace("coder")
    if bailey.sh("coder", 'printf %s "$BAILEY_KEY"').strip() in ("", key):
        raise Failed("the next start has no key of its own")
    if ask(bailey.url, key) != 401:
        raise Failed("the key of before works again after the next start")
    expect_in("made by codex", bailey.sh("coder", "cat ~/codex/made.txt"))
    bailey.delete("coder")


def ask(url, key):
    request = urllib.request.Request(f"{url}/v1/models", headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def governed_and_open(world):
    """The pair: with a key that somebody pasted, the open one calls a provider past the ledger; the governed one cannot."""
    bailey = world.bailey
    provider = world.mock_url.replace("127.0.0.1", "provider.example.test")
    body = {"model": "claude-haiku-4-5", "max_tokens": 16, "messages": [{"role": "user", "content": "past the ledger"}]}
    call = f"curl -sS --max-time 10 --fail {provider}/v1/messages -H 'x-api-key: pasted' -H 'content-type: application/json'"
    call += f" -d '{json.dumps(body)}'"
    for name in ("opened", "governed"):
        bailey.create(name, f"agent-{'open' if name == 'opened' else name}")
    before, recorded = billed(world), len(bailey.json("requests", "--limit", "1000")["items"])
    refused = bailey.metric('bailey_egress_decisions_total{decision="no_rule"}')

    expect_in("content", bailey.sh("opened", call))
    if billed(world) != before + 1:
        raise Failed(f"the open one's call did not reach the provider: {billed(world) - before} calls")
    bailey.sh("governed", call, expect_success=False)
    if billed(world) != before + 1:
        raise Failed("the governed one's call reached the provider")
    if len(bailey.json("requests", "--limit", "1000")["items"]) != recorded:
        raise Failed("a call past the gate is in the ledger")

    # The name is not even known inside; by a number it is refused by the server, or ends inside.
    bailey.sh("governed", "getent hosts provider.example.test", expect_success=False)
    if bailey.metric('bailey_egress_decisions_total{decision="no_rule"}') < refused:
        raise Failed("the count of refusals has gone back")
    # Through the gate both may call.
    for name in ("opened", "governed"):
        models = 'curl -sS --fail -H "Authorization: Bearer $BAILEY_KEY" $BAILEY_GATE/v1/models'
        expect_in("claude-sonnet-4-5", bailey.sh(name, models))
        bailey.delete(name)


def billed(world):
    return len(get_json(f"{world.mock_url}/ledger")["entries"])


def ide(world):
    """A file is edited in code-server, its terminal works, there is no AI and no gallery. Nothing but the browser leads in."""
    bailey = world.bailey
    bailey.create("ide", "web-ide")
    for command in (("exec", "ide", "--", "true"), ("open", "ide", "terminal")):
        refused = bailey.run_cli(*command)
        if (refused.returncode == 0) != (command[0] == "open"):
            raise Failed(f"{command} in a browser-only workspace: {refused.stdout}")
    home = bailey.home_of("ide")
    seen = browse(world, "ide", bailey.open("ide", "ide"))
    if (home / "note.txt").read_text() != "written and edited in the browser":
        raise Failed(f"the file holds {(home / 'note.txt').read_text()!r}")
    expect_in("from the terminal 42", (home / "ide-terminal.txt").read_text())
    # One command is left, which would set Copilot up and has nothing to set up.
    if [c for c in seen["chatCommands"] if "Use AI Features" not in c] or seen["copilot"] or seen["chatViews"]:
        raise Failed(f"the IDE offers an AI: {seen}")
    if any(line.startswith("Extensions: Install Extensions") for line in seen["galleryCommands"]):
        raise Failed(f"the IDE offers a gallery of extensions: {seen}")
    profile = json.loads((home / ".config/roo-code/settings.json").read_text())["providerProfiles"]["apiConfigs"]["bailey"]
    if ask(bailey.url, profile["openAiApiKey"]) != 200 or "127.0.0.1:7080" not in profile["openAiBaseUrl"]:
        raise Failed("Roo Code's settings do not lead to the gate")
    bailey.delete("ide")


CASES = [
    ("layers of agents and IDE are built", layers),
    *[(f"{name} inside", lambda world, name=name: coding_agent(world, name)) for name in AGENTS],
    ("the key of agents dies at stop", key_dies),
    ("agents governed and open", governed_and_open),
    ("web IDE in Chromium", ide),
]

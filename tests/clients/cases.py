"""How each client is pointed at Bailey, and what it is asked to do."""

import json
import pathlib

from harness import Failed, Place, expect_in

HERE = pathlib.Path(__file__).resolve().parent
TASK = "Write made.txt."


def claude_code(place: Place):
    """Writes a file with its Bash tool: a whole loop of tool call, result and answer."""
    output = _claude(place)
    result = json.loads(output.splitlines()[-1])
    if result["is_error"]:
        raise Failed(f"Claude Code reports an error:\n{output[-2000:]}")
    expect_in("Claude Code has written made.txt.", result["result"])
    place.expect_file("made by claude code")


def claude_code_without_budget(place: Place):
    """Is told at once, and in words that a person understands, that the budget is exhausted: no retries."""
    output = _claude(place, expect_success=False, timeout=30)
    expect_in("budget", output)


def _claude(place, **options):
    return place.run(
        [place.npm("claude"), "-p", TASK, "--model", "claude-sonnet-4-5", "--output-format", "json", "--allowedTools", "Bash"],
        ANTHROPIC_BASE_URL=place.url,
        ANTHROPIC_AUTH_TOKEN=place.key,
        ANTHROPIC_DEFAULT_HAIKU_MODEL="claude-haiku-4-5",
        CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY="1",
        # Nothing but the base URL is called: no updates, no statistics.
        DISABLE_AUTOUPDATER="1",
        DISABLE_ERROR_REPORTING="1",
        DISABLE_TELEMETRY="1",
        **options,
    )


def codex(place: Place):
    """Writes a file with its shell tool over the Responses protocol."""
    provider = f'{{name="Bailey",base_url="{place.url}/v1",env_key="BAILEY_KEY",wire_api="responses"}}'
    output = place.run(
        [
            place.npm("codex"),
            "exec",
            "--skip-git-repo-check",
            # The command is ours and the directory a scratch one; its sandbox does not start in every container.
            "--dangerously-bypass-approvals-and-sandbox",
            "-c", "model=gpt-5",
            "-c", "model_provider=bailey",
            "-c", f"model_providers.bailey={provider}",
            TASK,
        ],
        BAILEY_KEY=place.key,
    )  # fmt: skip
    expect_in("Codex has written made.txt.", output)
    place.expect_file("made by codex")


def opencode(place: Place):
    """Writes a file with its shell tool over the Chat Completions protocol."""
    settings = {
        "$schema": "https://opencode.ai/config.json",
        "model": "bailey/llama-3.3-70b",
        "small_model": "bailey/llama-3.3-70b",
        "autoupdate": False,
        "share": "disabled",
        "permission": {"bash": "allow", "edit": "allow"},
        "provider": {
            "bailey": {
                "npm": "@ai-sdk/openai-compatible",
                "name": "Bailey",
                "options": {"baseURL": f"{place.url}/v1", "apiKey": place.key},
                "models": {"llama-3.3-70b": {"name": "Llama", "limit": {"context": 128000, "output": 8000}}},
            }
        },
    }
    (place.work / "opencode.json").write_text(json.dumps(settings))
    output = place.run([place.npm("opencode"), "run", TASK])
    expect_in("OpenCode has written made.txt.", output)
    place.expect_file("made by opencode")


def aider(place: Place):
    """Writes a file that it reads out of the model's text."""
    output = place.run(
        [
            place.python("aider", "aider"),
            "--model", "openai/llama-3.3-70b",
            "--edit-format", "whole",
            "--no-check-update",
            "--no-analytics",
            "--no-show-model-warnings",
            "--no-git",
            "--yes-always",
            "--message", TASK,
        ],
        OPENAI_API_BASE=f"{place.url}/v1",
        OPENAI_API_KEY=place.key,
        # The price list of its library, which it would fetch otherwise.
        LITELLM_LOCAL_MODEL_COST_MAP="True",
    )  # fmt: skip
    expect_in("Applied edit to made.txt", output)
    place.expect_file("made by aider")


def openai_sdk(place: Place):
    """Chat, Responses, streams, tools and the list of models."""
    _sdk(place, "sdk_openai.py", "work")


def openai_sdk_without_budget(place: Place):
    """Raises what the SDK has for an exhausted quota, without retrying."""
    _sdk(place, "sdk_openai.py", "refused")


def anthropic_sdk(place: Place):
    """Messages, streams, tools and the count of tokens."""
    _sdk(place, "sdk_anthropic.py", "work")


def anthropic_sdk_without_budget(place: Place):
    """Raises what the SDK has for an exhausted budget, without retrying."""
    _sdk(place, "sdk_anthropic.py", "refused")


def _sdk(place, script, part):
    output = place.run([place.python("sdk"), HERE / script, part], BAILEY_URL=place.url, BAILEY_KEY=place.key)
    expect_in("done", output)


# With money: name, what runs. Every call of theirs is compared with the mock's ledger.
WITH_BUDGET = [
    ("Claude Code", claude_code),
    ("Codex", codex),
    ("OpenCode", opencode),
    ("Aider", aider),
    ("OpenAI SDK", openai_sdk),
    ("Anthropic SDK", anthropic_sdk),
]

# With a budget of nothing: the client has to understand the refusal, and nothing may reach the provider.
WITHOUT_BUDGET = [
    ("Claude Code, budget exhausted", claude_code_without_budget),
    ("OpenAI SDK, budget exhausted", openai_sdk_without_budget),
    ("Anthropic SDK, budget exhausted", anthropic_sdk_without_budget),
]

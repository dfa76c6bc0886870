"""The requests that are sent."""

import json
import random

# The words of generated text: code-like, so that a JSON parser meets escapes as often as in the real thing.
WORDS = ["fn", "let", "return", "value", "\"text\"", "path/to/file", "\n    ", "if x == 1 {", "}", "é", "self", "=>", "\t"]


def chat(model, stream):
    body = {
        "model": model,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Say something short."},
        ],
        "max_tokens": 256,
    }
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return encode(body)


def coding_agent(model, size=300_000):
    """A request shaped as a coding agent's: three system blocks, 40 tools, a long conversation with tool results."""
    source = random.Random(1)
    text = lambda length: "".join(source.choices([word + " " for word in WORDS], k=length // 5))[:length]
    body = {
        "model": model,
        "messages": [],
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197; cc_entrypoint=sdk-cli;"},
            {"type": "text", "text": "You are a coding agent.", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": text(20_000), "cache_control": {"type": "ephemeral"}},
        ],
        "tools": [tool(number, text) for number in range(40)],
        "metadata": {"user_id": json.dumps({"device_id": "b" * 64, "session_id": "s" * 36})},
        "max_tokens": 32000,
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "stream": True,
    }
    number = 0
    while len(encode(body)) < size:
        number += 1
        call = {"type": "tool_use", "id": f"toolu_{number:024}", "name": "tool_1", "input": {"path": f"/src/{number}.rs"}}
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": text(4_000)}
        body["messages"] += [
            {"role": "user", "content": [{"type": "text", "text": text(500)}]},
            {"role": "assistant", "content": [{"type": "text", "text": text(300)}, call]},
            {"role": "user", "content": [result]},
        ]
    return encode(body)


def tool(number, text):
    properties = {
        f"field_{field}": {"type": "string", "description": text(120), "enum": ["one", "two", "three"]} for field in range(6)
    }
    schema = {"type": "object", "properties": properties, "required": ["field_0"], "additionalProperties": False}
    return {"name": f"tool_{number}", "description": text(1_500), "input_schema": schema}


def encode(body):
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

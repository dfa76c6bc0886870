"""Runs in the environment of the OpenAI SDK. `work` uses the routes, `refused` expects the refusal for lack of money."""

import json
import os
import sys

import openai

CHAT, RESPONSES = "llama-3.3-70b", "gpt-5"
QUESTION = [{"role": "user", "content": "How are you?"}]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def work(client):
    names = {model.id for model in client.models.list()}
    assert {CHAT, RESPONSES} <= names, names

    for model in (CHAT, RESPONSES):
        answer = client.chat.completions.create(model=model, messages=QUESTION)
        assert answer.choices[0].message.content, answer
        assert answer.usage.completion_tokens > 0, answer

    stream = client.chat.completions.create(model=CHAT, messages=QUESTION, stream=True)
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices), chunks
    # Bailey asks the provider for the usage; a client that did not ask must not see it.
    assert all(chunk.usage is None and chunk.choices for chunk in chunks), chunks

    stream = client.chat.completions.create(
        model=CHAT, messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    assert list(stream)[-1].usage.prompt_tokens > 0

    tools(client)
    responses(client)


def tools(client):
    """A stream with two tool calls in parallel, their results, and the answer."""
    definition = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
    messages = [{"role": "user", "content": "What is the weather in Oslo and in Rome?"}]
    calls = {}
    for chunk in client.chat.completions.create(model=CHAT, messages=messages, tools=[definition], stream=True):
        for part in chunk.choices[0].delta.tool_calls or []:
            call = calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
            call["id"] = part.id or call["id"]
            call["name"] = part.function.name or call["name"]
            call["arguments"] += part.function.arguments or ""
    cities = [json.loads(call["arguments"])["city"] for call in calls.values()]
    assert cities == ["Oslo", "Rome"], calls
    messages.append({
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}
            for call in calls.values()
        ],
    })
    messages += [{"role": "tool", "tool_call_id": call["id"], "content": "fine"} for call in calls.values()]
    answer = client.chat.completions.create(model=CHAT, messages=messages, tools=[definition])
    assert answer.choices[0].message.content == "Oslo is cold, Rome is warm.", answer


def responses(client):
    answer = client.responses.create(model=RESPONSES, input="How are you?")
    assert answer.output_text, answer
    with client.responses.stream(model=RESPONSES, input="How are you?") as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert text == final.output_text and text, final
    assert final.usage.output_tokens > 0, final


def refused(client):
    for call in (
        lambda: client.chat.completions.create(model=CHAT, messages=QUESTION),
        lambda: client.responses.create(model=RESPONSES, input="How are you?", stream=True),
    ):
        try:
            call()
        except openai.RateLimitError as error:
            assert error.code == "insufficient_quota", error
            assert "budget" in str(error), error
            assert error.response.headers["x-should-retry"] == "false", error.response.headers
        else:
            raise AssertionError("the call was not refused")


if __name__ == "__main__":
    sdk = openai.OpenAI(base_url=os.environ["BAILEY_URL"] + "/v1", api_key=os.environ["BAILEY_KEY"])
    {"work": work, "refused": refused}[sys.argv[1]](sdk)
    print("done")

"""Runs in the environment of the Anthropic SDK. `work` uses the routes, `refused` expects the refusal for lack of money."""

import os
import sys

import anthropic

MODEL = "claude-sonnet-4-5"
QUESTION = [{"role": "user", "content": "How are you?"}]
WEATHER = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def work(client):
    names = {model.id for model in client.models.list()}
    assert MODEL in names, names

    counted = client.messages.count_tokens(model=MODEL, messages=QUESTION)
    assert counted.input_tokens > 0, counted

    answer = client.messages.create(model=MODEL, max_tokens=500, messages=QUESTION)
    assert answer.content[0].text and answer.stop_reason == "end_turn", answer
    assert answer.usage.output_tokens > 0, answer

    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    seen = client.messages.create(
        model=MODEL,
        max_tokens=500,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": [image, {"type": "text", "text": "What is this?"}]}],
    )
    assert seen.content[0].text, seen

    with client.messages.stream(model=MODEL, max_tokens=500, messages=QUESTION) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == final.content[0].text and text, final

    tools(client)


def tools(client):
    """A stream with text and two tool calls in parallel, their results, and the answer."""
    messages = [{"role": "user", "content": "What is the weather in Oslo and in Rome?"}]
    with client.messages.stream(model=MODEL, max_tokens=500, messages=messages, tools=[WEATHER]) as stream:
        asked = stream.get_final_message()
    calls = [block for block in asked.content if block.type == "tool_use"]
    assert [call.input["city"] for call in calls] == ["Oslo", "Rome"], asked
    assert asked.stop_reason == "tool_use", asked
    messages.append({"role": "assistant", "content": asked.content})
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "fine"} for call in calls]
    messages.append({"role": "user", "content": results})
    answer = client.messages.create(model=MODEL, max_tokens=500, messages=messages, tools=[WEATHER])
    assert answer.content[0].text == "Oslo is cold, Rome is warm.", answer
    # As the mock's scenario has it: what the provider reports reaches the client unchanged.
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens) == (613, 401), answer


def refused(client):
    try:
        client.messages.create(model=MODEL, max_tokens=500, messages=QUESTION)
    except anthropic.RateLimitError as error:
        assert error.body["error"]["type"] == "billing_error", error.body
        assert "budget" in str(error), error
        assert error.response.headers["x-should-retry"] == "false", error.response.headers
    else:
        raise AssertionError("the call was not refused")


if __name__ == "__main__":
    # Once with each of the two headers that may carry a key.
    for credential in ({"api_key": os.environ["BAILEY_KEY"]}, {"auth_token": os.environ["BAILEY_KEY"]}):
        sdk = anthropic.Anthropic(base_url=os.environ["BAILEY_URL"], **credential)
        {"work": work, "refused": refused}[sys.argv[1]](sdk)
    print("done")

"""Talks with the simulated services at argv[1], key argv[2], by voice: the WAV files of the folder argv[3] are what the caller says."""

import json
import pathlib
import sys

import openai

URL, KEY, FOLDER = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
QUESTIONS = {
    "team_size": {"type": "integer", "minimum": 1, "description": "How many people on your team send documents?"},
    "crm": {"type": "string", "enum": ["salesforce", "hubspot", "none"], "description": "Which CRM do you use?"},
}
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": properties}}}
    for name, properties in (("record_signals", QUESTIONS), ("end_call", {}))
]


def hear(client, name):
    with open(FOLDER / f"{name}.wav", "rb") as sound:
        return client.audio.transcriptions.create(model="any", file=sound, language="en").text


def reply(client, messages):
    """The text, the calls and the usage of a streamed reply, which is added to the messages."""
    text, calls, usage, reason = "", {}, None, None
    stream = client.chat.completions.create(
        model="any", messages=messages, tools=TOOLS, stream=True, stream_options={"include_usage": True}
    )
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
            for call in choice.delta.tool_calls or []:
                known = calls.setdefault(call.index, {"id": call.id, "name": call.function.name, "arguments": ""})
                known["arguments"] += call.function.arguments
    assert reason == ("tool_calls" if calls else "stop"), reason
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0
    wire = [
        {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}
        for call in calls.values()
    ]
    messages.append({"role": "assistant", "content": text, **({"tool_calls": wire} if wire else {})})
    messages.extend({"role": "tool", "tool_call_id": call["id"], "content": "recorded"} for call in calls.values())
    return text, [(call["name"], json.loads(call["arguments"])) for call in calls.values()]


def check_conversation(client):
    messages = [{"role": "system", "content": "Ask."}, {"role": "assistant", "content": "How can I help you today?"}]
    said = []
    for name in ("first", "second", "third"):
        messages.append({"role": "user", "content": hear(client, name)})
        text, calls = reply(client, messages)
        said.append((text, calls))
        if calls:
            said.append(reply(client, messages))
    assert said == [
        ("Happy to help. How many people on your team send documents?", []),
        ("", [("record_signals", {"team_size": 12})]),
        ("Good to know. Which CRM do you use?", []),
        ("", [("record_signals", {"crm": "hubspot"})]),
        ("Got it, thanks. That is all I wanted to know. Goodbye!", [("end_call", {})]),
    ], said


def check_speech(client):
    with client.audio.speech.with_streaming_response.create(
        model="any", voice="alloy", input="Hello there.", response_format="pcm"
    ) as answer:
        sound = b"".join(answer.iter_bytes())
    assert 24_000 < len(sound) < 150_000 and any(sound), len(sound)


def check_errors(client):
    try:
        openai.OpenAI(base_url=f"{URL}/v1", api_key="other", max_retries=0).models.list()
    except openai.AuthenticationError as error:
        assert error.code == "invalid_api_key", error
    else:
        raise AssertionError("a wrong key was taken")
    try:
        client.audio.speech.create(model="any", voice="alloy", input="a" * 4097, response_format="pcm")
    except openai.BadRequestError as error:
        assert error.param == "input" and error.type == "invalid_request_error", error
    else:
        raise AssertionError("a text that is too long was taken")
    assert [model.id for model in client.models.list()]


def main():
    client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)
    check_conversation(client)
    check_speech(client)
    check_errors(client)


main()

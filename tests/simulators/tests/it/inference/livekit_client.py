"""Holds livekit-agents' clients of LiveKit Inference against the gateway at argv[1], with the key and the secret argv[2] and
argv[3] of a project, and argv[4], the key of the same services over HTTP. The WAV files of the folder argv[5] are what callers
say, and heard.json is what is heard of each over HTTP."""

import asyncio
import json
import pathlib
import sys
import wave
from typing import Literal

import aiohttp

from livekit import rtc
from livekit.agents import APIConnectOptions, APIStatusError, inference, llm, stt

URL, KEY, SECRET, HTTP_KEY = sys.argv[1:5]
FOLDER = pathlib.Path(sys.argv[5])
PROJECT = {"base_url": f"{URL}/v1", "api_key": KEY, "api_secret": SECRET}
WRONG = {**PROJECT, "api_secret": "another secret of at least 32 characters"}
ONCE = APIConnectOptions(max_retry=0, timeout=60)
# Callers that speak at a time.
AT_A_TIME = 10


def frames(number):
    """A recording in frames of 20 ms, and silence behind it."""
    with wave.open(str(FOLDER / f"{number}.wav")) as file:
        rate = file.getframerate()
        samples = file.readframes(file.getnframes()) + bytes(2 * rate * 6 // 10)
    size = 2 * rate // 50
    for start in range(0, len(samples) - size + 1, size):
        yield rtc.AudioFrame(samples[start : start + size], rate, 1, size // 2)


async def hear(recogniser, number):
    """The interim texts, the final text and its words, of a sentence at the pace of speech."""
    stream = recogniser.stream(conn_options=ONCE)

    async def speak():
        for frame in frames(number):
            stream.push_frame(frame)
            await asyncio.sleep(0.02)
        stream.end_input()

    speaking = asyncio.create_task(speak())
    interims, finals = [], []
    async for event in stream:
        if event.type == stt.SpeechEventType.INTERIM_TRANSCRIPT:
            interims.append(event.alternatives[0].text)
        elif event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
            finals.append(event.alternatives[0])
            # Else it would wait for further ones.
            if speaking.done():
                break
    await speaking
    await stream.aclose()
    return interims, finals


async def check_hearing(session):
    recogniser = inference.STT("deepgram/nova-3", language="en", http_session=session, **PROJECT)
    over_http = json.loads((FOLDER / "heard.json").read_text())
    places = asyncio.Semaphore(AT_A_TIME)

    async def check(number, expected):
        async with places:
            interims, finals = await hear(recogniser, number)
        text = " ".join(final.text for final in finals)
        assert text == expected, (number, text, expected)
        assert interims and all(expected.startswith(interim) for interim in interims), (expected, interims)
        words = [word for final in finals for word in final.words]
        assert [str(word) for word in words] == expected.split(), words
        times = [time for word in words for time in (word.start_time, word.end_time)]
        assert times == sorted(times) and len(set(times)) > len(words), times

    await asyncio.gather(*(check(number, expected) for number, expected in enumerate(over_http)))


async def check_client_endpointing(session):
    """A model that needs the client to end utterances: the client's own voice activity detector does."""
    recogniser = inference.STT("openai/gpt-live-transcribe", sample_rate=24_000, http_session=session, **PROJECT)
    interims, finals = await hear(recogniser, 7)
    assert interims and finals[-1].text == json.loads((FOLDER / "heard.json").read_text())[7], (interims, finals)


async def check_speech(session):
    voice = inference.TTS(
        "cartesia/sonic-3", http_session=session, extra_kwargs={"add_timestamps": True}, **PROJECT
    )
    for text in ("How many people on your team send documents? It is only a number.", "Which CRM do you use?"):
        stream = voice.stream(conn_options=ONCE)
        stream.push_text(text)
        stream.end_input()
        seconds, words = 0.0, []
        async for audio in stream:
            seconds += audio.frame.duration
            words.extend(audio.frame.userdata.get("lk.timed_transcripts", []))
        await stream.aclose()
        assert 1 < seconds < 10, seconds
        assert "".join(words).split() == text.split(), words
        times = [time for word in words for time in (word.start_time, word.end_time)]
        assert times == sorted(times) and times[-1] <= seconds, (times, seconds)
    await voice.aclose()


@llm.function_tool
async def record_signals(team_size: int, crm: Literal["salesforce", "hubspot", "none"]):
    """Records what is known.

    Args:
        team_size: How many people on your team send documents?
        crm: Which CRM do you use?
    """


async def reply(model, context):
    stream = model.chat(chat_ctx=context, tools=[record_signals], conn_options=ONCE)
    text, calls, usage = "", [], None
    async for chunk in stream:
        usage = chunk.usage or usage
        if chunk.delta:
            text += chunk.delta.content or ""
            calls.extend(chunk.delta.tool_calls)
    await stream.aclose()
    assert usage and usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0, usage
    return text, calls


async def check_tools(name):
    """A call of a tool comes, goes back with its result, and the model goes on."""
    model = inference.LLM(name, **PROJECT)
    context = llm.ChatContext.empty()
    context.add_message(role="assistant", content="How many people on your team send documents?")
    context.add_message(role="user", content="we are twelve people")
    text, calls = await reply(model, context)
    assert (text, [call.name for call in calls]) == ("", ["record_signals"]), (text, calls)
    assert json.loads(calls[0].arguments) == {"team_size": 12}, calls
    call = calls[0]
    context.insert(
        [
            llm.FunctionCall(call_id=call.call_id, name=call.name, arguments=call.arguments, extra=call.extra or {}),
            llm.FunctionCallOutput(call_id=call.call_id, name=call.name, output="recorded", is_error=False),
        ]
    )
    text, calls = await reply(model, context)
    assert text.endswith("Which CRM do you use?") and not calls, (text, calls)
    await model.aclose()


async def inject(session, *faults):
    async with session.put(f"{URL}/simulator/faults", json=list(faults)) as answer:
        assert answer.status == 200, await answer.text()


async def check_thoughts(session):
    """The client takes thoughts out of what is said, wherever the tags are broken."""
    for name, kind in (("openai/gpt-4.1", "think"), ("google/gemma-4-31b-it", "channel")):
        model = inference.LLM(name, **PROJECT)
        context = llm.ChatContext.empty()
        context.add_message(role="user", content="hello")
        for split_at in (1, 5, 20):
            await inject(session, {"endpoint": "chat", "kind": kind, "split_at": split_at})
            text, _ = await reply(model, context)
            assert text.strip().startswith("Happy to help."), (name, split_at, text)
        await model.aclose()


async def refused(call, status):
    try:
        await call
    except APIStatusError as error:
        assert error.status_code == status, error
    else:
        raise AssertionError(f"expected {status}")


async def check_refusals(session):
    async def first(stream):
        async for _ in stream:
            break

    def calls(project):
        recogniser = inference.STT("deepgram/nova-3", http_session=session, **project).stream(conn_options=ONCE)
        voice = inference.TTS("cartesia/sonic-3", http_session=session, **project).stream(conn_options=ONCE)
        voice.push_text("Hello there. ")
        voice.end_input()
        context = llm.ChatContext.empty()
        context.add_message(role="user", content="hello")
        model = inference.LLM("openai/gpt-4.1", **project).chat(chat_ctx=context, conn_options=ONCE)
        return [first(recogniser), first(voice), first(model)]

    for call in calls(WRONG):
        await refused(call, 401)
    async with session.post(f"{URL}/simulator/settings", json={"credits_used_up": True}) as answer:
        assert answer.status == 200
    for call in calls(PROJECT):
        await refused(call, 429)
    async with session.post(f"{URL}/simulator/settings", json={"credits_used_up": False}) as answer:
        assert answer.status == 200


async def main():
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(check_hearing(session), check_client_endpointing(session), check_speech(session))
        for name in ("openai/gpt-5.2-chat-latest", "google/gemini-3-flash"):
            await check_tools(name)
        await check_thoughts(session)
        await check_refusals(session)


asyncio.run(main())

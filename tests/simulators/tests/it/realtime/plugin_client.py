"""Transcribes over the realtime socket at argv[1] with the key argv[2], by LiveKit's plugin for OpenAI: the WAV files of the folder
argv[3] are what callers say, and their names what that is.

The plugin names no model in the address at OpenAI and names one elsewhere, so OpenAI's host is resolved to the simulator."""

import asyncio
import pathlib
import sys
import wave
from urllib.parse import urlparse

import aiohttp
from aiohttp.abc import AbstractResolver

from livekit import rtc
from livekit.agents import APIConnectOptions, inference, stt
from livekit.plugins import openai

URL, KEY, FOLDER = urlparse(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
ONCE = APIConnectOptions(max_retry=0, timeout=60)


class ToTheSimulator(AbstractResolver):
    async def resolve(self, host, port=0, family=0):
        return [{"hostname": host, "host": URL.hostname, "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self):
        pass


def frames(file):
    with wave.open(str(file)) as wav:
        samples = wav.readframes(wav.getnframes()) + bytes(48_000)
    for start in range(0, len(samples) - 959, 960):
        yield rtc.AudioFrame(samples[start : start + 960], 24_000, 1, 480)


async def hear(recogniser, file):
    stream = recogniser.stream(conn_options=ONCE)

    async def speak():
        for frame in frames(file):
            stream.push_frame(frame)
            await asyncio.sleep(0.02)

    speaking = asyncio.create_task(speak())
    interims, final, tokens = [], None, 0
    async for event in stream:
        if event.type == stt.SpeechEventType.INTERIM_TRANSCRIPT:
            interims.append(event.alternatives[0].text)
        elif event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
            final = event.alternatives[0].text
        elif event.type == stt.SpeechEventType.RECOGNITION_USAGE:
            tokens = event.recognition_usage.output_tokens
            break
    await speaking
    await stream.aclose()
    return interims, final, tokens


async def check(host, model, **options):
    base = f"http://{host}:{URL.port}/v1"
    recogniser = openai.STT(model=model, base_url=base, api_key=KEY, use_realtime=True, **options)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=ToTheSimulator())) as session:
        recogniser._session = session
        for file in sorted(FOLDER.glob("*.wav")):
            interims, final, tokens = await hear(recogniser, file)
            assert final == file.stem, (host, model, final, file.stem)
            if host == "api.openai.com":
                assert interims and tokens == len(file.stem.split()), (interims, tokens)
        await recogniser.aclose()


async def main():
    await check("api.openai.com", "gpt-4o-mini-transcribe")
    # This model ends no utterance by itself: the client's voice activity detector commits.
    await check("api.openai.com", "gpt-live-transcribe", vad=inference.VAD())
    # Another host is one of speaches' kind.
    await check("speaches.example", "small")


asyncio.run(main())

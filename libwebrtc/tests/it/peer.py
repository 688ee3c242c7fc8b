"""Joins a room, publishes a tone of 660 Hz, and sends how clearly it hears one of 440 Hz: dB, as a data packet."""

import asyncio
import math
import sys

import numpy
from livekit import rtc

RATE = 48_000


def signal_to_noise(samples, hertz):
    windows = samples[: len(samples) // 2400 * 2400].reshape(-1, 2400).astype(float)
    phase = numpy.arange(2400) * hertz * math.tau / RATE
    sine, cosine = numpy.sin(phase), numpy.cos(phase)
    a, b = 2 * windows @ sine / 2400, 2 * windows @ cosine / 2400
    noise = ((windows - numpy.outer(a, sine) - numpy.outer(b, cosine)) ** 2).sum(axis=1)
    signal = (a**2 + b**2) / 2 * 2400
    return float(numpy.median(10 * numpy.log10(signal / numpy.maximum(noise, 1e-9))))


async def publish(room):
    source = rtc.AudioSource(RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("tone", source)
    await room.local_participant.publish_track(track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))
    time = 0
    while True:
        phase = (time + numpy.arange(480)) * 660 * math.tau / RATE
        samples = (12_000 * numpy.sin(phase)).astype(numpy.int16)
        await source.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, 480))
        time += 480


async def listen(room, track):
    stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
    samples = []
    async for event in stream:
        samples.append(numpy.frombuffer(event.frame.data, dtype=numpy.int16))
        if sum(map(len, samples)) >= 3 * RATE:
            break
    ratio = signal_to_noise(numpy.concatenate(samples)[RATE:], 440)
    await room.local_participant.publish_data(f"{ratio:.1f}", reliable=True)


async def main():
    room = rtc.Room()
    tasks = []
    room.on("track_subscribed", lambda track, *_: tasks.append(asyncio.create_task(listen(room, track))))
    await room.connect(sys.argv[1], sys.argv[2])
    await publish(room)


asyncio.run(main())

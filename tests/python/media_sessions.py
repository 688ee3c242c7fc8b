"""What `bench media` measures, done by the Python SDK: a process that holds sessions.

The first line of its standard input is a JSON object: url, tokens (one for each session), speech (file and rate, or null)
and listening_rate (or null). It joins, and answers `ready` when audio flows; each further line is answered with the frames
of 10 ms that each session has read so far, those that sound and those that are silent. At the end of the input it leaves.
"""

import asyncio
import itertools
import json
import sys
import time

from livekit import rtc

QUEUE_MILLISECONDS = 200


class Session:
    def __init__(self) -> None:
        self.room = rtc.Room()
        self.sounding = 0
        self.silent = 0
        self.tasks = []

    async def join(self, setup: dict, token: str, samples: memoryview, offset: int) -> None:
        rate = setup["listening_rate"]

        @self.room.on("track_subscribed")
        def on_track(track, _publication, _participant):
            if track.kind == rtc.TrackKind.KIND_AUDIO and rate:
                self.tasks.append(asyncio.create_task(self.listen(track, rate)))

        await self.room.connect(setup["url"], token, rtc.RoomOptions(auto_subscribe=bool(rate)))
        if setup["speech"]:
            rate = setup["speech"]["rate"]
            source = rtc.AudioSource(rate, 1, queue_size_ms=QUEUE_MILLISECONDS)
            track = rtc.LocalAudioTrack.create_audio_track("voice", source)
            options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
            await self.room.local_participant.publish_track(track, options)
            self.tasks.append(asyncio.create_task(speak(source, rate, samples, offset)))

    async def listen(self, track: rtc.Track, rate: int) -> None:
        async for event in rtc.AudioStream(track, sample_rate=rate, num_channels=1):
            if any(event.frame.data):
                self.sounding += 1
            else:
                self.silent += 1

    async def leave(self) -> None:
        for task in self.tasks:
            task.cancel()
        await self.room.disconnect()


async def speak(source: rtc.AudioSource, rate: int, samples: memoryview, offset: int) -> None:
    size = rate // 100
    frames = [bytes(samples[at : at + size]) for at in range(0, len(samples) - size + 1, size)]
    for frame in itertools.islice(itertools.cycle(frames), offset // size, None):
        await source.capture_frame(rtc.AudioFrame(frame, rate, 1, size))


async def main() -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=2**20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    setup = json.loads(await lines.readline())
    samples = memoryview(b"")
    if setup["speech"]:
        with open(setup["speech"]["file"], "rb") as file:
            samples = memoryview(file.read()).cast("h")
    sessions = []
    for index, token in enumerate(setup["tokens"]):
        session = Session()
        sessions.append(session)
        await session.join(setup, token, samples, len(samples) * index // len(setup["tokens"]))
    while setup["listening_rate"] and not all(session.sounding for session in sessions):
        await asyncio.sleep(0.02)
    print("ready", flush=True)
    while await lines.readline():
        counts = {
            "seconds": time.monotonic(),
            "sounding": [session.sounding for session in sessions],
            "silent": [session.silent for session in sessions],
        }
        print(json.dumps(counts), flush=True)
    for session in sessions:
        await session.leave()


asyncio.run(main())

"""Places one call with the Python LiveKit SDK: an implementation that shares nothing with ours.

Usage: call.py URL API_KEY API_SECRET AGENT_NAME ROOM EMAIL SECONDS
Prints one JSON line when the agent's audio has been heard, and one when the call has ended.
"""

import asyncio
import json
import math
import sys
import time

from livekit import api, rtc

SAMPLE_RATE = 48_000
FRAME = SAMPLE_RATE // 100


def token(key: str, secret: str, agent_name: str, room: str, email: str) -> str:
    return (
        api.AccessToken(key, secret)
        .with_identity("trialist_python")
        .with_metadata(json.dumps({"user_email": email}))
        .with_grants(api.VideoGrants(room_join=True, room=room))
        .with_room_config(
            api.RoomConfiguration(agents=[api.RoomAgentDispatch(agent_name=agent_name)])
        )
        .to_jwt()
    )


async def speak(source: rtc.AudioSource) -> None:
    step = 0
    while True:
        samples = (int(8_000 * math.sin(2 * math.pi * 440 * (step * FRAME + n) / SAMPLE_RATE)) for n in range(FRAME))
        data = b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
        await source.capture_frame(rtc.AudioFrame(data, SAMPLE_RATE, 1, FRAME))
        step += 1


async def hear(track: rtc.Track, heard: asyncio.Future) -> None:
    async for event in rtc.AudioStream(track, sample_rate=SAMPLE_RATE, num_channels=1):
        samples = memoryview(event.frame.data).cast("B").cast("h")
        loudest = max(abs(sample) for sample in samples)
        if loudest > 500 and not heard.done():
            heard.set_result(loudest)


async def main() -> None:
    url, key, secret, agent_name, room_name, email, seconds = sys.argv[1:]
    room = rtc.Room()
    heard = asyncio.get_running_loop().create_future()
    listening = []

    @room.on("track_subscribed")
    def on_track(track, _publication, participant):
        if participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            listening.append(asyncio.create_task(hear(track, heard)))

    await room.connect(url, token(key, secret, agent_name, room_name, email))
    started = time.time()
    source = rtc.AudioSource(SAMPLE_RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await room.local_participant.publish_track(track, options)
    speaking = asyncio.create_task(speak(source))
    loudest = await asyncio.wait_for(heard, 20)
    print(json.dumps({"event": "agent-heard", "loudest": loudest}), flush=True)
    await asyncio.sleep(max(0.0, float(seconds) - (time.time() - started)))
    speaking.cancel()
    # The SDK closes its socket right behind its goodbye; silence keeps the server from writing into that moment.
    await asyncio.sleep(0.5)
    await room.disconnect()
    ended = time.time()
    print(json.dumps({"event": "ended", "seconds": ended - started}), flush=True)


asyncio.run(main())

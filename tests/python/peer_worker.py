"""The peer of the benchmarks: what the Python livekit-agents framework does with the same calls.

It joins, reads the participant's e-mail, and at the end of the session publishes the nine fields to the same stream.
"""

import json
import os
from datetime import datetime, timezone

import nats
from livekit.agents import AutoSubscribe, JobContext
from livekit import rtc

import peer


async def entrypoint(ctx: JobContext) -> None:
    started = datetime.now(timezone.utc)
    await ctx.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY)
    source = rtc.AudioSource(24_000, 1)
    track = rtc.LocalAudioTrack.create_audio_track("agent", source)
    await ctx.room.local_participant.publish_track(
        track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    )
    participant = await ctx.wait_for_participant()
    metadata = json.loads(participant.metadata or "{}")
    listening = rtc.AudioStream.from_participant(participant=participant, track_source=rtc.TrackSource.SOURCE_MICROPHONE)

    async def export() -> None:
        ended = datetime.now(timezone.utc)
        payload = {
            "session_id": ctx.room.name,
            "user_email": metadata.get("user_email", ""),
            "user_metadata": metadata,
            "start_time": started.isoformat(),
            "end_time": ended.isoformat(),
            "duration_seconds": (ended - started).total_seconds(),
            "discovered_signals": {},
            "tool_calls": [],
            "metrics_summary": {},
        }
        connection = await nats.connect(os.environ["NATS_URL"])
        await connection.jetstream().publish("sessions.ended.v1", json.dumps(payload).encode())
        await connection.close()

    ctx.add_shutdown_callback(export)
    async for _frame in listening:
        pass


if __name__ == "__main__":
    peer.run(entrypoint)

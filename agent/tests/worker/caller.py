"""Participants for the tests: commands as JSON lines on standard input, one answer line for each."""

import asyncio
import datetime
import json
import os
import sys
import time

import numpy
from livekit import api, rtc

URL, KEY, SECRET = (os.environ[name] for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"))
RATE = 48_000
AGENT = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT


class Caller:
    """One participant in one room."""

    def __init__(self):
        self.room = rtc.Room()
        self.agent_seen = asyncio.Event()
        self.listened = asyncio.Event()
        self.energy = 0.0
        self.tasks = []
        self.room.on("participant_connected", self._seen)
        self.room.on("track_subscribed", self._track)

    def _seen(self, participant):
        if participant.kind == AGENT:
            self.agent_seen.set()

    def _track(self, track, _publication, participant):
        if participant.kind == AGENT and track.kind == rtc.TrackKind.KIND_AUDIO:
            self.tasks.append(asyncio.create_task(self._listen(track)))

    async def _listen(self, track):
        async for event in rtc.AudioStream(track):
            samples = numpy.frombuffer(event.frame.data, dtype=numpy.int16) / 32768
            self.energy += float(numpy.sum(samples**2)) / RATE
            if self.energy > 0.001:
                self.listened.set()

    async def join(self, room, identity, metadata, agent, tone):
        token = api.AccessToken(KEY, SECRET).with_identity(identity).with_grants(
            api.VideoGrants(room_join=True, room=room))
        if metadata is not None:
            token = token.with_metadata(metadata)
        if agent is not None:
            dispatch = api.RoomAgentDispatch(agent_name=agent)
            token = token.with_room_config(api.RoomConfiguration(agents=[dispatch]))
        await self.room.connect(URL, token.to_jwt())
        for participant in self.room.remote_participants.values():
            self._seen(participant)
        if tone:
            source = rtc.AudioSource(RATE, 1)
            track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
            options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
            await self.room.local_participant.publish_track(track, options)
            self.tasks.append(asyncio.create_task(self._sing(source)))

    async def _sing(self, source):
        # 9 whole waves of 450 Hz, so that one frame follows itself.
        wave = 8_000 * numpy.sin(2 * numpy.pi * 450 * numpy.arange(RATE // 50) / RATE)
        frame = rtc.AudioFrame(wave.astype(numpy.int16).tobytes(), RATE, 1, RATE // 50)
        while True:
            await source.capture_frame(frame)

    def agents(self):
        people = self.room.remote_participants.values()
        return [{"identity": p.identity, "attributes": dict(p.attributes), "tracks": len(p.track_publications)}
                for p in people if p.kind == AGENT]

    async def leave(self):
        for task in self.tasks:
            task.cancel()
        # The SDK closes its socket right after it has said goodbye. Where the server is just writing to that socket, the
        # goodbye is lost with it (a reset), and the server waits for 20 s. So let it fall silent first.
        await asyncio.sleep(1)
        at = time.time()
        await self.room.disconnect()
        return at


callers = {}


async def join(room, identity="ann", metadata=None, agent=None, tone=True):
    caller = callers[room, identity] = Caller()
    started = time.monotonic()
    await caller.join(room, identity, metadata, agent, tone)
    return {"seconds": time.monotonic() - started}


async def see_agent(room, identity="ann", limit=10):
    """Waits until an agent is in the room; answers with all that are."""
    caller, started = callers[room, identity], time.monotonic()
    await asyncio.wait_for(caller.agent_seen.wait(), limit)
    return {"seconds": time.monotonic() - started, "agents": caller.agents()}


async def agents(room, identity="ann"):
    return {"agents": callers[room, identity].agents()}


async def hear(room, identity="ann", limit=10):
    """Waits until the agent was heard."""
    await asyncio.wait_for(callers[room, identity].listened.wait(), limit)
    return {}


async def leave(room, identity="ann"):
    """Hangs up; answers with the moment, in seconds of the epoch."""
    return {"at": await callers.pop((room, identity)).leave()}


async def call_api(call):
    async with api.LiveKitAPI(URL.replace("ws", "http", 1), KEY, SECRET) as server:
        return await call(server)


async def remove(room, identity="ann"):
    await call_api(lambda server: server.room.remove_participant(
        api.RoomParticipantIdentity(room=room, identity=identity)))
    return {}


async def delete_room(room):
    await call_api(lambda server: server.room.delete_room(api.DeleteRoomRequest(room=room)))
    return {}


async def dispatch(room, agent):
    await call_api(lambda server: server.agent_dispatch.create_dispatch(
        api.CreateAgentDispatchRequest(room=room, agent_name=agent)))
    return {}


async def delete_dispatches(room):
    """Ends the room's jobs."""
    async def delete(server):
        for found in await server.agent_dispatch.list_dispatch(room_name=room):
            await server.agent_dispatch.delete_dispatch(found.id, room)
    await call_api(delete)
    return {}


COMMANDS = [join, see_agent, agents, hear, leave, remove, delete_room, dispatch, delete_dispatches]


async def answer(line):
    command = json.loads(line)
    number, name = command.pop("number"), command.pop("do")
    try:
        found = next(function for function in COMMANDS if function.__name__ == name)
        result = {"number": number, "ok": await found(**command)}
    except Exception as error:  # the test decides what an error means
        result = {"number": number, "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(result), flush=True)


async def main():
    print(json.dumps({"ready": datetime.datetime.now(datetime.UTC).isoformat()}), flush=True)
    running = set()
    while line := await asyncio.to_thread(sys.stdin.readline):
        task = asyncio.create_task(answer(line))
        running.add(task)
        task.add_done_callback(running.discard)


asyncio.run(main())

"""Participants for the tests: commands as JSON lines on standard input, one answer line for each."""

import asyncio
import datetime
import json
import os
import sys
import time
import wave

import aiohttp
import numpy
from livekit import api, rtc
from livekit.protocol.models import ParticipantInfo
from livekit.protocol.rtc import SignalRequest, SignalResponse

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
        self.heard = 0.0
        self.microphones = []
        self.tasks = []
        self.said = asyncio.Condition()
        self.to_speak = asyncio.Queue()
        self.uttered = []
        self.murmur, self.murmured = None, 0
        self.recording = None
        self.captions = {"streams": [], "packets": [], "states": []}
        self.end_reason = None
        self.gone = asyncio.get_running_loop().create_future()
        self.room.on("participant_connected", self._seen)
        self.room.on("track_subscribed", self._track)
        self.room.on("transcription_received", self._packet)
        self.room.on("participant_attributes_changed", self._attributes)
        self.room.on("disconnected", self._gone)
        for topic in ("lk.chat", "lk.transcription"):
            self.room.register_text_stream_handler(topic, self._stream)

    def _seen(self, participant):
        if participant.kind == AGENT:
            self.agent_seen.set()

    def _track(self, track, _publication, participant):
        if participant.kind == AGENT and track.kind == rtc.TrackKind.KIND_AUDIO:
            self.tasks.append(asyncio.create_task(self._listen(track)))

    async def _listen(self, track):
        async for event in rtc.AudioStream(track):
            if self.recording is not None:
                self.recording.append((time.monotonic(), bytes(event.frame.data)))
            samples = numpy.frombuffer(event.frame.data, dtype=numpy.int16) / 32768
            energy = float(numpy.sum(samples**2)) / RATE
            self.energy += energy
            # Louder than 50 dB below full scale.
            length = len(samples) / RATE
            self.heard += length if energy > 1e-5 * length else 0.0
            if self.energy > 0.001:
                self.listened.set()

    def _stream(self, reader, identity):
        self.tasks.append(asyncio.create_task(self._read(reader, identity)))

    async def _read(self, reader, identity):
        info = reader.info
        stream = {"topic": info.topic, "from": identity, "attributes": info.attributes, "text": "", "whole": False}
        self.captions["streams"].append(stream)
        async for text in reader:
            stream["text"] += text
        stream["attributes"], stream["whole"] = reader.info.attributes, True

    def _packet(self, segments, participant, publication):
        self.captions["packets"] += [
            {"of": participant.identity, "track": publication.sid, "segment": segment.id, "text": segment.text,
             "final": segment.final} for segment in segments]
        self.tasks.append(asyncio.create_task(self._notify()))

    async def _notify(self):
        async with self.said:
            self.said.notify_all()

    def agent_segments(self):
        return {packet["segment"] for packet in self.captions["packets"] if packet["of"].startswith("agent-")}

    def _attributes(self, changed, participant):
        if participant.kind == AGENT and "lk.agent.state" in changed:
            self.captions["states"].append(changed["lk.agent.state"])
        if participant.kind == AGENT:
            self.end_reason = changed.get("postcall.end_reason", self.end_reason)

    def _gone(self, reason):
        if not self.gone.done():
            self.gone.set_result(rtc.DisconnectReason.Name(reason))

    async def join(self, room, identity, metadata, agent, tone, tracks, announced):
        await self.room.connect(URL, token(room, identity, metadata, agent))
        for participant in self.room.remote_participants.values():
            self._seen(participant)
        for _ in range(tracks):
            await self.publish(tone, announced)

    async def publish(self, tone=True, announced=False):
        source = rtc.AudioSource(RATE, 1)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, preconnect_buffer=announced)
        publication = await self.room.local_participant.publish_track(track, options)
        self.microphones.append(track)
        self.publication = publication
        self.tasks.append(asyncio.create_task(self._use_microphone(source, tone)))

    async def _use_microphone(self, source, tone):
        # 9 whole waves of 450 Hz, so that one frame follows itself.
        wave = 8_000 * numpy.sin(2 * numpy.pi * 450 * numpy.arange(RATE // 50) / RATE) * tone
        background = rtc.AudioFrame(wave.astype(numpy.int16).tobytes(), RATE, 1, RATE // 50)
        while True:
            if self.to_speak.empty():
                await source.capture_frame(self._with_murmur(background))
            else:
                frame = self.to_speak.get_nowait()
                at = time.monotonic() + source.queued_duration
                self.uttered.append((at, at + frame.samples_per_channel / RATE))
                await source.capture_frame(self._with_murmur(frame))
                self.to_speak.task_done()

    def _with_murmur(self, frame):
        """What is heard around the caller goes on while they speak."""
        if self.murmur is None:
            return frame
        count = frame.samples_per_channel
        murmur = self.murmur.take(range(self.murmured, self.murmured + count), mode="wrap")
        self.murmured += count
        samples = numpy.frombuffer(frame.data, numpy.int16).astype(numpy.int32) + murmur
        mixed = numpy.clip(samples, -32_768, 32_767).astype(numpy.int16)
        return rtc.AudioFrame(mixed.tobytes(), RATE, 1, count)

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


class Knock:
    """One participant by the signalling connection alone: no media, no data. It sees who else is there."""

    def __init__(self, session, socket):
        self.session, self.socket = session, socket
        self.present = {}
        self.agent_seen = asyncio.Event()
        self.reading = None

    def take(self, data):
        response = SignalResponse.FromString(data)
        kind = response.WhichOneof("message")
        others = {"join": response.join.other_participants, "update": response.update.participants}.get(kind, ())
        for participant in others:
            self.present[participant.identity] = participant
        if self.found():
            self.agent_seen.set()

    async def read(self):
        async for message in self.socket:
            if message.type == aiohttp.WSMsgType.BINARY:
                self.take(message.data)

    def found(self):
        gone, agent = ParticipantInfo.State.DISCONNECTED, ParticipantInfo.Kind.AGENT
        return [p for p in self.present.values() if p.kind == agent and p.state != gone]

    def agents(self):
        return [{"identity": p.identity, "attributes": dict(p.attributes), "tracks": len(p.tracks)} for p in self.found()]


callers = {}
knocks = {}


def token(room, identity, metadata, agent):
    made = api.AccessToken(KEY, SECRET).with_identity(identity).with_grants(
        api.VideoGrants(room_join=True, room=room))
    if metadata is not None:
        made = made.with_metadata(metadata)
    if agent is not None:
        # As the token service does: the job has the metadata, too.
        dispatch = api.RoomAgentDispatch(agent_name=agent, metadata=metadata or "")
        made = made.with_room_config(api.RoomConfiguration(agents=[dispatch]))
    return made.to_jwt()


async def join(room, identity="ann", metadata=None, agent=None, tone=True, tracks=1, announced=False):
    caller = callers[room, identity] = Caller()
    started = time.monotonic()
    await caller.join(room, identity, metadata, agent, tone, tracks, announced)
    return {"seconds": time.monotonic() - started}


async def see_agent(room, identity="ann", limit=10):
    """Waits until an agent is in the room; answers with all that are."""
    caller, started = callers.get((room, identity)) or knocks[room, identity], time.monotonic()
    await asyncio.wait_for(caller.agent_seen.wait(), limit)
    return {"seconds": time.monotonic() - started, "agents": caller.agents()}


async def agents(room, identity="ann"):
    return {"agents": callers[room, identity].agents()}


async def hear(room, identity="ann", limit=10):
    """Waits until the agent was heard."""
    await asyncio.wait_for(callers[room, identity].listened.wait(), limit)
    return {}


async def heard(room, identity="ann"):
    """How much was heard so far that was no silence, seconds."""
    return {"seconds": callers[room, identity].heard}


async def mute(room, muted, identity="ann"):
    """Switches the microphone off, or on again."""
    for track in callers[room, identity].microphones:
        track.mute() if muted else track.unmute()
    return {}


async def say(room, text, identity="ann"):
    """Types a message."""
    await callers[room, identity].room.local_participant.send_text(text, topic="lk.chat")
    return {}


async def ask(room, text, identity="ann", limit=20):
    """Types a message, and waits until the agent begins to say something new; answers with the seconds."""
    caller, started = callers[room, identity], time.monotonic()
    before = caller.agent_segments()
    await caller.room.local_participant.send_text(text, topic="lk.chat")
    async with caller.said:
        await asyncio.wait_for(caller.said.wait_for(lambda: caller.agent_segments() - before), limit)
    return {"seconds": time.monotonic() - started}


async def flood(room, count, bytes=20, topic="lk.chat", identity="ann"):
    """Sends so many messages as fast as it can."""
    participant = callers[room, identity].room.local_participant
    for first in range(0, count, 50):
        each = range(first, min(first + 50, count))
        await asyncio.gather(*(participant.send_text(f"{n} ".ljust(bytes, "x"), topic=topic) for n in each))
    return {}


async def inflate(room, megabytes, topic="lk.chat", identity="ann"):
    """Sends a text that compresses to a thousandth."""
    text = "A" * (megabytes << 20)
    await callers[room, identity].room.local_participant.send_text(text, topic=topic)
    return {}


async def pre_connect_audio(room, file, identity="ann"):
    """Sends a recording of what was said before the agent was there."""
    caller = callers[room, identity]
    with open(file, "rb") as recording:
        content = recording.read()
    attributes = {"trackId": caller.publication.sid, "sampleRate": "48000", "channels": "1"}
    writer = await caller.room.local_participant.stream_bytes(
        "pre-connect-buffer", topic="lk.agent.pre-connect-audio-buffer", mime_type="audio/webm;codecs=opus",
        attributes=attributes)
    await writer.write(content)
    await writer.aclose()
    return {}


async def break_off(room, reason, identity="ann"):
    """Begins a message, and does not end it as it should."""
    writer = await callers[room, identity].room.local_participant.stream_text(topic="lk.chat")
    await writer.write("hello")
    await writer.aclose(reason=reason)
    return {}


async def knock(room, agent, identity="ann", metadata=None):
    """Joins by the signalling connection alone."""
    session = aiohttp.ClientSession()
    jwt = token(room, identity, metadata, agent)
    socket = await session.ws_connect(f"{URL}/rtc?access_token={jwt}&protocol=15&sdk=js&version=2.15.0&auto_subscribe=1")
    caller = knocks[room, identity] = Knock(session, socket)
    caller.take(await socket.receive_bytes())
    caller.reading = asyncio.create_task(caller.read())
    return {}


async def go_away(room, identity="ann"):
    """Leaves after a knock, as a front end does."""
    caller = knocks.pop((room, identity))
    leave = SignalRequest()
    leave.leave.SetInParent()
    leave.leave.reason = 1
    await caller.socket.send_bytes(leave.SerializeToString())
    await asyncio.sleep(0.3)
    await caller.session.close()
    return {}


async def visit(room, agent, stay, limit=60):
    """A whole call after a knock: waits for its agent, stays so many seconds, and leaves; answers with who was there then."""
    started = time.monotonic()
    await knock(room, agent)
    await see_agent(room, limit=limit)
    seconds = time.monotonic() - started
    await asyncio.sleep(stay)
    at_the_end = knocks[room, "ann"].agents()
    await go_away(room)
    return {"seconds": seconds, "agents": at_the_end}


def frames(file):
    """A mono WAV file, at the microphone's rate."""
    with wave.open(file) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        rate, samples = sound.getframerate(), sound.readframes(sound.getnframes())
    resampler = rtc.AudioResampler(rate, RATE)
    frame = rtc.AudioFrame(samples, rate, 1, len(samples) // 2)
    return resampler.push(frame) + resampler.flush()


async def speak(room, file, identity="ann", limit=20):
    """Speaks a mono WAV file into the microphone, to its end; answers when that was, in seconds of the recording."""
    caller = callers[room, identity]
    # An agent that is in the room may not be subscribed yet, and hears nothing of what is said before.
    await asyncio.wait_for(caller.publication.wait_for_subscription(), limit)
    caller.uttered.clear()
    for part in frames(file):
        caller.to_speak.put_nowait(part)
    await caller.to_speak.join()
    if caller.recording is None:
        return {}
    began, ended = caller.uttered[0][0], caller.uttered[-1][1]
    await asyncio.sleep(max(0, ended - time.monotonic()))
    return {"began": began - caller.recorded_from, "ended": ended - caller.recorded_from}


async def murmur(room, file, identity="ann"):
    """From now on this is heard around the caller, again and again."""
    parts = [numpy.frombuffer(part.data, numpy.int16) for part in frames(file)]
    callers[room, identity].murmur = numpy.concatenate(parts).astype(numpy.int32)
    return {}


async def record(room, identity="ann"):
    """Begins to record what the agent says; answers with the moment, in seconds of the epoch."""
    caller = callers[room, identity]
    caller.recording, caller.recorded_from = [], time.monotonic()
    return {"at": time.time()}


async def recorded(room, file, identity="ann"):
    """Writes what was recorded so far, each sound at its time."""
    caller, sound = callers[room, identity], bytearray()
    for at, samples in caller.recording:
        place = 2 * int((at - caller.recorded_from) * RATE) - len(samples)
        # Sound comes a little earlier and later than its time; only what is missing is left out.
        if place - len(sound) > 2 * RATE // 5:
            sound.extend(bytes(place - len(sound)))
        sound.extend(samples)
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(RATE)
        written.writeframes(bytes(sound))
    return {}


async def publish(room, identity="ann", after=0.0):
    """Publishes one more microphone, after so many seconds."""
    await asyncio.sleep(after)
    await callers[room, identity].publish()
    return {}


async def unpublish(room, identity="ann"):
    """Takes the newest microphone back."""
    caller = callers[room, identity]
    await caller.room.local_participant.unpublish_track(caller.publication.sid)
    return {}


async def captions(room, identity="ann"):
    """What a front end was shown so far."""
    return callers[room, identity].captions


async def gone(room, identity="ann", limit=20):
    """Waits until the server has ended the connection; answers why, and what the agent had said of it."""
    caller = callers[room, identity]
    reason = await asyncio.wait_for(asyncio.shield(caller.gone), limit)
    return {"reason": reason, "end_reason": caller.end_reason}


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


async def listed(room):
    """The agents that the server says are in the room."""
    found = await call_api(lambda server: server.room.list_participants(api.ListParticipantsRequest(room=room)))
    return {"agents": [p.identity for p in found.participants if p.kind == ParticipantInfo.Kind.AGENT]}


async def delete_dispatches(room):
    """Ends the room's jobs."""
    async def delete(server):
        for found in await server.agent_dispatch.list_dispatch(room_name=room):
            await server.agent_dispatch.delete_dispatch(found.id, room)
    await call_api(delete)
    return {}


COMMANDS = [
    join, knock, go_away, visit, see_agent, agents, hear, heard, mute, say, ask, flood, inflate, pre_connect_audio, break_off, speak,
    murmur, publish, unpublish, record, recorded, captions, gone, leave, remove, delete_room, dispatch, listed, delete_dispatches,
]


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

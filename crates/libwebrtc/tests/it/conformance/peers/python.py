"""A participant on the Python SDK, which is Google's WebRTC, driven by lines of JSON.

A line of standard input is a command, {"do": "publish", …}. It is answered by one of standard output, {"result": …} or
{"error": "…"}. Waiting for something is part of the command that wants it. At the end of the input the process ends.
"""

import asyncio
import json
import math
import os
import sys
import traceback

import numpy
from livekit import rtc

RATE = 48_000
PATIENCE = 20.0


async def until(condition, what):
    """Waits until the condition answers something, and passes it on."""
    for _ in range(int(PATIENCE / 0.02)):
        if answer := condition():
            return answer
        await asyncio.sleep(0.02)
    raise TimeoutError(f"no {what}")


class Presence:
    """Joining, leaving, and who else is there."""

    def __init__(self):
        self.room = rtc.Room()
        self.reconnections = 0
        self.room.on("reconnected", self.count_reconnection)

    def count_reconnection(self):
        self.reconnections += 1

    async def join(self, url, token, single_peer_connection=True):
        options = rtc.RoomOptions(single_peer_connection=single_peer_connection)
        await self.room.connect(url, token, options)

    async def leave(self):
        await self.room.disconnect()

    async def see(self, identity):
        """Waits for the participant and answers its metadata."""
        participant = await until(lambda: self.room.remote_participants.get(identity), identity)
        return participant.metadata

    async def miss(self, identity):
        """Waits until the participant is gone."""
        await until(lambda: identity not in self.room.remote_participants, f"end of {identity}")

    async def reconnect(self):
        """Waits until the room was reconnected to since it was joined."""
        await until(lambda: self.reconnections > 0, "reconnection")


class Speaking:
    """A published tone."""

    def __init__(self, room):
        self.room = room
        self.publication = None
        self.pusher = None

    async def publish(self, hertz, bitrate):
        source = rtc.AudioSource(RATE, 1)
        track = rtc.LocalAudioTrack.create_audio_track("tone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        options.audio_encoding.max_bitrate = bitrate
        self.publication = await self.room.local_participant.publish_track(track, options)
        self.pusher = asyncio.create_task(self.push(source, hertz))

    async def push(self, source, hertz):
        time = numpy.arange(RATE // 100)
        while True:
            samples = (12_000 * numpy.sin(time * hertz * math.tau / RATE)).astype(numpy.int16)
            await source.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, len(samples)))
            time += len(samples)

    async def unpublish(self):
        self.pusher.cancel()
        await self.room.local_participant.unpublish_track(self.publication.sid)

    async def mute(self):
        self.publication.track.mute()

    async def unmute(self):
        self.publication.track.unmute()


class Hearing:
    """The audio track that was subscribed to last."""

    def __init__(self, room):
        self.track = None
        room.on("track_subscribed", self.subscribed)
        room.on("track_unsubscribed", self.unsubscribed)

    def subscribed(self, track, *_):
        self.track = track

    def unsubscribed(self, track, *_):
        if self.track is not None and self.track.sid == track.sid:
            self.track = None

    async def record(self, settle, seconds):
        """Waits for a track, lets `settle` seconds pass, and answers samples of 16 bits."""
        track = await until(lambda: self.track, "audio track")
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        skipped, wanted = int(settle * RATE), int((settle + seconds) * RATE)
        samples = numpy.empty(0, numpy.int16)
        async with asyncio.timeout(PATIENCE + settle + seconds):
            async for event in stream:
                samples = numpy.append(samples, numpy.frombuffer(event.frame.data, numpy.int16))
                if len(samples) >= wanted:
                    break
        await stream.aclose()
        return {"sample_rate": RATE, "samples": samples[skipped:wanted].tolist()}

    async def unhear(self):
        """Waits until there is no track."""
        await until(lambda: self.track is None, "end of the audio track")


class Data:
    """Packets, text streams and remote procedure calls."""

    def __init__(self, room):
        self.room = room
        self.packets = {True: [], False: []}
        self.texts = []
        self.readers = set()
        room.on("data_received", self.received)
        room.register_text_stream_handler("text", self.opened)

    def received(self, packet):
        self.packets[packet.kind == rtc.DataPacketKind.KIND_RELIABLE].append(packet.data.decode())

    def opened(self, reader, _):
        self.readers.add(asyncio.create_task(self.read(reader)))

    async def read(self, reader):
        self.texts.append(await reader.read_all())

    async def send_packets(self, payloads, reliable, pace=5):
        for payload in payloads:
            await self.room.local_participant.publish_data(payload, reliable=reliable)
            if not reliable:
                await asyncio.sleep(pace / 1000)

    async def receive_packets(self, count, reliable):
        """All of them; of the lossy ones, those that came when none has come for two seconds."""
        received = self.packets[reliable]
        if reliable:
            await until(lambda: len(received) >= count, f"{count} reliable packets")
            return received
        await until(lambda: received, "lossy packet")
        before = 0
        while before < len(received) < count:
            before = len(received)
            await asyncio.sleep(2)
        self.packets[reliable] = []
        return received

    async def send_text(self, text):
        await self.room.local_participant.send_text(text, topic="text")

    async def receive_text(self):
        await until(lambda: self.texts, "text")
        return self.texts.pop(0)

    async def serve(self):
        """Answers calls of "shout" from now on."""

        async def shout(call):
            return call.payload.upper()

        self.room.local_participant.register_rpc_method("shout", shout)

    async def call(self, identity, payload):
        return await self.room.local_participant.perform_rpc(
            destination_identity=identity, method="shout", payload=payload
        )


class Peer:
    """One room, with everything that can be done in it. A room that is joined anew has everything anew."""

    def __init__(self):
        self.abilities = []

    async def do(self, command):
        name = command.pop("do")
        if name == "join":
            presence = Presence()
            self.abilities = [presence, Speaking(presence.room), Hearing(presence.room), Data(presence.room)]
        ability = next(ability for ability in self.abilities if hasattr(ability, name))
        return await getattr(ability, name)(**command)


async def main():
    lines = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    peer = Peer()
    while line := await lines.readline():
        try:
            answer = {"result": await peer.do(json.loads(line))}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)
    # The SDK's own threads would be waited for.
    os._exit(0)


asyncio.run(main())

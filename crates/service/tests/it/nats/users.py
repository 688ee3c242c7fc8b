"""What each user of deploy/nats/users.conf may do, tried with nats-py.

Arguments: the operator's URL, the server's URL, a folder with the seeds. Prints, as JSON, which of the subjects below each
program may publish to and subscribe to, what purging, deleting and updating by it comes to, and what the streams hold at the end.
"""

import asyncio
import base64
import json
import pathlib
import sys

import nats
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, StreamConfig

OPERATOR, SERVER, SEEDS = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
SINKS = ["sink-s3", "sink-salesforce"]
PROGRAMS = ["agent", *SINKS, "web"]
STREAMS = {"SESSIONS": "sessions.ended.>", "SESSIONS_DLQ": "sessions.dead.>"}


def api():
    """Every request of JetStream's that concerns a stream or a consumer of ours, and some that concern all."""
    for name in ["INFO", "ACCOUNT.PURGE.X", "STREAM.NAMES", "STREAM.LIST", "META.LEADER.STEPDOWN", "SERVER.REMOVE"]:
        yield name
    for stream in [*STREAMS, "OTHER"]:
        for action in "CREATE UPDATE DELETE PURGE INFO SNAPSHOT RESTORE MSG.GET MSG.DELETE LEADER.STEPDOWN PEER.REMOVE".split():
            yield f"STREAM.{action}.{stream}"
        yield f"DIRECT.GET.{stream}"
        yield f"DIRECT.GET.{stream}.{STREAMS.get(stream, 'x').rstrip('.>')}.x"
        for action in ["NAMES", "LIST", "CREATE"]:
            yield f"CONSUMER.{action}.{stream}"
        for consumer in [*SINKS, "other"]:
            for action in "INFO CREATE DURABLE.CREATE DELETE PAUSE UNPIN LEADER.STEPDOWN MSG.NEXT".split():
                yield f"CONSUMER.{action}.{stream}.{consumer}"
            yield f"CONSUMER.CREATE.{stream}.{consumer}.sessions.ended.>"


def publishes():
    for subject in ["sessions.ended.v1", "sessions.ended.v2", "sessions.ended.x.y", "sessions.dead.x", "sessions", "other"]:
        yield subject
    for sink in SINKS:
        yield f"sessions.dead.{sink}"
        yield f"sessions.dead.{sink}.x"
        yield f"$JS.ACK.SESSIONS.{sink}.1.1.1.1.0"
        yield f"$JS.ACK.SESSIONS_DLQ.{sink}.1.1.1.1.0"
    for program in PROGRAMS:
        yield f"_INBOX_{program}.x"
    yield from ["_INBOX.x", "$SYS.REQ.SERVER.PING", "$SYS.REQ.USER.INFO", "$SRV.PING", "$KV.x.y"]
    yield from (f"$JS.API.{request}" for request in api())


def subscribes():
    yield from [">", "*", "sessions.>", "sessions.ended.v1", "sessions.dead.>", "_INBOX.>", "$JS.>", "$JS.API.>", "$JS.ACK.>"]
    yield from ["$JS.EVENT.>", "$SYS.>", "*.>"]
    for program in PROGRAMS:
        yield f"_INBOX_{program}.>"
        yield f"_INBOX_{program}.x.*"
        yield f"sessions.dead.{program}"


def key(program):
    seed = base64.b32decode((SEEDS / f"{program}.nk").read_text().strip() + "======")
    return Ed25519PrivateKey.from_private_bytes(seed[2:34])


def public(private):
    raw = bytes([20 << 3]) + private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    crc = 0
    for byte in raw:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return base64.b32encode(raw + crc.to_bytes(2, "little")).decode().rstrip("=")


async def connect(program, refused):
    private = key(program)

    async def error(what):
        refused.append(str(what))

    client = Client()
    # nats-py signs with another package, which is not installed.
    client._auth_configured, client._public_nkey = True, public(private)
    sign = lambda nonce: base64.b64encode(private.sign(nonce.encode()))
    await client.connect(
        SERVER, signature_cb=sign, error_cb=error, inbox_prefix=f"_INBOX_{program}", allow_reconnect=False
    )
    return client


async def allowed(program):
    """Which of the subjects the server does not refuse."""
    refused = []
    client = await connect(program, refused)

    async def taken(attempt):
        refused.clear()
        await attempt()
        await settled(client)
        return not any("permissions violation" in said.lower() for said in refused)

    publish = [s for s in dict.fromkeys(publishes()) if await taken(lambda: client.publish(s, b""))]
    subscribe = []
    for subject in dict.fromkeys(subscribes()):
        if await taken(lambda: client.subscribe(subject, cb=ignore)):
            subscribe.append(subject)
    await client.close()
    return {"publish": publish, "subscribe": subscribe}


async def ignore(_):
    pass


async def settled(client):
    """The server has answered all that was sent. The first ping may go before what waits to be sent."""
    for _ in range(2):
        await client.flush()


async def harm(program, stream):
    """What a program would do that was taken over; by the client's own calls, and by having the server do it."""
    refused = []
    client = await connect(program, refused)
    js = client.jetstream(timeout=0.3)
    config = StreamConfig(name=stream, subjects=[STREAMS[stream]], max_msgs=1)
    attempts = {
        "purge": lambda: js.purge_stream(stream),
        "delete": lambda: js.delete_stream(stream),
        "update": lambda: js.update_stream(config),
        "delete message": lambda: js.delete_msg(stream, 1),
        "delete consumer": lambda: js.delete_consumer(stream, "sink-s3" if program != "sink-s3" else "sink-salesforce"),
        "consumer of its own": lambda: js.add_consumer(stream, ConsumerConfig(durable_name="mine")),
    }
    done = []
    for name, attempt in attempts.items():
        try:
            await attempt()
            done.append(name)
        except Exception:
            pass
    # The server answers wherever a request says: the answer must not be another request.
    for subject in ["sessions.ended.v1", f"$JS.API.STREAM.INFO.{stream}", f"$JS.API.STREAM.MSG.GET.{stream}"]:
        for request in [f"STREAM.PURGE.{stream}", f"STREAM.DELETE.{stream}", f"CONSUMER.DELETE.{stream}.sink-s3"]:
            await client.publish(subject, json.dumps({"seq": 1}).encode(), reply=f"$JS.API.{request}")
    await settled(client)
    await client.close()
    return done


async def of_each(ask):
    """What is asked of all programs at once, by program."""
    return dict(zip(PROGRAMS, await asyncio.gather(*map(ask, PROGRAMS))))


async def main():
    operator = await nats.connect(OPERATOR)
    js = operator.jetstream()
    for stream, subjects in STREAMS.items():
        await js.add_stream(StreamConfig(name=stream, subjects=[subjects]))
        await js.publish(subjects.replace(">", "kept"), b"kept")
    for sink in SINKS:
        await js.add_consumer("SESSIONS", ConsumerConfig(durable_name=sink))

    async def held():
        state = {}
        for stream in STREAMS:
            info = await js.stream_info(stream)
            first = await js.get_msg(stream, 1)
            consumers = sorted(consumer.name for consumer in await js.consumers_info(stream))
            state[stream] = [first.data.decode(), info.config.max_msgs, consumers]
        return state

    before = await held()
    rights = await of_each(allowed)
    harmed = await of_each(lambda program: asyncio.gather(*(harm(program, stream) for stream in STREAMS)))
    after = await held()
    print(json.dumps({"rights": rights, "harmed": harmed, "before": before, "after": after}))
    await operator.close()


asyncio.run(main())

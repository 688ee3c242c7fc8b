"""The peers of `bench salesforce`: sinks as one would write them in Python, with nats-py and simple_salesforce.

    salesforce_peer.py upsert BATCH                 one call each; creates a Lead where none has the address
    salesforce_peer.py look-up BATCH                a query and an update each; creates nothing
    salesforce_peer.py update-by-external-id COUNT  tries a call that looks right with so many payloads, and says what comes

One payload after the other, over one session of requests, and acknowledged after its call. The settings are those of
sink-salesforce; SSL_CERT_FILE has the only certificate that is trusted.

simple_salesforce is used as it is. It calls login.salesforce.com, and then the instance that its token names; names are
resolved to the simulator, and the certificate is checked against the name that was called.
"""

import asyncio
import json
import logging
import os
import sys
from collections import Counter
from urllib.parse import urlsplit

import nats
import requests
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext
from simple_salesforce import Salesforce, format_external_id, format_soql
from urllib3.util import connection

STREAM = "SESSIONS"
CONSUMER = "sink-salesforce"
WAY, MESSAGES = sys.argv[1], int(sys.argv[2])


def resolve_everything_to_the_simulator() -> None:
    connect = connection.create_connection
    simulator = urlsplit(os.environ["SALESFORCE_URL"])

    def to_the_simulator(address, *arguments, **options):
        return connect((simulator.hostname, simulator.port), *arguments, **options)

    connection.create_connection = to_the_simulator


def log_in() -> Salesforce:
    session = requests.Session()
    session.verify = os.environ["SSL_CERT_FILE"]
    session.trust_env = False
    return Salesforce(
        username=os.environ["SALESFORCE_USERNAME"],
        consumer_key=os.environ["SALESFORCE_CLIENT_ID"],
        privatekey_file=os.environ["SALESFORCE_PRIVATE_KEY_FILE"],
        session=session,
        version="68.0",
    )


def fields(event: dict) -> dict:
    return {
        "Last_Voice_Session__c": event["session_id"],
        "Last_Voice_Call_Date__c": event["end_time"],
        "Voice_Qualification_Tier__c": event["discovered_signals"].get("qualification_tier"),
    }


def upsert(event: dict) -> None:
    salesforce.Lead.upsert(format_external_id("Email", event["user_email"]), fields(event))


def look_up(event: dict) -> None:
    found = salesforce.query(format_soql("SELECT Id FROM Lead WHERE Email = {}", event["user_email"]))
    for lead in found["records"]:
        salesforce.Lead.update(lead["Id"], fields(event))


def update_by_external_id(event: dict) -> None:
    salesforce.Lead.update_by_external_id("Email", event["user_email"], fields(event))


async def settle(message: Msg, write) -> None:
    try:
        await asyncio.to_thread(write, json.loads(message.data))
        await message.ack()
    except Exception:
        logging.exception("not written")
        await message.nak(delay=0.25)


async def consume(consumer: JetStreamContext.PullSubscription, write) -> None:
    while True:
        try:
            messages = await consumer.fetch(MESSAGES, timeout=2)
        # nats-py has one of its own, which is one of these, and raises either.
        except asyncio.TimeoutError:
            messages = []
        for message in messages:
            await settle(message, write)


async def try_a_few(consumer: JetStreamContext.PullSubscription) -> None:
    succeeded, raised, text = 0, Counter(), ""
    messages = await consumer.fetch(MESSAGES, timeout=10)
    for message in messages:
        try:
            await asyncio.to_thread(update_by_external_id, json.loads(message.data))
            await message.ack()
            succeeded += 1
        except Exception as error:
            raised[type(error).__name__] += 1
            text = str(error)
    print(json.dumps({"payloads": len(messages), "succeeded": succeeded, "raised": raised, "message": text}))


async def main() -> None:
    connection = await nats.connect(os.environ["NATS_URL"])
    consumer = await connection.jetstream().pull_subscribe_bind(durable=CONSUMER, stream=STREAM)
    match WAY:
        case "upsert":
            await consume(consumer, upsert)
        case "look-up":
            await consume(consumer, look_up)
        case "update-by-external-id":
            await try_a_few(consumer)
            await connection.drain()
        case _:
            sys.exit(f"«{WAY}» is none of upsert, look-up, update-by-external-id")


resolve_everything_to_the_simulator()
salesforce = log_in()
asyncio.run(main())

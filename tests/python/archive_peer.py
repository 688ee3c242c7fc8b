"""The peer of `bench archive`: a sink as one would write it in Python, with nats-py and boto3.

Each message is gzipped and put by one of 32 threads, and acknowledged after that. Its settings are those of sink-s3:
NATS_URL, S3_ENDPOINT, S3_BUCKET and what boto3 reads itself.
"""

import asyncio
import gzip
import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor

import boto3
import nats
from botocore.config import Config
from nats.aio.msg import Msg

THREADS = 32
STREAM = "SESSIONS"
CONSUMER = "sink-s3"

s3 = boto3.client(
    "s3",
    endpoint_url=os.environ["S3_ENDPOINT"],
    region_name=os.environ["AWS_REGION"],
    config=Config(max_pool_connections=THREADS, retries={"mode": "standard", "max_attempts": 3}),
)
bucket = os.environ["S3_BUCKET"]


def archive(payload: bytes) -> None:
    event = json.loads(payload)
    year, month, day = event["end_time"][:10].split("-")
    key = f"sessions/year={year}/month={month}/day={day}/{event['session_id']}-{event['job_id']}.json.gz"
    s3.put_object(Bucket=bucket, Key=key, Body=gzip.compress(payload, 6), ContentType="application/gzip")


async def main() -> None:
    connection = await nats.connect(os.environ["NATS_URL"])
    consumer = await connection.jetstream().pull_subscribe_bind(durable=CONSUMER, stream=STREAM)
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(THREADS)
    places = asyncio.Semaphore(2 * THREADS)
    tasks = set()

    async def settle(message: Msg) -> None:
        try:
            await loop.run_in_executor(threads, archive, message.data)
            await message.ack()
        except Exception:
            logging.exception("not archived")
            await message.nak(delay=0.25)
        finally:
            places.release()

    while True:
        # So many are fetched while as many are being archived.
        for _ in range(THREADS):
            await places.acquire()
        try:
            messages = await consumer.fetch(THREADS, timeout=2)
        # nats-py has one of its own, which is one of these, and raises either.
        except asyncio.TimeoutError:
            messages = []
        for message in messages:
            task = asyncio.create_task(settle(message))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        for _ in range(THREADS - len(messages)):
            places.release()


asyncio.run(main())

"""Consume, transform, produce in transactions, while the server is killed and started again.

Usage: aiokafka_kills.py MILLRACE DATA KILLS
"""
import asyncio
import random
import socket
import subprocess
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

MILLRACE, DATA, KILLS = sys.argv[1], sys.argv[2], int(sys.argv[3])
COUNT = 200 * KILLS
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    SERVER = "127.0.0.1:%d" % probe.getsockname()[1]


class Server:
    """The server's process."""

    def __init__(self):
        self.kills = 0
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [MILLRACE, "serve", "--data", DATA, "--listen", SERVER,
             "--config", "num.partitions=3",
             "--config", "group.initial.rebalance.delay.ms=0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening"), line

    async def kill_some(self):
        while self.kills < KILLS:
            await asyncio.sleep(random.uniform(0.3, 1.2))
            self.process.kill()
            self.process.wait()
            self.kills += 1
            self.start()


async def fill():
    producer = AIOKafkaProducer(bootstrap_servers=SERVER, acks="all", enable_idempotence=True)
    await producer.start()
    sent = [await producer.send("in", key=b"%d" % (number % 7), value=b"w%d" % number)
            for number in range(COUNT)]
    await asyncio.gather(*sent)
    await producer.stop()


async def work():
    """Transforms until it has been idle for some seconds; begins anew after an error."""
    while True:
        consumer = AIOKafkaConsumer(
            "in", bootstrap_servers=SERVER, group_id="g", enable_auto_commit=False,
            isolation_level="read_committed", auto_offset_reset="earliest",
            session_timeout_ms=6000, heartbeat_interval_ms=500)
        producer = AIOKafkaProducer(
            bootstrap_servers=SERVER, transactional_id="g-t", transaction_timeout_ms=10000)
        try:
            await asyncio.wait_for(consumer.start(), 20)
            await asyncio.wait_for(producer.start(), 20)
            idle = 0
            while idle < 10:
                batch = await asyncio.wait_for(
                    consumer.getmany(timeout_ms=300, max_records=23), 20)
                if not batch:
                    idle += 1
                    continue
                idle = 0
                await asyncio.wait_for(transform(producer, batch), 60)
            return
        except (Exception, asyncio.CancelledError) as error:
            print("begins anew after", repr(error)[:200])
        finally:
            for client in (consumer, producer):
                try:
                    await asyncio.wait_for(client.stop(), 5)
                except (Exception, asyncio.CancelledError):
                    pass


async def transform(producer, batch):
    await producer.begin_transaction()
    offsets = {}
    sent = []
    for partition, messages in batch.items():
        for message in messages:
            sent.append(await producer.send("out", key=message.key, value=message.value.upper()))
        offsets[partition] = messages[-1].offset + 1
    await asyncio.gather(*sent)
    await producer.send_offsets_to_transaction(offsets, "g")
    await producer.commit_transaction()


async def check():
    consumer = AIOKafkaConsumer(
        "out", bootstrap_servers=SERVER, isolation_level="read_committed",
        auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    found = []
    quiet = 0
    while quiet < 3:
        batch = await consumer.getmany(timeout_ms=700)
        quiet = 0 if batch else quiet + 1
        for messages in batch.values():
            found += [message.value for message in messages]
    await consumer.stop()
    missing = set(b"W%d" % number for number in range(COUNT)) - set(found)
    assert not missing and len(found) == COUNT, (len(found), len(set(found)), len(missing))


async def main():
    server = Server()
    await fill()
    killing = asyncio.create_task(server.kill_some())
    await work()
    await killing
    # What was left when the last kill came.
    await work()
    await check()
    server.process.terminate()
    assert server.process.wait() == 0
    print("exactly once:", COUNT, "records,", server.kills, "kills")


asyncio.run(main())

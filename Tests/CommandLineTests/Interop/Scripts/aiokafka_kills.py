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


async def is_done(consumer):
    """Whether everything that came in has been committed."""
    partitions = consumer.assignment()
    if len(partitions) < 3:
        return False
    ends = await consumer.end_offsets(partitions)
    committed = [await consumer.committed(partition) or 0 for partition in partitions]
    return committed == [ends[partition] for partition in partitions]


async def work(server):
    """Transforms until all is done and the last kill has come; begins anew after an error."""
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
            while True:
                batch = await asyncio.wait_for(
                    consumer.getmany(timeout_ms=300, max_records=23), 20)
                if not batch:
                    if server.kills == KILLS and await asyncio.wait_for(is_done(consumer), 20):
                        return
                    continue
                await asyncio.wait_for(transform(producer, batch), 60)
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
    partitions = consumer.assignment()
    ends = await consumer.end_offsets(partitions)
    while any([await consumer.position(each) < ends[each] for each in partitions]):
        batch = await consumer.getmany(timeout_ms=700)
        for messages in batch.values():
            found += [message.value for message in messages]
    await consumer.stop()
    missing = set(b"W%d" % number for number in range(COUNT)) - set(found)
    assert not missing and len(found) == COUNT, (len(found), len(set(found)), len(missing))


async def main():
    server = Server()
    await fill()
    killing = asyncio.create_task(server.kill_some())
    await asyncio.wait_for(work(server), 300)
    await killing
    await asyncio.wait_for(check(), 60)
    server.process.terminate()
    assert server.process.wait() == 0
    print("exactly once:", COUNT, "records,", server.kills, "kills")


asyncio.run(main())

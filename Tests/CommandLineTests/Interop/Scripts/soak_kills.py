"""Two different clients consume, transform and produce in transactions at the same time, from one
topic into another, one in five transactions aborted, while the server is killed and started again.

Usage: soak_kills.py MILLRACE DATA KILLS KAFKA
       soak_kills.py worker SERVER NAME

KAFKA is a folder with Kafka's own libraries and tools. Each value that is written says whose it is,
what was read, its transaction, and how many values that has: `java:7:3-12:5:commit`.
"""
import asyncio
import collections
import glob
import os
import pathlib
import random
import socket
import subprocess
import sys
import threading
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

RECORDS_A_KILL = 300
PARTITIONS = 3
CLIENTS = ["aiokafka", "java"]


# MARK: The Python client

async def is_done(consumer):
    """Whether everything that came in has been committed."""
    partitions = consumer.assignment()
    if len(partitions) < PARTITIONS:
        return False
    ends = await consumer.end_offsets(partitions)
    committed = [await consumer.committed(partition) or 0 for partition in partitions]
    return committed == [ends[partition] for partition in partitions]


async def transform(consumer, producer, batch, name, transaction):
    aborts = random.random() < 0.2
    count = sum(len(messages) for messages in batch.values())
    end = "abort" if aborts else "commit"
    await producer.begin_transaction()
    offsets, sent = {}, []
    for partition, messages in batch.items():
        for message in messages:
            value = f"{name}:{message.value.decode()}:{transaction}:{count}:{end}"
            sent.append(await producer.send("out", key=message.key, value=value.encode()))
        offsets[partition] = messages[-1].offset + 1
    await asyncio.gather(*sent)
    await producer.send_offsets_to_transaction(offsets, name)
    if not aborts:
        return await producer.commit_transaction()
    await producer.abort_transaction()
    for partition, messages in batch.items():
        consumer.seek(partition, messages[0].offset)


async def work(server, name):
    """Transforms until it is told to end and all is done; begins anew after an error."""
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    begun = 0
    while True:
        begun += 1
        consumer = AIOKafkaConsumer(
            "in", bootstrap_servers=server, group_id=name, enable_auto_commit=False,
            isolation_level="read_committed", auto_offset_reset="earliest",
            session_timeout_ms=6000, heartbeat_interval_ms=500)
        producer = AIOKafkaProducer(
            bootstrap_servers=server, transactional_id=name + "-t", transaction_timeout_ms=10000)
        number = 0
        try:
            await asyncio.wait_for(consumer.start(), 20)
            await asyncio.wait_for(producer.start(), 20)
            while True:
                batch = await asyncio.wait_for(
                    consumer.getmany(timeout_ms=300, max_records=23), 20)
                if not batch:
                    if stop.is_set() and await asyncio.wait_for(is_done(consumer), 20):
                        print(name, "begun", begun, "times", flush=True)
                        return
                    continue
                number += 1
                await asyncio.wait_for(
                    transform(consumer, producer, batch, name, f"{begun}-{number}"), 60)
        except (Exception, asyncio.CancelledError) as error:
            print(name, "begins anew after", repr(error)[:200], flush=True)
        finally:
            for client in (consumer, producer):
                try:
                    await asyncio.wait_for(client.stop(), 5)
                except (Exception, asyncio.CancelledError):
                    pass


# MARK: The server, and who kills it

class Server:
    """The server's process."""

    def __init__(self, millrace, data):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]
        self.command = [
            millrace, "serve", "--data", data, "--listen", self.address,
            "--config", f"num.partitions={PARTITIONS}",
            "--config", "group.initial.rebalance.delay.ms=0"]
        self.kills = 0
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening"), line

    def kill(self):
        assert self.process.poll() is None, "the server ended by itself"
        self.process.kill()
        self.process.wait()
        self.kills += 1
        self.start()


async def fill(server, numbers):
    producer = AIOKafkaProducer(bootstrap_servers=server, acks="all", enable_idempotence=True)
    await producer.start()
    sent = [await producer.send("in", key=b"%d" % (number % 7), value=b"%d" % number)
            for number in numbers]
    await asyncio.gather(*sent)
    await producer.stop()


async def read(server):
    """The committed values, and each partition's offsets of them."""
    consumer = AIOKafkaConsumer(bootstrap_servers=server, isolation_level="read_committed",
                                auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    partitions = [TopicPartition("out", number) for number in range(PARTITIONS)]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    ends = await consumer.end_offsets(partitions)
    found = []
    while any([await consumer.position(each) < ends[each] for each in partitions]):
        batch = await consumer.getmany(timeout_ms=700)
        for messages in batch.values():
            found += [message.value.decode() for message in messages]
    await consumer.stop()
    return found


def check(found, count):
    """Nothing is lost, doubled, torn or aborted. The number of transactions."""
    numbers = {name: collections.Counter() for name in CLIENTS}
    sizes, seen = {}, collections.Counter()
    for value in found:
        name, number, transaction, size, end = value.split(":")
        assert end == "commit", "aborted, and read: " + value
        numbers[name][int(number)] += 1
        seen[name, transaction] += 1
        assert sizes.setdefault((name, transaction), int(size)) == int(size), value
    torn = {each: (seen[each], size) for each, size in sizes.items() if seen[each] != size}
    assert not torn, f"torn: {torn}"
    for name, counts in numbers.items():
        lost = count - len(counts)
        doubled = [number for number, times in counts.items() if times > 1]
        assert not lost and not doubled, (name, "lost", lost, "doubled", doubled[:9])
    return len(sizes)


def dump(kafka, data, found):
    """Kafka's own tool reads the files, and finds each value that was committed in them."""
    dumped = collections.Counter()
    for log in sorted(glob.glob(f"{data}/out-*/*.log")):
        done = subprocess.run(
            [f"{kafka}/kafka", "dump-log", "--deep-iteration", "--print-data-log", "--files", log],
            capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-500:]
        assert "isvalid: false" not in done.stdout
        dumped.update(line.rsplit("payload: ", 1)[1]
                      for line in done.stdout.splitlines() if "payload: " in line)
    committed = collections.Counter(found)
    assert all(dumped[value] == times for value, times in committed.items()), "dump-log differs"
    return sum(dumped.values()) - len(found)


def main(millrace, data, kills, kafka):
    count = RECORDS_A_KILL * kills
    server = Server(millrace, data)
    asyncio.run(fill(server.address, range(RECORDS_A_KILL)))
    here = pathlib.Path(__file__).parent
    commands = [
        [sys.executable, __file__, "worker", server.address, "aiokafka"],
        ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", f"{kafka}/libs/*",
         str(here / "SoakWorker.java"), server.address, "java"]]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE) for command in commands]
    try:
        while server.kills < kills:
            time.sleep(random.uniform(0.3, 1.5))
            server.kill()
            begin = server.kills * RECORDS_A_KILL
            if begin < count:
                asyncio.run(fill(server.address, range(begin, begin + RECORDS_A_KILL)))
            assert all(worker.poll() is None for worker in workers), "a client has ended"
        for worker in workers:
            worker.stdin.close()
        for worker in workers:
            assert worker.wait(600) == 0, worker.args
        found = asyncio.run(asyncio.wait_for(read(server.address), 120))
        transactions = check(found, count)
        server.process.terminate()
        assert server.process.wait(60) == 0
    finally:
        for process in [*workers, server.process]:
            process.kill()
    aborted = dump(kafka, data, found)
    print(f"exactly once: {count} records by each of {len(CLIENTS)} clients in {transactions} "
          f"transactions, {aborted} records of aborted ones left out, {server.kills} kills")


if sys.argv[1] == "worker":
    asyncio.run(work(sys.argv[2], sys.argv[3]))
else:
    main(os.path.abspath(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])

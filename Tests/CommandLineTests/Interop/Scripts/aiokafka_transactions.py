"""Consume, transform, produce in transactions, with aiokafka: every word once, upper case."""
import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

SERVER = sys.argv[1]
COUNT = 1000


async def fill():
    producer = AIOKafkaProducer(bootstrap_servers=SERVER, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for number in range(COUNT):
            await producer.send("in", key=b"%d" % (number % 7), value=b"word%d" % number)
        await producer.flush()
    finally:
        await producer.stop()


async def transform():
    consumer = AIOKafkaConsumer(
        "in", bootstrap_servers=SERVER, group_id="upper", enable_auto_commit=False,
        isolation_level="read_committed", auto_offset_reset="earliest")
    producer = AIOKafkaProducer(bootstrap_servers=SERVER, transactional_id="upper-1")
    await consumer.start()
    await producer.start()
    done = 0
    rounds = 0
    try:
        while done < COUNT:
            batch = await consumer.getmany(timeout_ms=1000, max_records=97)
            if not batch:
                continue
            rounds += 1
            await producer.begin_transaction()
            offsets = {}
            count = 0
            for partition, messages in batch.items():
                for message in messages:
                    await producer.send("out", key=message.key, value=message.value.upper())
                    count += 1
                offsets[partition] = messages[-1].offset + 1
            await producer.send_offsets_to_transaction(offsets, "upper")
            if rounds % 4 == 2:
                # Taken back, and done again from the committed positions.
                await producer.abort_transaction()
                for partition in batch:
                    position = await consumer.committed(partition)
                    if position is None:
                        await consumer.seek_to_beginning(partition)
                    else:
                        consumer.seek(partition, position)
                continue
            await producer.commit_transaction()
            done += count
    finally:
        await consumer.stop()
        await producer.stop()


async def check():
    consumer = AIOKafkaConsumer(
        "out", bootstrap_servers=SERVER, isolation_level="read_committed",
        auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    found = []
    try:
        for _ in range(120):
            if len(found) >= COUNT:
                break
            batch = await consumer.getmany(timeout_ms=500)
            for messages in batch.values():
                found += [message.value for message in messages]
        more = await consumer.getmany(timeout_ms=500)
        for messages in more.values():
            found += [message.value for message in messages]
    finally:
        await consumer.stop()
    expected = sorted(b"WORD%d" % number for number in range(COUNT))
    assert sorted(found) == expected, (len(found), len(set(found)))


async def main():
    admin = AIOKafkaAdminClient(bootstrap_servers=SERVER)
    await admin.start()
    await admin.create_topics([NewTopic("in", 3, 1), NewTopic("out", 2, 1)])
    await admin.close()
    await fill()
    await transform()
    await check()
    print("exactly once:", COUNT)


asyncio.run(main())

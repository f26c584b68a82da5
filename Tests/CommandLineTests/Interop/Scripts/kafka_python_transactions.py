"""Consume, transform, produce in transactions, with kafka-python."""
import sys

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.structs import OffsetAndMetadata

SERVER = sys.argv[1]
COUNT = 1000

admin = KafkaAdminClient(bootstrap_servers=SERVER)
admin.create_topics([NewTopic("pin", 3, 1), NewTopic("pout", 2, 1)])
producer = KafkaProducer(bootstrap_servers=SERVER, acks="all", enable_idempotence=True)
for number in range(COUNT):
    producer.send("pin", key=b"%d" % (number % 7), value=b"word%d" % number)
producer.flush()
producer.close()

consumer = KafkaConsumer(
    "pin", bootstrap_servers=SERVER, group_id="pupper", enable_auto_commit=False,
    isolation_level="read_committed", auto_offset_reset="earliest", max_poll_records=97)
transactions = KafkaProducer(bootstrap_servers=SERVER, transactional_id="pupper-1")
transactions.init_transactions()
done = 0
rounds = 0
while done < COUNT:
    batch = consumer.poll(1000)
    if not batch:
        continue
    rounds += 1
    transactions.begin_transaction()
    offsets = {}
    count = 0
    for partition, messages in batch.items():
        for message in messages:
            transactions.send("pout", key=message.key, value=message.value.upper())
            count += 1
        offsets[partition] = OffsetAndMetadata(messages[-1].offset + 1, "", -1)
    transactions.send_offsets_to_transaction(offsets, "pupper")
    if rounds % 4 == 2:
        transactions.abort_transaction()
        for partition in batch:
            position = consumer.committed(partition)
            if position is None:
                consumer.seek_to_beginning(partition)
            else:
                consumer.seek(partition, position)
        continue
    transactions.commit_transaction()
    done += count
consumer.close()
transactions.close()

reader = KafkaConsumer(
    bootstrap_servers=SERVER, isolation_level="read_committed", auto_offset_reset="earliest")
reader.assign([TopicPartition("pout", 0), TopicPartition("pout", 1)])
reader.seek_to_beginning()
found = []
for _ in range(120):
    if len(found) >= COUNT:
        break
    for messages in reader.poll(500).values():
        found += [message.value for message in messages]
for messages in reader.poll(500).values():
    found += [message.value for message in messages]
reader.close()
assert sorted(found) == sorted(b"WORD%d" % number for number in range(COUNT)), len(found)
print("exactly once:", COUNT)

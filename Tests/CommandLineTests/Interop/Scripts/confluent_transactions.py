"""Consume, transform, produce in transactions, with confluent-kafka (librdkafka)."""
import sys

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

SERVER = sys.argv[1]
COUNT = 1000

admin = AdminClient({"bootstrap.servers": SERVER})
for future in admin.create_topics([NewTopic("cin", 3, 1), NewTopic("cout", 2, 1)]).values():
    future.result()

producer = Producer({"bootstrap.servers": SERVER, "enable.idempotence": True})
for number in range(COUNT):
    producer.produce("cin", key=b"%d" % (number % 7), value=b"word%d" % number)
assert producer.flush(30) == 0

consumer = Consumer({
    "bootstrap.servers": SERVER, "group.id": "cupper", "enable.auto.commit": False,
    "isolation.level": "read_committed", "auto.offset.reset": "earliest",
    "session.timeout.ms": 6000})
consumer.subscribe(["cin"])
transactions = Producer({"bootstrap.servers": SERVER, "transactional.id": "cupper-1"})
transactions.init_transactions(30)
done = 0
rounds = 0
while done < COUNT:
    messages = consumer.consume(97, 1.0)
    messages = [message for message in messages if message.error() is None]
    if not messages:
        continue
    rounds += 1
    transactions.begin_transaction()
    for message in messages:
        transactions.produce("cout", key=message.key(), value=message.value().upper())
    transactions.send_offsets_to_transaction(
        consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), 30)
    if rounds % 4 == 2:
        transactions.abort_transaction(30)
        for partition in consumer.committed(consumer.assignment(), 30):
            offset = partition.offset if partition.offset >= 0 else 0
            consumer.seek(TopicPartition(partition.topic, partition.partition, offset))
        continue
    transactions.commit_transaction(30)
    done += len(messages)
consumer.close()

reader = Consumer({
    "bootstrap.servers": SERVER, "group.id": "creader", "enable.auto.commit": False,
    "isolation.level": "read_committed", "auto.offset.reset": "earliest",
    "enable.partition.eof": True})
reader.assign([TopicPartition("cout", 0, 0), TopicPartition("cout", 1, 0)])
found = []
ended = set()
while len(ended) < 2:
    message = reader.poll(60)
    assert message is not None, "no more records"
    if message.error() is not None:
        assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
        ended.add(message.partition())
    else:
        found.append(message.value())
reader.close()
assert sorted(found) == sorted(b"WORD%d" % number for number in range(COUNT)), len(found)
print("exactly once:", COUNT)

"""Two members of a consumer group (KIP-848) of confluent-kafka; one is killed, the server is killed.

Every record is read; the positions that are committed at the end are those behind the last ones.
"""
import os
import signal
import subprocess
import sys
import time

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

EXECUTABLE, DATA, ADDRESS = sys.argv[1:4]
COUNT = 1200
PATIENCE = 90


def serve():
    server = subprocess.Popen(
        [EXECUTABLE, "serve", "--data", DATA, "--listen", ADDRESS,
         "--config", "group.consumer.session.timeout.ms=6000",
         "--config", "group.consumer.heartbeat.interval.ms=500"],
        stdout=subprocess.PIPE, text=True)
    line = server.stdout.readline()
    assert line.startswith("listening on "), line
    return server, line.split()[-1]


def produce(first, last):
    producer = Producer({"bootstrap.servers": ADDRESS, "enable.idempotence": True})
    for number in range(first, last):
        producer.produce("numbers", key=b"%d" % (number % 31), value=b"%d" % number)
    assert producer.flush(PATIENCE) == 0


def member(name):
    """A process of its own, which writes what it reads, a number a line, and commits it then."""
    consumer = Consumer({
        "bootstrap.servers": ADDRESS, "client.id": name, "group.id": "readers",
        "group.protocol": "consumer", "auto.offset.reset": "earliest",
        "enable.auto.commit": False})
    consumer.subscribe(["numbers"])
    while True:
        for message in consumer.consume(25, 0.3):
            if message.error() is None:
                print(message.value().decode(), flush=True)
        try:
            consumer.commit(asynchronous=False)
        except KafkaException:
            # Nothing new, or it is another member's by now, who reads it again.
            pass


if len(sys.argv) > 4:
    member(sys.argv[4])

server, ADDRESS = serve()
admin = AdminClient({"bootstrap.servers": ADDRESS})
admin.create_topics([NewTopic("numbers", 4, 1)])["numbers"].result()
produce(0, COUNT // 3)


def start(name):
    output = open(os.path.join(DATA, "..", name + ".out"), "w+")
    process = subprocess.Popen(
        [sys.executable, __file__, EXECUTABLE, DATA, ADDRESS, name], stdout=output)
    return process, output


def numbers(*members):
    found = []
    for _, output in members:
        output.flush()
        with open(output.name) as file:
            found += [int(line) for line in file.read().split("\n")[:-1]]
    return found


def wait(what, done):
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def assignments():
    """Of each member its partitions; none while the group is on its way."""
    try:
        group = admin.describe_consumer_groups(["readers"])["readers"].result()
    except KafkaException:
        return {}
    if group.state.name != "STABLE":
        return {}
    return {m.client_id: {(p.topic, p.partition) for p in m.assignment.topic_partitions}
            for m in group.members}


first, second = start("first"), start("second")
wait("two members share", lambda: sorted(map(len, assignments().values())) == [2, 2])
parts = list(assignments().values())
assert len(set.union(*parts)) == 4, parts
wait("the first third", lambda: len(set(numbers(first, second))) == COUNT // 3)

first[0].send_signal(signal.SIGKILL)
first[0].wait()
produce(COUNT // 3, 2 * COUNT // 3)
wait("the other one has all", lambda: list(map(len, assignments().values())) == [4])
wait("the second third", lambda: len(set(numbers(first, second))) == 2 * COUNT // 3)

server.send_signal(signal.SIGKILL)
server.wait()
server, _ = serve()
third = start("third")
produce(2 * COUNT // 3, COUNT)
wait("two share again", lambda: sorted(map(len, assignments().values())) == [2, 2])
wait("the last third", lambda: len(set(numbers(first, second, third))) == COUNT)


def committed():
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("readers")])
    return sum(p.offset for p in asked["readers"].result().topic_partitions)


wait("all is committed", lambda: committed() == COUNT)
for process, _ in (second, third):
    process.kill()
    process.wait()
found = numbers(first, second, third)
assert sorted(set(found)) == list(range(COUNT))
server.send_signal(signal.SIGTERM)
assert server.wait() == 0
print("read once:", COUNT, "and again:", len(found) - COUNT)

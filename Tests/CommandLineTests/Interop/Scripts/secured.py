"""Produces and reads 100 records over SASL_SSL, and is refused with a wrong password.

secured.py CLIENT SERVER AUTHORITIES MECHANISM USER PASSWORD
"""
import asyncio
import ssl
import sys

CLIENT, SERVER, AUTHORITIES, MECHANISM, USER, PASSWORD = sys.argv[1:]
TOPIC = f"secured-{CLIENT}-{MECHANISM.lower()}"
COUNT = 100


def confluent():
    from confluent_kafka import Consumer, KafkaException, Producer
    from confluent_kafka.admin import AdminClient

    def settings(password):
        return {
            "bootstrap.servers": SERVER, "security.protocol": "SASL_SSL",
            "ssl.ca.location": AUTHORITIES, "sasl.mechanism": MECHANISM,
            "sasl.username": USER, "sasl.password": password}
    producer = Producer(settings(PASSWORD))
    for number in range(COUNT):
        producer.produce(TOPIC, b"%d" % number)
    assert producer.flush(30) == 0
    consumer = Consumer(settings(PASSWORD) | {
        "group.id": TOPIC, "auto.offset.reset": "earliest"})
    consumer.subscribe([TOPIC])
    found = set()
    while len(found) < COUNT:
        found.update(m.value() for m in consumer.consume(COUNT, 1.0) if m.error() is None)
    consumer.close()
    try:
        AdminClient(settings("wrong") | {"log_level": 0}).list_topics(timeout=3)
        raise SystemExit("a wrong password was taken")
    except KafkaException:
        return len(found)


def kafka_python():
    from kafka import KafkaConsumer, KafkaProducer

    def settings(password):
        return {
            "bootstrap_servers": SERVER, "security_protocol": "SASL_SSL",
            "ssl_cafile": AUTHORITIES, "sasl_mechanism": MECHANISM,
            "sasl_plain_username": USER, "sasl_plain_password": password}
    producer = KafkaProducer(**settings(PASSWORD))
    for number in range(COUNT):
        producer.send(TOPIC, b"%d" % number)
    producer.flush(30)
    consumer = KafkaConsumer(
        TOPIC, auto_offset_reset="earliest", consumer_timeout_ms=5000, **settings(PASSWORD))
    found = {message.value for message in consumer}
    try:
        KafkaProducer(**settings("wrong"), api_version_auto_timeout_ms=3000)
        raise SystemExit("a wrong password was taken")
    except Exception:
        return len(found)


async def aiokafka():
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    def settings(password):
        return {
            "bootstrap_servers": SERVER, "security_protocol": "SASL_SSL",
            "ssl_context": ssl.create_default_context(cafile=AUTHORITIES),
            "sasl_mechanism": MECHANISM, "sasl_plain_username": USER,
            "sasl_plain_password": password}
    async with AIOKafkaProducer(**settings(PASSWORD)) as producer:
        for number in range(COUNT):
            await producer.send_and_wait(TOPIC, b"%d" % number)
    found = set()
    async with AIOKafkaConsumer(
            TOPIC, auto_offset_reset="earliest", **settings(PASSWORD)) as consumer:
        while len(found) < COUNT:
            found.add((await consumer.getone()).value)
    wrong = AIOKafkaProducer(**settings("wrong"))
    try:
        await wrong.start()
        raise SystemExit("a wrong password was taken")
    except Exception:
        await wrong.stop()
        return len(found)


if CLIENT == "aiokafka":
    count = asyncio.run(aiokafka())
else:
    count = {"confluent": confluent, "kafka_python": kafka_python}[CLIENT]()
print(f"secured: {count}")

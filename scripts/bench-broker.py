#!/usr/bin/env python3
"""The listener beside Kafka's broker: same machine, same clients, in turns; prints a table.

MILLRACE_KAFKA names a program of this form, which starts a node and runs Kafka's own tools:
    kafka start DIR PORT [key=value...] | kafka stop DIR | kafka TOOL ARGS...
RUNS (3) measurements of each figure, of which the table has the medians; RECORDS (1000000) a run.
"""
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MILLRACE = ROOT / ".build/release/millrace"
RUNS = int(os.environ.get("RUNS", "3"))
RECORDS = int(os.environ.get("RECORDS", "1000000"))
TICKS = os.sysconf("SC_CLK_TCK")
# ApiVersions in version 0, by a client without a name.
API_VERSIONS = (10).to_bytes(4, "big") + bytes.fromhex("0012000000000007ffff")


class Millrace:
    name = "millrace"

    def __init__(self, folder):
        self.folder = folder / "millrace"
        self.process = None

    def start(self):
        command = [MILLRACE, "serve", "--data", self.folder, "--listen", "127.0.0.1:0",
                   "--config", "group.initial.rebalance.delay.ms=0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().split()[-1]
        self.pid = self.process.pid

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


class Kafka:
    name = "kafka"

    def __init__(self, folder):
        self.folder = folder / "kafka"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def start(self):
        subprocess.run([KAFKA, "start", self.folder, str(self.port)], check=True,
                       stdout=subprocess.DEVNULL)
        self.address = f"127.0.0.1:{self.port}"
        self.pid = int((self.folder / "pid").read_text())

    def stop(self):
        subprocess.run([KAFKA, "stop", self.folder], check=True)


def tool(*arguments):
    done = subprocess.run([KAFKA, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"kafka {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")
    return done.stdout


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024


MAKE_TOPIC = """
import sys
from confluent_kafka.admin import AdminClient, NewTopic
address, topic, partitions, *options = sys.argv[1:]
options = dict(option.split("=") for option in options)
admin = AdminClient({"bootstrap.servers": address})
topic = NewTopic(topic, int(partitions), config=options)
for made in admin.create_topics([topic], request_timeout=120).values():
    made.result()
"""


def make(server, topic, partitions=1, *options):
    client(MAKE_TOPIC, server.address, topic, partitions, *options)


def produce(server, topic):
    """Records a second, and microseconds of the broker's CPU a record."""
    before = cpu_seconds(server.pid)
    text = tool("producer-perf", "--topic", topic, "--num-records", RECORDS, "--record-size", 100,
                "--throughput", -1, "--producer-props", f"bootstrap.servers={server.address}",
                "acks=all", "batch.size=65536", "linger.ms=5")
    rate = float(re.findall(r"([\d.]+) records/sec", text)[-1])
    return rate, (cpu_seconds(server.pid) - before) * 1e6 / RECORDS


def fetch(server, topic):
    """Records a second while fetching, and microseconds of the broker's CPU a record."""
    before = cpu_seconds(server.pid)
    text = tool("consumer-perf", "--bootstrap-server", server.address, "--topic", topic,
                "--messages", RECORDS, "--timeout", 60000)
    rate = float(text.strip().splitlines()[-1].split(",")[-1])
    return rate, (cpu_seconds(server.pid) - before) * 1e6 / RECORDS


ONE_AT_A_TIME = """
import sys, time
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1], "acks": "all", "linger.ms": 0})
times = []
for number in range(2200):
    begin = time.perf_counter()
    producer.produce(sys.argv[2], b"x" * 100, partition=0)
    producer.flush(30)
    times.append(time.perf_counter() - begin)
print(sorted(times[200:])[1000] * 1000)
"""

MANY_PRODUCERS = """
import sys, time
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1], "acks": "all", "linger.ms": 0})
end = time.monotonic() + float(sys.argv[3])
while time.monotonic() < end:
    begin = time.monotonic()
    for partition in range(500):
        producer.produce(sys.argv[2], b"x" * 100, partition=partition)
        producer.poll(0)
        time.sleep(0.0015)
    producer.flush(30)
    time.sleep(max(0, 1 - (time.monotonic() - begin)))
"""


def client(source, *arguments):
    python = ROOT / ".build-interop/bin/python"
    done = subprocess.run([python, "-c", source, *map(str, arguments)], capture_output=True,
                          text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout


def one_at_a_time(server, topic):
    return float(client(ONE_AT_A_TIME, server.address, topic))


def idle_ish(server, topic):
    """The part of one core that 500 partitions cost with a record each a second."""
    client(MANY_PRODUCERS, server.address, topic, 3)
    before = cpu_seconds(server.pid)
    client(MANY_PRODUCERS, server.address, topic, 20)
    return (cpu_seconds(server.pid) - before) / 20 * 100


def idle_connections(server, count):
    """Bytes of the broker's memory for each of so many idle connections."""
    host, port = server.address.rsplit(":", 1)
    before = resident_bytes(server.pid)
    connections = []
    for _ in range(count):
        connection = socket.create_connection((host, int(port)))
        connection.sendall(API_VERSIONS)
        connections.append(connection)
    for connection in connections:
        connection.settimeout(30)
        connection.recv(4096)
    held = resident_bytes(server.pid) - before
    for connection in connections:
        connection.close()
    return held / count


def start_time(server):
    """Milliseconds from the start of the process to the first answer."""
    begin = time.perf_counter()
    server.start()
    host, port = server.address.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(API_VERSIONS)
        connection.recv(4096)
    return (time.perf_counter() - begin) * 1000


def median(values):
    return statistics.median(values)


def row(what, ours, theirs, unit):
    ratio = ours / theirs if theirs else float("nan")
    print(f"| {what} | {ours:,.3g} | {theirs:,.3g} | {unit} | {ratio:.2f} |", flush=True)


def main():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    idle = min(10_000, limit[1] // 4 - 100)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-broker-", dir=ROOT / ".build"))
    servers = [Millrace(folder), Kafka(folder)]
    try:
        measure(servers, idle)
    finally:
        for server in servers:
            try:
                server.stop()
            except (AttributeError, OSError, subprocess.SubprocessError):
                pass
        shutil.rmtree(folder, ignore_errors=True)


def measure(servers, idle):
    for server in servers:
        server.start()
        make(server, "flushed")
        make(server, "many", 500)
    make(servers[0], "relaxed", 1, "millrace.durability=relaxed")
    make(servers[0], "many-relaxed", 500, "millrace.durability=relaxed")
    make(servers[1], "relaxed")
    make(servers[1], "many-relaxed", 500)
    print("| what | millrace | kafka | unit | ratio |\n|---|---|---|---|---|")

    def turns(body):
        found = [[body(server) for server in servers] for _ in range(RUNS)]
        return [[run[index] for run in found] for index in range(2)]

    flushed = turns(lambda server: produce(server, "flushed"))
    relaxed = turns(lambda server: produce(server, "relaxed"))
    fetched = turns(lambda server: fetch(server, "flushed"))
    for what, figures in [("produce, ours with fdatasync", flushed),
                          ("produce, both without", relaxed), ("fetch", fetched)]:
        row(what, *(median([rate for rate, _ in side]) for side in figures), "records/s")
        row(f"{what}: CPU of the broker", *(median([cpu for _, cpu in side]) for side in figures),
            "µs/record")
    for topic, what in [("flushed", "ours with fdatasync"), ("relaxed", "both without")]:
        single = turns(lambda server: one_at_a_time(server, topic))
        row(f"one record at a time, p50, {what}", *map(median, single), "ms")
    for topic, what in [("many", "ours with fdatasync"), ("many-relaxed", "both without")]:
        row(f"500 partitions, a record each a second, {what}",
            *map(median, turns(lambda server: idle_ish(server, topic))), "% of a core")
    for server in servers:
        idle_connections(server, 10)
    row(f"{idle:,} idle connections, each", *(idle_connections(server, idle) / 1024
                                              for server in servers), "KiB")
    for server in servers:
        server.stop()
    row("start to first answer, 1,002 partitions", *(restart(server) for server in servers), "ms")
    for server in servers:
        server.start()
        make(server, "crowd", 2500)
        server.stop()
    row("the same with 3,502", *(restart(server) for server in servers), "ms")


def restart(server):
    found = []
    for _ in range(RUNS):
        found.append(start_time(server))
        server.stop()
    return median(found)


KAFKA = os.environ.get("MILLRACE_KAFKA")
if __name__ == "__main__":
    if not KAFKA:
        sys.exit("bench-broker: there is nothing to compare with\n"
                 "  next: MILLRACE_KAFKA=…/kafka make bench-broker, a program that starts Kafka's "
                 "broker (scripts/bench-broker.py says how it is called)")
    main()

"""Many connections send what is no request, or would cost much, while a good client works.

Usage: hostile_clients.py MILLRACE DATA CONNECTIONS TURNS SHARE

A turn is the good client's work in peace, then under attack. Prints the server's largest memory,
and the median of what the good client had of its throughput under attack: SHARE % at least.
"""
import gzip
import multiprocessing
import os
import pathlib
import re
import resource
import select
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

MILLRACE, DATA = sys.argv[1], sys.argv[2]
CONNECTIONS, TURNS, SHARE = (int(word) for word in sys.argv[3:6])
RECORDS = 20_000 if TURNS == 1 else 100_000
# What all requests may hold together.
REQUEST_BYTES = 128 << 20
BOMB_BYTES = 200 << 20
# The whole process: that, one bomb whose room doubles while it grows, and what is read at once of
# each connection.
MEMORY_LIMIT = REQUEST_BYTES + (512 << 20) + CONNECTIONS * (256 << 10)
SECONDS_A_BOMB = 2
MANY = b"\x7f\xff\xff\xff"


def i16(value): return struct.pack(">h", value)
def i32(value): return struct.pack(">i", value)
def i64(value): return struct.pack(">q", value)
def text(value): return i16(len(value)) + value


def request(key, version, body=b"", tags=b""):
    payload = i16(key) + i16(version) + i32(7) + text(b"x") + tags + body
    return i32(len(payload)) + payload


def unsigned(value):
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


TABLE = []
for number in range(256):
    for _ in range(8):
        number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
    TABLE.append(number)


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def bomb():
    """A batch of one record that is a thousand times as large as it came."""
    body = b"\x00\x00\x00\x01" + unsigned(BOMB_BYTES << 1)
    record = unsigned((len(body) + BOMB_BYTES + 1) << 1) + body
    block = gzip.compress(record + b"\x00" * (BOMB_BYTES + 1), 9, mtime=0)
    checked = i16(1) + i32(0) + i64(1) + i64(1) + i64(-1) + i16(-1) + i32(-1) + i32(1) + block
    rest = i32(0) + b"\x02" + struct.pack(">I", crc32c(checked)) + checked
    batch = i64(0) + i32(len(rest)) + rest
    return request(0, 7, b"\xff\xff" + i16(1) + i32(5000) + i32(1) + text(b"bombs") + i32(1)
                   + i32(0) + i32(len(batch)) + batch)


WHOLE = request(12, 0, text(b"g") + i32(0) + text(b"m"))
# What is sent on a connection again and again; after each the connection begins anew if it ended.
KINDS = [
    ("slow writer", i32(1000), b"x"),
    ("a length of 100 MB, and some of it", i32(100_000_000) + b"\x00" * 20_000, b""),
    ("a length of 2147483647", MANY, b""),
    ("a length of 90 MB that goes on", i32(90_000_000), b"\x00" * 65_536),
    ("garbage", b"\xde\xad\xbe\xef" * 64, b""),
    ("half a request", WHOLE[:9], b""),
    ("2147483647 topics", request(0, 7, b"\xff\xff" + i16(-1) + i32(5) + MANY), b""),
    ("2147483647 topics to fetch",
     request(1, 4, i32(-1) + i32(1) * 2 + i32(1 << 20) + b"\0" + MANY), b""),
    ("20,000,000 tagged fields", request(12, 4, tags=unsigned(20_000_000)), b""),
    ("a compact array of 4294967294",
     request(9, 6, b"\x02g\xff\xff\xff\xff\x0f", tags=b"\x00"), b""),
    ("a web browser", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b""),
    ("who asks for producer ids", request(22, 0, b"\xff\xff" + i32(1000)) * 4, b""),
    ("who connects and says nothing", b"", b""),
]


class Attacker:
    """A connection that begins anew when it ends."""

    def __init__(self, address, kind):
        self.address, (_, self.first, self.next) = address, kind
        self.peer = None
        self.sent = False

    def step(self):
        """Connects, or sends once."""
        try:
            if self.peer is None:
                self.peer = socket.socket()
                self.peer.setblocking(False)
                self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                self.peer.connect_ex(self.address)
                self.sent = False
                return
            poll = select.poll()
            poll.register(self.peer, select.POLLIN | select.POLLOUT)
            events = sum(found for _, found in poll.poll(0))
            if events & ~select.POLLOUT and not self.peer.recv(4096):
                raise ConnectionError
            if events & select.POLLOUT:
                data = self.next if self.sent else self.first
                self.sent = True
                if data:
                    self.peer.send(data)
        except BlockingIOError:
            pass
        except (OSError, ValueError):
            if self.peer is not None:
                self.peer.close()
            self.peer = None


def attack(address, count, go, busy, sent):
    """Holds `count` connections for ever; sends on them while `go` is set."""
    os.nice(5)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    attackers = [Attacker(address, KINDS[index % len(KINDS)]) for index in range(count)]
    payload = bomb()
    index, last_bomb, bombers = 0, 0.0, []
    while True:
        if not go.is_set():
            busy.clear()
            go.wait()
        begin = time.monotonic()
        for _ in range(60):
            attackers[index % count].step()
            index += 1
        if begin - last_bomb > SECONDS_A_BOMB:
            last_bomb = begin
            bombers.append(socket.create_connection(address))
            bombers[-1].sendall(payload)
            while len(bombers) > 4:
                bombers.pop(0).close()
            sent.value += 1
        if index >= 2 * count:
            busy.set()
        # Three thousand steps a second: what attackers cost on this machine is not what is measured.
        time.sleep(max(0, 0.02 - (time.monotonic() - begin)))


def peak(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) << 10


class Good:
    """Produces and fetches, and keeps count of what there must be."""

    def __init__(self, server):
        self.server = server
        self.count = 0

    def work(self):
        """Records a second, there and back."""
        begin = time.monotonic()
        failures = []
        producer = Producer({"bootstrap.servers": self.server, "acks": "all", "linger.ms": 5,
                             "enable.idempotence": True})
        for number in range(self.count, self.count + RECORDS):
            while True:
                try:
                    producer.produce("good", b"%09d" % number + b"x" * 91, partition=0,
                                     on_delivery=lambda error, _: error and failures.append(error))
                    break
                except BufferError:
                    producer.poll(0.05)
            producer.poll(0)
        left = producer.flush(120)
        assert not left and not failures, (left, failures[:1])
        found = self.read(self.count, RECORDS)
        assert found == list(range(self.count, self.count + RECORDS))
        self.count += RECORDS
        return RECORDS / (time.monotonic() - begin)

    def read(self, begin, count):
        consumer = Consumer({"bootstrap.servers": self.server, "group.id": "good",
                             "enable.auto.commit": False})
        consumer.assign([TopicPartition("good", 0, begin)])
        found = []
        end = time.monotonic() + 120
        while len(found) < count and time.monotonic() < end:
            found += [int(message.value()[:9]) for message in consumer.consume(10_000, 1.0)
                      if not message.error()]
        consumer.close()
        return found


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    process = subprocess.Popen(
        [MILLRACE, "serve", "--data", DATA, "--listen", "127.0.0.1:0",
         "--config", f"queued.max.request.bytes={REQUEST_BYTES}"],
        stdout=subprocess.PIPE, text=True)
    server = process.stdout.readline().split()[-1]
    host, port = server.rsplit(":", 1)
    admin = AdminClient({"bootstrap.servers": server})
    for made in admin.create_topics([NewTopic("good", 1), NewTopic("bombs", 1)]).values():
        made.result(60)
    go, busy, sent = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Value("i", 0)
    attackers = multiprocessing.Process(
        target=attack, args=((host, int(port)), CONNECTIONS, go, busy, sent), daemon=True)
    attackers.start()
    good = Good(server)
    good.work()
    shares = []
    for turn in range(TURNS):
        peace = good.work()
        go.set()
        assert busy.wait(120), "the attack did not begin"
        attacked = good.work()
        go.clear()
        shares.append(attacked / peace)
        print(f"turn {turn + 1}: {peace:.0f} records a second in peace, {attacked:.0f} under "
              f"attack, {peak(process.pid) >> 20} MiB", flush=True)
        assert process.poll() is None, "the server died"
    assert good.read(0, good.count) == list(range(good.count)), "records are missing"
    memory = peak(process.pid)
    attackers.kill()
    process.terminate()
    assert process.wait(60) == 0, process.returncode
    assert sent.value > 0
    assert memory <= MEMORY_LIMIT, f"{memory >> 20} MiB"
    share = 100 * statistics.median(shares)
    assert share >= SHARE, f"{share:.0f} % of the throughput"
    print(f"held: {CONNECTIONS} connections, {sent.value} bombs, {memory >> 20} MiB, "
          f"{good.count} records, {share:.0f} % of the throughput")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Sends malformed requests to a broker, each kind on a connection and a topic of its own, and
writes what was sent and what came back, a line of JSON each. malformed.jsonl is what Apache Kafka
4.3.1 did:

    malformed.py HOST:PORT > malformed.jsonl
"""
import gzip
import json
import socket
import struct
import sys
import time

HOST, PORT = sys.argv[1].rsplit(":", 1)
NONE = b"\xff\xff\xff\xff"
MANY = b"\x7f\xff\xff\xff"
CASES = []


def case(kind, what, *sends):
    CASES.append((kind, what, sends))


# MARK: Types

def i16(value): return struct.pack(">h", value)
def i32(value): return struct.pack(">i", value)
def i64(value): return struct.pack(">q", value)
def text(value): return i16(len(value)) + value


def unsigned(value):
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def signed(value):
    return unsigned((value << 1 ^ value >> 63) & 0xFFFFFFFFFFFFFFFF)


def compact(value): return unsigned(len(value) + 1) + value


def framed(payload): return i32(len(payload)) + payload


def request(key, version, body=b"", client=b"\x00\x01x", tags=b""):
    return framed(i16(key) + i16(version) + i32(7) + client + tags + body)


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


# MARK: Records

NOW = 1_700_000_000_000


def record(value=b"v", key=b"k", delta=0, time=0, headers=b"\x00", length=None):
    body = b"\x00" + signed(time) + signed(delta)
    body += signed(len(key)) + key + signed(len(value)) + value + headers
    return signed(len(body) if length is None else length) + body


def batch(records=None, count=None, last=None, attributes=0, magic=2, base=0, length=None,
          first=NOW, most=NOW, producer=-1, epoch=-1, sequence=-1, crc=None):
    if records is None:
        records = record()
    count = 1 if count is None else count
    last = count - 1 if last is None else last
    checked = i16(attributes) + i32(last) + i64(first) + i64(most) + i64(producer)
    checked += i16(epoch) + i32(sequence) + i32(count) + records
    value = crc32c(checked) if crc is None else crc
    rest = i32(0) + bytes([magic]) + struct.pack(">I", value) + checked
    return i64(base) + i32(len(rest) if length is None else length) + rest


def produce(records, topic=b"TOPIC", version=7, transaction=b"\xff\xff", acks=-1, partition=0,
            length=None):
    size = i32(len(records) if length is None else length)
    return request(0, version, transaction + i16(acks) + i32(5000) + i32(1) + text(topic) + i32(1)
                   + i32(partition) + size + records)


def message(magic, value=b"v"):
    """A message of the formats before batches."""
    import zlib
    body = bytes([magic, 0]) + (i64(NOW) if magic else b"") + NONE + i32(len(value)) + value
    whole = struct.pack(">I", zlib.crc32(body)) + body
    return i64(0) + i32(len(whole)) + whole


HEARTBEAT = text(b"g") + i32(0) + text(b"m")
GZIP = gzip.compress(record(), mtime=0)
FETCH = NONE + i32(100) + i32(1) + i32(1 << 20) + b"\x00"


def fetch(topics, version=4): return request(1, version, FETCH + topics)


def fetched(partition, offset=0, limit=1 << 20): return i32(partition) + i64(offset) + i32(limit)


# MARK: Framing and headers

case("framing", "length -2147483648", b"\x80\x00\x00\x00")
case("framing", "one byte of a length", b"\x00")
case("framing", "an SSH client's greeting", b"SSH-2.0-OpenSSH_9.2\r\n")
case("framing", "a SOCKS client's greeting", b"\x05\x01\x00" + b"\x00" * 9)
case("framing", "garbage behind a whole request",
     request(12, 0, HEARTBEAT) + b"\xde\xad\xbe\xef" * 8)
case("framing", "a request in single bytes, then a length of -1",
     *[bytes([byte]) for byte in request(12, 0, HEARTBEAT)], NONE)
case("framing", "a request of no API behind one that is answered",
     request(12, 0, HEARTBEAT) + request(999, 0))
case("header", "a client id longer than the frame", request(18, 0, client=b"\x7f\xff"))
case("header", "a client id of length -2", request(12, 0, HEARTBEAT, client=b"\xff\xfe"))
case("header", "a client id of length -32768", request(12, 0, HEARTBEAT, client=b"\x80\x00"))
case("header", "a client id of 32767 bytes",
     request(12, 0, HEARTBEAT, client=text(b"x" * 32767)))
case("header", "a client id that is no UTF-8",
     request(12, 0, HEARTBEAT, client=text(b"\xff\xfe\xc0\x80")))
case("header", "20,000,000 tagged fields", request(12, 4, b"\x00" * 40, tags=unsigned(20_000_000)))
case("header", "a count of tagged fields of more than 32 bits",
     request(12, 4, b"\x00" * 40, tags=b"\xff\xff\xff\xff\xff\x7f"))
case("header", "a count of tagged fields that does not end", request(12, 4, tags=b"\xff" * 12))
case("header", "a tagged field longer than the frame",
     request(12, 4, tags=b"\x01\x00" + unsigned(1 << 30)))
case("header", "a tagged field of negative length",
     request(12, 4, tags=b"\x01\x00\xff\xff\xff\xff\x0f"))
case("header", "a tagged field twice",
     request(12, 4, b"\x02g" + i32(0) + b"\x02m\x00\x00", tags=b"\x02\x05\x00\x05\x00"))
case("header", "version 32767", request(3, 32767))
case("header", "API 32767", request(32767, 0))

# MARK: Bodies

case("body", "2147483647 topics in Produce", request(0, 7, b"\xff\xff\xff\xff" + i32(5) + MANY))
case("body", "2147483647 partitions of a topic in Produce",
     request(0, 7, b"\xff\xff\xff\xff" + i32(5) + i32(1) + text(b"TOPIC") + MANY))
case("body", "null topics in Produce", request(0, 7, b"\xff\xff\xff\xff" + i32(5) + NONE))
case("body", "-2 topics in Produce", request(0, 7, b"\xff\xff\xff\xff" + i32(5) + i32(-2)))
case("body", "records of 2147483647 bytes in Produce", produce(b"", length=0x7FFFFFFF))
case("body", "records of length -2 in Produce", produce(b"", length=-2))
case("body", "null records in Produce", produce(b"", length=-1))
case("body", "2147483647 topics in Fetch", fetch(MANY))
case("body", "null topics in Fetch", fetch(NONE))
case("body", "a null topic in Fetch", fetch(i32(1) + b"\xff\xff" + i32(1) + fetched(0)))
case("body", "a topic's name longer than the frame", fetch(i32(1) + b"\x7f\xff" + b"abc"))
case("body", "the same topic twice in Fetch",
     fetch(i32(2) + (text(b"TOPIC") + i32(1) + fetched(0)) * 2))
case("body", "partition -1 in Fetch", fetch(i32(1) + text(b"TOPIC") + i32(1) + fetched(-1)))
case("body", "offset -1 in Fetch", fetch(i32(1) + text(b"TOPIC") + i32(1) + fetched(0, -1)))
case("body", "offset 9223372036854775807 in Fetch",
     fetch(i32(1) + text(b"TOPIC") + i32(1) + fetched(0, 2**63 - 1)))
case("body", "a limit of -1 bytes in Fetch",
     fetch(i32(1) + text(b"TOPIC") + i32(1) + fetched(0, 0, -1)))
case("body", "a topic's id of 3 bytes in Fetch 13",
     request(1, 13, FETCH + i32(0) + NONE + b"\x02abc", tags=b"\x00"))
case("body", "4294967294 topics in a compact array", request(9, 6, b"\x02g\xff\xff\xff\xff\x0f",
                                                             tags=b"\x00"))
case("body", "a compact count of more than 32 bits",
     request(9, 6, b"\x02g\xff\xff\xff\xff\xff\x01", tags=b"\x00"))
case("body", "a group of a compact length beyond the frame",
     request(12, 4, b"\xff\xff\xff\xff\x07g", tags=b"\x00"))
case("body", "a null group in Heartbeat", request(12, 1, b"\xff\xff" + i32(0) + text(b"m")))
case("body", "an empty group in Heartbeat", request(12, 1, text(b"") + i32(0) + text(b"m")))
case("body", "an empty group in JoinGroup",
     request(11, 2, text(b"") + i32(10000) * 2 + text(b"") + text(b"consumer") + i32(1)
             + text(b"range") + i32(0)))
case("body", "a session of -1 ms in JoinGroup",
     request(11, 2, text(b"g") + NONE * 2 + text(b"") + text(b"consumer") + i32(1)
             + text(b"range") + i32(0)))
case("body", "no protocols in JoinGroup",
     request(11, 2, text(b"g1") + i32(10000) * 2 + text(b"") + text(b"consumer") + i32(0)))
case("body", "metadata of -5 bytes in JoinGroup",
     request(11, 2, text(b"g") + i32(10000) * 2 + text(b"") + text(b"consumer") + i32(1)
             + text(b"range") + i32(-5)))
case("body", "isolation level 7 in Fetch", request(1, 4, FETCH[:-1] + b"\x07" + i32(0)))
case("body", "acks 5 in Produce", produce(batch(), acks=5))
case("body", "partition -1 in Produce", produce(batch(), partition=-1))
case("body", "partition 2147483647 in Produce", produce(batch(), partition=2**31 - 1))
case("body", "partition -1 in ListOffsets",
     request(2, 1, NONE + i32(1) + text(b"TOPIC") + i32(1) + NONE + i64(-1)))
case("body", "time -99 in ListOffsets",
     request(2, 1, NONE + i32(1) + text(b"TOPIC") + i32(1) + i32(0) + i64(-99)))
case("body", "a topic named .. in DeleteTopics", request(20, 1, i32(1) + text(b"..") + i32(5000)))
case("body", "offset -2 in OffsetCommit",
     request(8, 2, text(b"g2") + NONE + text(b"") + i64(-1) + i32(1) + text(b"TOPIC") + i32(1)
             + i32(0) + i64(-2) + text(b"")))
case("body", "offset -7 in DeleteRecords",
     request(21, 0, i32(1) + text(b"TOPIC") + i32(1) + i32(0) + i64(-7) + i32(5000)))
case("body", "a body that is missing", request(11, 2))

# MARK: Batches

case("batch", "a wrong CRC", produce(batch(crc=1)))
case("batch", "magic 0 in a batch", produce(batch(magic=0)))
case("batch", "magic 3", produce(batch(magic=3)))
case("batch", "magic 127", produce(batch(magic=127)))
case("batch", "a message of format 0", produce(message(0)))
case("batch", "a message of format 1", produce(message(1)))
case("batch", "a length of -1", produce(batch(length=-1)))
case("batch", "a length of 2147483647", produce(batch(length=2**31 - 1)))
case("batch", "a length below its header", produce(batch(length=20)))
case("batch", "a length of 0", produce(batch(length=0)))
case("batch", "cut behind its length", produce(batch()[:12]))
case("batch", "cut in its header", produce(batch()[:40]))
case("batch", "cut in its records", produce(batch()[:-2]))
case("batch", "no records and no batch", produce(b""))
case("batch", "two batches for a partition", produce(batch() + batch()))
case("batch", "garbage behind a batch", produce(batch() + b"\x01\x02\x03"))
case("batch", "base offset 5", produce(batch(base=5)))
case("batch", "base offset 9223372036854775807", produce(batch(base=2**63 - 1)))
case("batch", "a last offset delta of -1", produce(batch(last=-1)))
case("batch", "a last offset delta of 2147483647", produce(batch(last=2**31 - 1)))
case("batch", "a count of 0", produce(batch(count=0, records=b"")))
case("batch", "a count of 0, and a record", produce(batch(count=0, last=0)))
case("batch", "a count of -1", produce(batch(count=-1, last=0)))
case("batch", "a count of 2147483647", produce(batch(count=2**31 - 1)))
case("batch", "a count one above the records", produce(batch(count=2)))
case("batch", "a count one below the records",
     produce(batch(record() + record(delta=1), count=1)))
case("batch", "a control batch", produce(batch(record(key=b"\x00\x00\x00\x01",
                                                      value=b"\x00\x00\x00\x00\x00\x00"),
                                               attributes=0x20)))
case("batch", "a transactional control batch",
     produce(batch(record(key=b"\x00\x00\x00\x01", value=b"\x00" * 6), attributes=0x30, producer=5,
                   epoch=0)))
case("batch", "timestamps of 9223372036854775807", produce(batch(first=2**63 - 1, most=2**63 - 1)))
case("batch", "timestamps of -9223372036854775808", produce(batch(first=-2**63, most=-2**63)))
case("batch", "a timestamp delta beyond 64 bits",
     produce(batch(record(time=2**62), first=2**63 - 1, most=2**63 - 1)))
case("batch", "a maximum below the timestamps", produce(batch(most=0)))
case("batch", "all attributes that mean nothing", produce(batch(attributes=0x7F80)))
case("batch", "offset deltas that leave gaps", produce(batch(record() + record(delta=9), count=2)))
case("batch", "offset deltas that go back",
     produce(batch(record(delta=1) + record(delta=0), count=2)))
case("batch", "an offset delta of -1", produce(batch(record(delta=-1))))
case("batch", "a record of length -1", produce(batch(record(length=-1))))
case("batch", "a record of length 0", produce(batch(record(length=0))))
case("batch", "a record longer than the batch", produce(batch(record(length=1 << 30))))
case("batch", "a record's length of more than 32 bits", produce(batch(b"\xff" * 9 + b"\x01")))
case("batch", "a key of length -5",
     produce(batch(signed(7) + b"\x00\x00\x00" + signed(-5) + b"\x00\x00\x00")))
case("batch", "a value longer than its record",
     produce(batch(signed(7) + b"\x00\x00\x00\x01" + signed(60) + b"\x00\x00")))
case("batch", "2147483647 headers", produce(batch(record(headers=signed(2**31 - 1)))))
case("batch", "-1 headers", produce(batch(record(headers=signed(-1)))))
case("batch", "a header without a key", produce(batch(record(headers=signed(1) + signed(-1) * 2))))
case("batch", "a header's value longer than the batch",
     produce(batch(record(headers=signed(1) + signed(1) + b"h" + signed(1 << 20)))))
case("batch", "bytes behind a record's headers", produce(batch(record(headers=b"\x00\x00\x00"))))
case("batch", "an idempotent batch without a sequence", produce(batch(producer=5, epoch=0)))
case("batch", "a sequence of 2147483647 of somebody unknown",
     produce(batch(producer=5, epoch=0, sequence=2**31 - 1)))
case("batch", "a producer's epoch of -1", produce(batch(producer=5, epoch=-1, sequence=0)))

# MARK: Compression

for name, number in [("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)]:
    case("compression", f"{name}: garbage",
         produce(batch(b"\xde\xad\xbe\xef" * 4, attributes=number)))
    case("compression", f"{name}: nothing", produce(batch(b"", attributes=number)))
case("compression", "gzip: cut in the middle", produce(batch(GZIP[:-12], attributes=1)))
case("compression", "gzip: a wrong checksum",
     produce(batch(GZIP[:-8] + b"\x00" * 8, attributes=1)))
case("compression", "gzip: bytes behind the stream", produce(batch(GZIP + b"\x01" * 9,
                                                                   attributes=1)))
case("compression", "gzip: fewer records than counted",
     produce(batch(GZIP, count=2, attributes=1)))
case("compression", "snappy: 4294967295 bytes announced",
     produce(batch(b"\xff\xff\xff\xff\x0f\x00", attributes=2)))
case("compression", "snappy: a block of 2147483647 bytes announced",
     produce(batch(b"\x82SNAPPY\x00" + i32(1) + i32(1) + MANY + b"\x00", attributes=2)))
case("compression", "lz4: a block of 2147483647 bytes announced",
     produce(batch(b"\x04\x22\x4d\x18\x60\x40\x82" + b"\xff\xff\xff\x7f", attributes=3)))
case("compression", "zstd: 2^62 bytes announced",
     produce(batch(b"\x28\xb5\x2f\xfd\xe0" + b"\x00" * 7 + b"\x40\x01\x00\x00", attributes=4)))
case("compression", "codec 7", produce(batch(attributes=7)))
case("compression", "zstd before version 7", produce(batch(attributes=4), version=6))

# MARK: Transactions

case("transactions", "a transactional batch without a transaction",
     produce(batch(attributes=0x10, producer=5, epoch=0, sequence=0)))
case("transactions", "a transactional batch of an unknown transaction",
     produce(batch(attributes=0x10, producer=5, epoch=0, sequence=0),
             transaction=text(b"nobody")))
case("transactions", "a timeout of 0 in InitProducerId", request(22, 0, text(b"t") + i32(0)))
case("transactions", "a timeout of -1 in InitProducerId", request(22, 0, text(b"t") + NONE))
case("transactions", "a timeout of 2147483647 in InitProducerId", request(22, 0, text(b"t") + MANY))
case("transactions", "an empty transactional id in InitProducerId",
     request(22, 0, text(b"") + i32(1000)))
case("transactions", "a producer id without an epoch in InitProducerId",
     request(22, 3, compact(b"t") + i32(1000) + i64(5) + i16(-1) + b"\x00", tags=b"\x00"))
case("transactions", "EndTxn of an unknown transaction",
     request(26, 0, text(b"nobody") + i64(5) + i16(0) + b"\x01"))
case("transactions", "AddPartitionsToTxn of an unknown transaction",
     request(24, 0, text(b"nobody") + i64(5) + i16(0) + i32(1) + text(b"TOPIC") + i32(1) + i32(0)))
case("transactions", "2147483647 topics in AddPartitionsToTxn",
     request(24, 0, text(b"nobody") + i64(5) + i16(0) + MANY))
case("transactions", "TxnOffsetCommit of an unknown transaction",
     request(28, 0, text(b"nobody") + text(b"g3") + i64(5) + i16(0) + i32(1) + text(b"TOPIC")
             + i32(1) + i32(0) + i64(1) + text(b"")))
case("transactions", "AddOffsetsToTxn with an empty group",
     request(25, 0, text(b"nobody") + i64(5) + i16(0) + text(b"")))


# MARK: Asking

def connection():
    found = socket.create_connection((HOST, int(PORT)))
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def exactly(peer, count):
    data = b""
    while len(data) < count:
        more = peer.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def make(topic):
    with connection() as peer:
        peer.sendall(request(19, 2, i32(1) + text(topic) + i32(1) + i16(1) + i32(0) + i32(0)
                             + i32(30000) + b"\x00"))
        exactly(peer, struct.unpack(">i", exactly(peer, 4))[0])
    # Nobody leads it for a moment.
    body = NONE + i32(1) + text(topic) + i32(1) + i32(0) + i64(-1)
    while code(2, 1, body, 4 + 4 + 2 + len(topic) + 4 + 4) != 0:
        time.sleep(0.05)


def answers(peer, sends):
    """The frames that came, and whether the connection was closed."""
    frames = []
    try:
        for data in sends:
            peer.sendall(data)
        peer.settimeout(2.0)
        while True:
            frames.append(exactly(peer, struct.unpack(">i", exactly(peer, 4))[0]).hex())
            peer.settimeout(0.4)
    except TimeoutError:
        return frames, False
    except (EOFError, ConnectionError):
        return frames, True


def code(key, version, body, where):
    """The error code of an answer."""
    with connection() as peer:
        peer.sendall(request(key, version, body))
        frame = exactly(peer, struct.unpack(">i", exactly(peer, 4))[0])
        return struct.unpack(">h", frame[where:where + 2])[0]


# A new broker's coordinators are loaded first.
WARM = [(10, 0, text(b"g"), 4), (12, 0, HEARTBEAT, 4), (10, 1, text(b"nobody") + b"\x01", 8),
        (22, 0, text(b"warm") + i32(1000), 8),
        (26, 0, text(b"nobody") + i64(5) + i16(0) + b"\x01", 8)]
for key, version, body, where in WARM:
    while code(key, version, body, where) in (14, 15, 16):
        time.sleep(0.5)

for number, (kind, what, sends) in enumerate(CASES):
    topic = b"m%04d" % number
    sends = [data.replace(b"TOPIC", topic) for data in sends]
    make(topic)
    with connection() as peer:
        frames, closed = answers(peer, sends)
    line = {"kind": kind, "what": what, "topic": topic.decode(),
            "send": b"".join(sends).hex(), "answers": frames, "closed": closed}
    print(json.dumps(line), flush=True)

#!/usr/bin/env python3
"""Seeds of the fuzz targets, from the fixtures of the tests: seeds.py FOLDER"""
import hashlib
import json
import pathlib
import sys

FOLDER = pathlib.Path(sys.argv[1])
TESTS = pathlib.Path(__file__).resolve().parent.parent


def lines(path):
    return [json.loads(line) for line in (TESTS / path).read_text().splitlines()]


def write(name, data):
    folder = FOLDER / name / "seeds"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


for line in lines("BrokerServerTests/Fixtures/malformed.jsonl"):
    data = bytes.fromhex(line["send"])
    if len(data) < 4096:
        write("frames", b"\x7f" + data)
        write("frames", b"\x03" + data)
    at = data.find(b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
    if line["kind"] in ("batch", "compression") and at > 0:
        write("batches", b"\x00" + data[data.find(line["topic"].encode()) + 17:])
for name in ("batches.jsonl", "batches-corrupt.jsonl"):
    for line in lines("LogModelTests/Fixtures/" + name):
        if "hex" in line and len(line["hex"]) < 8192:
            write("batches", b"\x80" + bytes.fromhex(line["hex"]))
# Any API may come by these: the number is one of a list, as the version is.
for line in lines("KafkaWireTests/Fixtures/messages.jsonl"):
    if line["message"].endswith("Request") and len(line["hex"]) < 2048:
        for number in range(0, 64, 7):
            write("requests", bytes([number, line["version"]]) + bytes.fromhex(line["hex"]))
for number in range(64):
    for kept in (0, 16, 61, 100):
        write("disk", bytes([0, number, 0, kept]) + b"\x00" * 40)

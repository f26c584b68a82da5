import Bytes
import KafkaRecords
import LogModel

/// The entries of one of a segment's files in the words of Kafka's dump tool.
struct SegmentFileDump {
    let bytes: [UInt8]
    let base: Int64

    /// The entries by the file's ending; nil if the bytes make no sense.
    func entries(of file: String) throws -> [JSON]? {
        switch file.split(separator: ".").last {
        case "log": try batches()
        case "index":
            fixed(8) { p in
                [
                    "offset": .integer(base + Int64(p.bigEndian(Int32.self, at: 0))),
                    "position": .integer(Int64(p.bigEndian(Int32.self, at: 4))),
                ]
            }
        case "timeindex":
            fixed(12) { p in
                [
                    "timestamp": .integer(p.bigEndian(Int64.self, at: 0)),
                    "offset": .integer(base + Int64(p.bigEndian(Int32.self, at: 8))),
                ]
            }
        case "txnindex":
            fixed(34) { p in
                [
                    "version": .integer(Int64(p.bigEndian(Int16.self, at: 0))),
                    "producerId": .integer(p.bigEndian(Int64.self, at: 2)),
                    "firstOffset": .integer(p.bigEndian(Int64.self, at: 10)),
                    "lastOffset": .integer(p.bigEndian(Int64.self, at: 18)),
                    "lastStableOffset": .integer(p.bigEndian(Int64.self, at: 26)),
                ]
            }
        case "snapshot": try producers()
        default: nil
        }
    }

    /// The first entry in which ours and Kafka's differ, by the members that both have.
    static func difference(_ actual: [JSON], _ expected: [JSON]) throws -> String? {
        let ours = ordered(actual)
        let theirs = ordered(expected)
        for (index, entry) in ours.enumerated() {
            guard index < theirs.count, case .object(let members) = entry else {
                return "an entry too much: \(entry)"
            }
            for (name, value) in members where theirs[index][name] ?? .null != value {
                return "entry \(index): \(name) \(value), not \(theirs[index][name] ?? .null)"
            }
        }
        return ours.count == theirs.count ? nil : "\(ours.count) entries, not \(theirs.count)"
    }

    /// A snapshot's order is a hash table's.
    private static func ordered(_ entries: [JSON]) -> [JSON] {
        guard entries.first?["coordinatorEpoch"] != nil else { return entries }
        func id(_ entry: JSON) -> Int64 {
            guard case .integer(let id)? = entry["producerId"] else { return -1 }
            return id
        }
        return entries.sorted { id($0) < id($1) }
    }

    private func fixed(
        _ byteCount: Int,
        _ entry: (UnsafeRawPointer) -> [String: JSON]
    ) -> [JSON]? {
        guard bytes.count % byteCount == 0 else { return nil }
        return bytes.withUnsafeBytes { raw in
            stride(from: 0, to: raw.count, by: byteCount).compactMap { start in
                raw.baseAddress.map { .object(entry($0 + start)) }
            }
        }
    }

    private func batches() throws -> [JSON] {
        try bytes.withUnsafeBytes { raw in
            var batches: [JSON] = []
            var sequence = RecordBatchSequence(raw)
            var position: Int64 = 0
            while let batch = try sequence.next() {
                batches.append(
                    .object([
                        "baseOffset": .integer(batch.baseOffset.rawValue),
                        "lastOffset": .integer(batch.lastOffset.rawValue),
                        "count": .integer(Int64(batch.recordCount)),
                        "producerId": .integer(batch.producerID.rawValue),
                        "producerEpoch": .integer(Int64(batch.producerEpoch.rawValue)),
                        "baseSequence": .integer(Int64(batch.baseSequence.rawValue)),
                        "partitionLeaderEpoch": .integer(Int64(batch.leaderEpoch.rawValue)),
                        "isTransactional": .boolean(batch.attributes.isTransactional),
                        "isControl": .boolean(batch.attributes.isControl),
                        "deleteHorizonMs": batch.deleteHorizon.map { .integer($0.rawValue) }
                            ?? .null,
                        "position": .integer(position),
                        "size": .integer(Int64(batch.byteCount)),
                        "crc": .integer(Int64(batch.storedChecksum)),
                        "compresscodec": .string("\(try batch.codec())"),
                    ])
                )
                position += Int64(batch.byteCount)
            }
            return batches
        }
    }

    private func producers() throws -> [JSON]? {
        try bytes.withUnsafeBytes { raw in
            guard raw.count >= 10, let p = raw.baseAddress, p.bigEndian(Int16.self, at: 0) == 1,
                crc32c(UnsafeRawBufferPointer(rebasing: raw[6...]))
                    == p.bigEndian(UInt32.self, at: 2)
            else { return nil }
            var reader = ByteReader(UnsafeRawBufferPointer(rebasing: raw[2...]))
            let snapshot = try ProducerSnapshot(reading: &reader, version: 1)
            return snapshot.producerEntries.map { entry in
                var members: [String: JSON] = [
                    "producerId": .integer(entry.producerID),
                    "producerEpoch": .integer(Int64(entry.epoch)),
                    "coordinatorEpoch": .integer(Int64(entry.coordinatorEpoch)),
                    "currentTxnFirstOffset": entry.currentTxnFirstOffset < 0
                        ? .null : .integer(entry.currentTxnFirstOffset),
                    "lastTimestamp": .integer(entry.timestamp),
                ]
                if entry.lastOffset >= 0, entry.lastSequence >= 0 {
                    members["lastSequence"] = .integer(Int64(entry.lastSequence))
                    members["lastOffset"] = .integer(entry.lastOffset)
                    members["offsetDelta"] = .integer(Int64(entry.offsetDelta))
                }
                return .object(members)
            }
        }
    }
}

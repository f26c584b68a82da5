import KafkaDirectory
import LogModel
import LogStorage

/// The batches and aborted transactions of a partition in the words of Kafka's dump tool.
struct SegmentFileDump {
    let partition: KafkaPartition
    let survey: PartitionSurvey

    /// The batches by the name of their file.
    func batches() throws -> [String: [JSON]] {
        var files: [String: [JSON]] = [:]
        for segment in partition.segments { files[Self.name(of: segment.path)] = [] }
        var reader = PartitionReader(partition, disk: PosixDisk())
        while let entry = try reader.next() {
            guard case .batch(let batch) = entry, let place = reader.place else { continue }
            files[Self.name(of: place.path), default: []].append(
                try Self.json(batch, at: place.position)
            )
        }
        return files
    }

    /// The aborted transactions in the order in which they ended.
    func abortedTransactions() -> [JSON] {
        let all = survey.aborted.flatMap { id, ranges in ranges.map { (id, $0) } }
        return all.sorted { $0.1.upperBound < $1.1.upperBound }.map { id, range in
            .object([
                "producerId": .integer(id.rawValue),
                "firstOffset": .integer(range.lowerBound.rawValue),
                "lastOffset": .integer(range.upperBound.rawValue),
            ])
        }
    }

    /// The first entry in which ours and Kafka's differ, by the members that both have.
    static func difference(_ actual: [JSON], _ expected: [JSON]) throws -> String? {
        for (index, entry) in actual.enumerated() {
            guard index < expected.count, case .object(let members) = entry else {
                return "an entry too much: \(entry)"
            }
            for (name, value) in members where expected[index][name] ?? .null != value {
                return "entry \(index): \(name) \(value), not \(expected[index][name] ?? .null)"
            }
        }
        return actual.count == expected.count
            ? nil : "\(actual.count) entries, not \(expected.count)"
    }

    /// Folder and file, as the dump is named.
    private static func name(of path: String) -> String {
        path.split(separator: "/").suffix(2).joined(separator: "/")
    }

    private static func json(_ batch: RecordBatchView, at position: Int64) throws -> JSON {
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
            "deleteHorizonMs": batch.deleteHorizon.map { .integer($0.rawValue) } ?? .null,
            "position": .integer(position),
            "size": .integer(Int64(batch.byteCount)),
            "crc": .integer(Int64(batch.storedChecksum)),
            "compresscodec": .string("\(try batch.codec())"),
        ])
    }
}

import Bytes
import KafkaDirectory
import LogModel
import LogStorage

/// Reads every record of a partition as a consumer does: control batches are left out, and with
/// read_committed the records of aborted transactions and those that are not stable.
struct SegmentReader {
    let partition: KafkaPartition
    let survey: PartitionSurvey
    let isolation: IsolationLevel

    /// Values above this size are compared by size and checksum.
    private static let largeValueByteCount = 100_000

    func records() throws -> [JSON] {
        var records: [JSON] = []
        var decompressor = RecordDecompressor()
        var reader = PartitionReader(partition, disk: PosixDisk())
        while let entry = try reader.next(), entry.firstOffset < survey.logEnd {
            guard shows(entry) else { continue }
            try entry.forEachRecord(&decompressor) { record in
                if record.offset >= survey.logStart { records.append(Self.json(record)) }
            }
        }
        return records
    }

    /// Offset and time of every record, markers included: what Kafka's lookups by time go by.
    static func times(
        of partition: KafkaPartition,
        _ survey: PartitionSurvey
    ) throws -> [(offset: Int64, timestamp: Int64)] {
        var times: [(offset: Int64, timestamp: Int64)] = []
        var decompressor = RecordDecompressor()
        var reader = PartitionReader(partition, disk: PosixDisk())
        while let entry = try reader.next(), entry.firstOffset < survey.logEnd {
            try entry.forEachRecord(&decompressor) { record in
                guard record.offset >= survey.logStart else { return }
                times.append((record.offset.rawValue, record.timestamp.rawValue))
            }
        }
        return times
    }

    private func shows(_ entry: StoredEntry) -> Bool {
        switch isolation {
        case .readUncommitted: !entry.isControl
        case .readCommitted: survey.verdict(of: entry) == .visible
        }
    }

    private static func json(_ record: StoredRecord) -> JSON {
        var members: [String: JSON] = [
            "offset": .integer(record.offset.rawValue),
            "ts": .integer(record.timestamp.rawValue),
            "key": JSON.base64(record.key),
            "headers": .array(headers(of: record)),
        ]
        if let value = record.value, value.count > largeValueByteCount {
            members["value_size"] = .integer(Int64(value.count))
            members["value_crc32c"] = .integer(Int64(crc32c(value)))
        } else {
            members["value"] = JSON.base64(record.value)
        }
        return .object(members)
    }

    private static func headers(of record: StoredRecord) -> [JSON] {
        guard let block = record.headers else { return [] }
        var headers: [JSON] = []
        var iterator = RecordHeaderIterator(block)
        while let header = iterator.next() {
            headers.append(.array([JSON.string(header.key), JSON.base64(header.value)]))
        }
        return headers
    }
}

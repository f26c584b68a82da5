import Bytes
import LogModel

/// A record whose value begins with its number in its partition, so that a reader can tell whether
/// each is there exactly once.
struct NumberedRecord {
    private var value: [UInt8]

    init(byteCount: Int) {
        value = [UInt8](repeating: UInt8(ascii: "."), count: max(byteCount, 8))
    }

    mutating func append(
        number: Int64,
        at time: Timestamp,
        to batch: inout RecordBatchBuilder
    ) {
        value.withUnsafeMutableBytes { $0.storeBytes(of: number.bigEndian, as: Int64.self) }
        value.withUnsafeBytes { batch.append(timestamp: time, key: nil, value: $0) }
    }

    static func number(of record: RecordView) throws -> Int64 {
        guard let value = record.value, value.count >= 8, let base = value.baseAddress else {
            throw BenchmarkError("a record came out that was never written")
        }
        return base.bigEndian(at: 0)
    }
}

extension BenchmarkRig {
    /// Checks that committed readers see the records 0, 1, 2, … of each partition, each once and
    /// in order. Returns how many there are in all.
    func countNumberedRecords(of topic: String, partitionCount: Int32) throws -> [Int64] {
        var next = [Int64](repeating: 0, count: Int(partitionCount))
        try forEachRecord(of: topic, partitionCount: partitionCount) { partition, record in
            let number = try NumberedRecord.number(of: record)
            guard number == next[Int(partition.rawValue)] else {
                throw BenchmarkError(
                    "partition \(partition.rawValue): record \(number) came out where "
                        + "\(next[Int(partition.rawValue)]) must"
                )
            }
            next[Int(partition.rawValue)] += 1
        }
        return next
    }
}

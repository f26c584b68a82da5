import Bytes
import LogModel
import LogStorage

/// Reads every record of a log as a consumer does: control batches are left out, and with
/// read_committed the batches of aborted transactions.
struct SegmentReader {
    let log: PartitionLog
    let isolation: IsolationLevel

    /// Values above this size are compared by size and checksum.
    private static let largeValueByteCount = 100_000

    func records() throws -> [JSON] {
        var records: [JSON] = []
        var decompressor = RecordDecompressor()
        var next = log.bounds.logStart
        var aborted: [ProducerID: [Offset]] = [:]
        var open: Set<ProducerID> = []
        var buffer = [UInt8](repeating: 0, count: 4 << 20)
        while true {
            let answer = try buffer.withUnsafeMutableBytes {
                try log.read(from: next, maxByteCount: 64 << 10, isolation: isolation, into: $0)
            }
            guard answer.byteCount > 0 else { return records }
            for transaction in answer.abortedTransactions {
                if !(aborted[transaction.producerID]?.contains(transaction.firstOffset) ?? false) {
                    aborted[transaction.producerID, default: []].append(transaction.firstOffset)
                }
            }
            try buffer[..<answer.byteCount].withUnsafeBytes { bytes in
                var batches = RecordBatchSequence(bytes)
                while let batch = try batches.next() {
                    let id = batch.producerID
                    let last = batch.lastOffset
                    if let firsts = aborted[id], firsts.contains(where: { $0 <= last }) {
                        aborted[id] = firsts.filter { $0 > last }
                        open.insert(id)
                    }
                    if batch.attributes.isControl {
                        open.remove(id)
                    } else if !(batch.attributes.isTransactional && open.contains(id)) {
                        try append(batch, from: next, &decompressor, to: &records)
                    }
                    next = max(next, batch.nextOffset)
                }
            }
        }
    }

    private func append(
        _ batch: RecordBatchView,
        from start: Offset,
        _ decompressor: inout RecordDecompressor,
        to records: inout [JSON]
    ) throws {
        try batch.verifyChecksum()
        var iterator = try decompressor.records(of: batch, byteLimit: 256 << 20)
        while let record = try iterator.next() {
            let offset = batch.offset(of: record)
            guard offset >= start else { continue }
            var members: [String: JSON] = [
                "offset": .integer(offset.rawValue),
                "ts": .integer(batch.timestamp(of: record).rawValue),
                "key": JSON.base64(record.key),
                "headers": .array(headers(of: record)),
            ]
            if let value = record.value, value.count > Self.largeValueByteCount {
                members["value_size"] = .integer(Int64(value.count))
                members["value_crc32c"] = .integer(Int64(crc32c(value)))
            } else {
                members["value"] = JSON.base64(record.value)
            }
            records.append(.object(members))
        }
    }

    private func headers(of record: RecordView) -> [JSON] {
        var headers: [JSON] = []
        var iterator = RecordHeaderIterator(record.headers)
        while let header = iterator.next() {
            headers.append(.array([JSON.string(header.key), JSON.base64(header.value)]))
        }
        return headers
    }
}

import JobRunner
import KafkaClient
import LogClient
import LogModel
import StreamsRuntime
import Terminal

/// How far a group is behind in one partition.
struct PartitionLag {
    let partition: TopicPartition
    /// The next offset that it reads.
    let position: Offset
    /// The high watermark.
    let end: Offset
    /// How long ago the first record that it has not read was made; nil where there is none, or it
    /// cannot be read.
    var age: Duration?

    var records: Int64 { max(position.distance(to: end), 0) }
}

extension ServedLog {
    /// The state of groups in every partition that they have a position in.
    func lag(ofGroup group: String, withAges: Bool) throws(CommandFailure) -> [PartitionLag] {
        let what = "the positions of the group '\(group)' are not told"
        let positions = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.committedOffsets(group: group, partitions: nil, isStable: false)
        }
        let names = positions.keys.sorted()
        let ends = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.offsets(.latest, of: names, isolation: .readUncommitted)
        }
        var lags: [PartitionLag] = []
        for name in names {
            // Of a topic that was deleted, the position is left.
            guard let position = positions[name], case .success(let end?) = ends[name] else {
                continue
            }
            var lag = PartitionLag(partition: name, position: position, end: end)
            if withAges, lag.records > 0 { lag.age = try age(of: name, at: position) }
            lags.append(lag)
        }
        return lags
    }

    /// How old the first record from `position` on is.
    private func age(
        of partition: TopicPartition,
        at position: Offset
    ) throws(CommandFailure) -> Duration? {
        let answers = try asking("\(partition) is not read") { cluster throws(KafkaClientError) in
            try cluster.fetch(
                [partition: position],
                isolation: .readUncommitted,
                byteLimit: 1,
                wait: .zero
            )
        }
        guard let answer = answers[partition], answer.code == .none,
            let time = Self.firstTime(in: answer.records, from: position)
        else { return nil }
        let now = SystemTimeSource().wallTime()
        let (milliseconds, overflows) = now.rawValue.subtractingReportingOverflow(time.rawValue)
        return overflows ? nil : .milliseconds(max(milliseconds, 0))
    }

    /// The time of the first record at or behind an offset; a marker is none.
    private static func firstTime(in bytes: [UInt8], from position: Offset) -> Timestamp? {
        bytes.withUnsafeBytes { bytes in
            var decompressor = RecordDecompressor()
            var batches = RecordBatchSequence(bytes)
            while let batch = try? batches.next() {
                guard !batch.attributes.isControl, batch.nextOffset > position else { continue }
                guard (try? batch.verifyChecksum()) != nil,
                    var records = try? decompressor.records(
                        of: batch,
                        byteLimit: BatchLimit.recordByteCount
                    )
                else { return nil }
                while let record = try? records.next() {
                    if batch.offset(of: record) >= position { return batch.timestamp(of: record) }
                }
            }
            return nil
        }
    }
}

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
            if withAges, lag.records > 0 {
                lag.age = try age(of: name, at: position, before: end)
            }
            lags.append(lag)
        }
        return lags
    }

    /// How old the first record from `position` on is; nil where there are markers alone.
    private func age(
        of partition: TopicPartition,
        at position: Offset,
        before end: Offset
    ) throws(CommandFailure) -> Duration? {
        let what = "how far \(partition) is behind is not told"
        var next = position
        while next < end {
            let answers = try asking(what) { cluster throws(KafkaClientError) in
                try cluster.fetch(
                    [partition: next],
                    isolation: .readUncommitted,
                    byteLimit: 1,
                    wait: .zero
                )
            }
            guard let answer = answers[partition] else { return nil }
            if answer.code == .offsetOutOfRange {
                // Retention has overtaken the group: what it reads next is the first that is left.
                let starts = try asking(what) { cluster throws(KafkaClientError) in
                    try cluster.offsets(.earliest, of: [partition], isolation: .readUncommitted)
                }
                guard case .success(let start?) = starts[partition], start > next else {
                    return nil
                }
                next = start
                continue
            }
            guard answer.code == .none else {
                throw CommandFailure(what, reason: "the server answers \(answer.code.kafkaName)")
            }
            let (time, behind) = Self.firstTime(in: answer.records, from: next)
            if let time {
                let now = SystemTimeSource().wallTime()
                let (milliseconds, overflows) = now.rawValue
                    .subtractingReportingOverflow(time.rawValue)
                return overflows ? nil : .milliseconds(max(milliseconds, 0))
            }
            guard behind > next else { return nil }
            next = behind
        }
        return nil
    }

    /// The time of the first record at or behind an offset, a marker being none, and where what was
    /// looked at ends.
    private static func firstTime(
        in bytes: [UInt8],
        from position: Offset
    ) -> (time: Timestamp?, end: Offset) {
        bytes.withUnsafeBytes { bytes in
            var decompressor = RecordDecompressor()
            var batches = RecordBatchSequence(bytes)
            var end = position
            while let batch = try? batches.next() {
                end = max(end, batch.nextOffset)
                guard !batch.attributes.isControl, batch.nextOffset > position else { continue }
                guard (try? batch.verifyChecksum()) != nil,
                    var records = try? decompressor.records(
                        of: batch,
                        byteLimit: BatchLimit.recordByteCount
                    )
                else { return (nil, position) }
                while let record = try? records.next() {
                    if batch.offset(of: record) >= position {
                        return (batch.timestamp(of: record), end)
                    }
                }
            }
            return (nil, end)
        }
    }
}

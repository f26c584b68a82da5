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
    var end: Offset
    /// How long ago the first record that it has not read was made; nil where there is none.
    var age: Duration?
    /// Why the end, or that record, is not known.
    var trouble: String?

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
            guard let position = positions[name] else { continue }
            var lag = PartitionLag(partition: name, position: position, end: position)
            switch ends[name] {
            // Of a topic that was deleted, the position is left.
            case nil, .success(nil): continue
            case .failure(let error) where error.code == .unknownTopicOrPartition: continue
            case .failure(let error): lag.trouble = "\(error)"
            case .success(let end?):
                lag.end = end
                guard withAges, lag.records > 0 else { break }
                switch try age(of: name, at: position, before: end) {
                case .success(let age): lag.age = age
                case .failure(let trouble): lag.trouble = trouble.text
                }
            }
            lags.append(lag)
        }
        return lags
    }

    /// Fails where something of `lags` is not known, once the rest is told.
    func requireKnown(_ lags: [PartitionLag], of group: String) throws(CommandFailure) {
        guard let lag = lags.first(where: { $0.trouble != nil }), let trouble = lag.trouble else {
            return
        }
        let count = lags.count { $0.trouble != nil } - 1
        let others = count == 0 ? "" : count == 1 ? ", and 1 other" : ", and \(count) others"
        throw CommandFailure(
            "how far the group '\(group)' is behind in \(lag.partition)\(others) is not known",
            reason: trouble,
            next: place.directory.map { directory in
                nextCommand("log verify \(shellWord(lag.partition.topic))", data: directory)
            }
        )
    }

    /// Why a record is not known.
    private struct Trouble: Error {
        let text: String
    }

    /// How old the first record from `position` on is; nil where there are markers alone.
    private func age(
        of partition: TopicPartition,
        at position: Offset,
        before end: Offset
    ) throws(CommandFailure) -> Result<Duration?, Trouble> {
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
            guard let answer = answers[partition] else { return .success(nil) }
            if answer.code == .offsetOutOfRange {
                // Retention has overtaken the group: what it reads next is the first that is left.
                let starts = try asking(what) { cluster throws(KafkaClientError) in
                    try cluster.offsets(.earliest, of: [partition], isolation: .readUncommitted)
                }
                guard case .success(let start?) = starts[partition], start > next else {
                    return .success(nil)
                }
                next = start
                continue
            }
            guard answer.code == .none else {
                return .failure(Trouble(text: "the server answers \(answer.code.kafkaName)"))
            }
            let (time, behind) = answer.records.withUnsafeBytes {
                FirstRecordTime.find(in: $0, from: next)
            }
            if let time {
                let now = SystemTimeSource().wallTime()
                let (milliseconds, overflows) = now.rawValue
                    .subtractingReportingOverflow(time.rawValue)
                return .success(overflows ? nil : .milliseconds(max(milliseconds, 0)))
            }
            guard behind > next else {
                return .failure(
                    Trouble(text: "the record at offset \(next.rawValue) cannot be read")
                )
            }
            next = behind
        }
        return .success(nil)
    }
}

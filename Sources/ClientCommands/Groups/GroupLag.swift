import DirectoryAccess
import KafkaClient
import LogClient
package import LogModel
import StreamsRuntime
package import Terminal

/// How far a group is behind in one partition.
package struct PartitionLag {
    package let partition: TopicPartition
    /// The next offset that it reads; nil where it has no position.
    let position: Offset?
    /// What the records count from: the position, or the log's begin where there is none.
    var start: Offset
    /// The high watermark.
    var end: Offset
    /// How long ago the first committed record that it has not read was made; nil where there is
    /// none, or where it does not say that.
    package var age: Duration?
    /// Whether that record does not say when it was made.
    var isAgeUntold = false
    /// Why the end is not known.
    var trouble: String?
    /// Why that record is not known.
    var ageTrouble: String?

    package var records: Int64 { max(start.distance(to: end), 0) }

    /// Whether the end was lost, or the position set by hand: what is written next is passed over.
    var isBehindEnd: Bool { trouble == nil && position.map { $0 > end } ?? false }

    /// Why nobody can say how far the group is behind; nil where it is known.
    package var doubt: String? {
        if let doubt = trouble ?? ageTrouble { return doubt }
        guard isBehindEnd, let position else { return nil }
        return "its position is \(grouped(Int(position.rawValue))), behind the partition's end at "
            + "\(grouped(Int(end.rawValue))): the end was lost, or the position was set by hand; "
            + "what is written up to there is passed over"
    }

    /// Whether nothing says that the group reads it, and there is something to read.
    var isUnread: Bool { position == nil && (age != nil || isAgeUntold) }
}

extension ServedLog {
    /// The state of groups in every partition of the topics that they have a position in, or that
    /// their members are to read.
    package func lags(
        ofGroups groups: [String],
        withAges: Bool
    ) throws(CommandFailure) -> [(group: String, lags: [PartitionLag])] {
        let topics = try asking("the topics are not told") { cluster throws(KafkaClientError) in
            try cluster.topics(named: nil)
        }
        let partitions = Dictionary(topics.map { ($0.name, $0.partitionNames) }) { $1 }
        var found: [(group: String, lags: [PartitionLag])] = []
        for group in groups {
            found.append((group, try lag(ofGroup: group, among: partitions, withAges: withAges)))
        }
        return found
    }

    private func lag(
        ofGroup group: String,
        among partitions: [String: [TopicPartition]],
        withAges: Bool
    ) throws(CommandFailure) -> [PartitionLag] {
        let what = "the positions of the group '\(group)' are not told"
        let (positions, assigned) = try asking(what) {
            cluster throws(KafkaClientError) -> ([TopicPartition: Offset], [TopicPartition]) in
            (
                try cluster.committedOffsets(group: group, partitions: nil, isStable: false),
                try cluster.describe(group: group)?.1.flatMap(\.assigned) ?? []
            )
        }
        let read = Set(positions.keys).union(assigned)
        let names = read.union(Set(read.map(\.topic)).flatMap { partitions[$0] ?? [] }).sorted()
        let (starts, ends) = try asking(what) {
            cluster throws(KafkaClientError) -> (OffsetAnswers, OffsetAnswers) in
            (
                try cluster.offsets(
                    .earliest,
                    of: names.filter { positions[$0] == nil },
                    isolation: .readUncommitted
                ), try cluster.offsets(.latest, of: names, isolation: .readUncommitted)
            )
        }
        var lags: [PartitionLag] = []
        for name in names {
            let position = positions[name]
            let start = position.map { .success($0) } ?? starts[name] as OffsetAnswers.Value?
            guard var lag = PartitionLag(name, position, start, ends[name]) else { continue }
            if withAges, lag.trouble == nil, lag.records > 0 {
                switch try age(of: name, at: lag.start, before: lag.end) {
                case .success(.none): break
                case .success(.untold): lag.isAgeUntold = true
                case .success(.of(let age)): lag.age = age
                // Its topic is gone meanwhile.
                case .failure(let trouble) where trouble.isOfGoneTopic: continue
                case .failure(let trouble): lag.ageTrouble = trouble.text
                }
            }
            lags.append(lag)
        }
        return lags
    }

    private typealias OffsetAnswers = [TopicPartition: Result<Offset?, KafkaClientError>]

    /// Fails where something of `lags` is not known, once the rest is told.
    func requireKnown(_ lags: [PartitionLag], of group: String) throws(CommandFailure) {
        let doubtful = lags.filter { $0.doubt != nil }
        guard let lag = doubtful.first, let doubt = lag.doubt else { return }
        let count = doubtful.count - 1
        let others = count == 0 ? "" : count == 1 ? ", and 1 other" : ", and \(count) others"
        let topic = lag.partition.topic
        throw CommandFailure(
            "how far the group '\(group)' is behind in \(lag.partition)\(others) is not known",
            place: "\(place)",
            reason: doubt,
            next: lag.isBehindEnd
                ? place.next("group reset \(argument: group) --topic=\(shellWord(topic))")
                    + ", which shows what beginning anew would change, and does not change it"
                : verification(of: topic) ?? place.next("topic describe \(argument: topic)")
        )
    }

    /// How old the first record is that was not read.
    private enum FirstAge {
        /// There is no such record.
        case none
        /// It has no time.
        case untold
        case of(Duration)
    }

    /// Why a record is not known.
    private struct Trouble: Error {
        let text: String
        var isOfGoneTopic = false
    }

    /// The owner tells of a damaged batch what it tells of a partition that is offline.
    private static func words(
        _ code: KafkaErrorCode,
        _ offset: Offset,
        _ partition: TopicPartition
    ) -> String {
        switch code {
        case .kafkaStorageError, .corruptMessage, .unknownServerError:
            "the record at offset \(grouped(Int(offset.rawValue))) of \(partition) cannot be read: "
                + "it is damaged, or the partition is offline"
        default: "\(KafkaClientError.refused(code, about: "\(partition)", ""))"
        }
    }

    /// What a fetch brings where the first batch was nothing to readers of committed records.
    private static let ageByteLimit: Int32 = 1 << 20

    /// How old the first record from `position` on is that readers of committed ones see now.
    private func age(
        of partition: TopicPartition,
        at position: Offset,
        before end: Offset
    ) throws(CommandFailure) -> Result<FirstAge, Trouble> {
        let what = "how far \(partition) is behind is not told"
        var next = position
        var byteLimit: Int32 = 1
        while next < end {
            let answers = try asking(what) { cluster throws(KafkaClientError) in
                try cluster.fetch(
                    [partition: next],
                    isolation: .readCommitted,
                    byteLimit: byteLimit,
                    wait: .zero
                )
            }
            guard let answer = answers[partition] else {
                return .failure(Trouble(text: "the answer leaves \(partition) out"))
            }
            if answer.code == .offsetOutOfRange {
                // Retention has overtaken the group: what it reads next is the first that is left.
                let starts = try asking(what) { cluster throws(KafkaClientError) in
                    try cluster.offsets(.earliest, of: [partition], isolation: .readUncommitted)
                }
                guard case .success(let start?) = starts[partition], start > next else {
                    return .success(.none)
                }
                next = start
                continue
            }
            guard answer.code == .none else {
                if answer.code == .unknownTopicID {
                    return .failure(Trouble(text: "its topic is gone", isOfGoneTopic: true))
                }
                return .failure(Trouble(text: Self.words(answer.code, next, partition)))
            }
            let (time, behind) = answer.records.withUnsafeBytes {
                FirstRecordTime.find(
                    in: $0,
                    from: next,
                    hiding: AbortedFilter(answer.abortedTransactions)
                )
            }
            if let time {
                guard time != .none else { return .success(.untold) }
                let now = SystemTimeSource().wallTime()
                let (milliseconds, overflows) = now.rawValue
                    .subtractingReportingOverflow(time.rawValue)
                return .success(overflows ? .untold : .of(.milliseconds(max(milliseconds, 0))))
            }
            guard behind > next else {
                // What is left waits for an open transaction.
                if answer.records.isEmpty, next >= answer.lastStableOffset {
                    return .success(.none)
                }
                return .failure(
                    Trouble(text: "the record at offset \(next.rawValue) cannot be read")
                )
            }
            next = behind
            byteLimit = Self.ageByteLimit
        }
        return .success(.none)
    }
}

extension PartitionLag {
    /// Nil for one of a topic that was deleted: its position is left.
    fileprivate init?(
        _ partition: TopicPartition,
        _ position: Offset?,
        _ start: Result<Offset?, KafkaClientError>?,
        _ end: Result<Offset?, KafkaClientError>?
    ) {
        self.partition = partition
        self.position = position
        self.start = position ?? .zero
        self.end = self.start
        switch (start, end) {
        case (.success(let start?), .success(let end?)):
            self.start = start
            self.end = end
        case (.failure(let error), _), (_, .failure(let error)):
            guard error.code != .unknownTopicOrPartition else { return nil }
            trouble = "\(error)"
        case (nil, _), (.success(nil), _), (_, nil), (_, .success(nil)):
            trouble = "its begin or its end is not told"
        }
    }

    /// Says of which partitions the records count from the log's begin; empty for none.
    static func words(ofMissingPositions lags: [PartitionLag], of group: String) -> String {
        let missing = lags.filter { $0.position == nil }
        guard let first = missing.first else { return "" }
        let others = missing.count - 1
        let more = others == 0 ? "" : " and \(counted(others, "other partition"))"
        return "\(visible(group)) has no position in \(first.partition)\(more): records count from "
            + "the log's begin there\n"
    }
}

import DirectoryAccess
import KafkaClient
import LogClient
import LogModel
import Terminal

/// Records of a log that is served.
extension ServedLog: RecordSource {
    func topicNames() throws(CommandFailure) -> [String] {
        let topics = try asking("the topics are not told") { cluster throws(KafkaClientError) in
            try cluster.topics(named: nil)
        }
        return topics.filter { !$0.isInternal }.map(\.name)
    }

    func partitions(of topic: String) throws(CommandFailure) -> [TopicPartition] {
        try requireTopic(topic).partitionNames
    }

    /// Those of which the log tells the offsets; where it tells none, or is not reached, whoever
    /// reads is told so.
    func readable(_ partitions: [TopicPartition]) -> [TopicPartition] {
        guard let bounds = try? bounds(of: partitions) else { return partitions }
        var lost: [(partition: TopicPartition, failure: CommandFailure)] = []
        for partition in partitions {
            guard case .failure(let error)? = bounds[partition], error.isOfOnePartition else {
                continue
            }
            lost.append((partition, unreadable(partition, error)))
        }
        guard lost.count < partitions.count else { return partitions }
        for (_, failure) in lost {
            TextOutput.error.write(failure.warning("; the other partitions are read") + "\n")
        }
        unreadable = lost
        return partitions.filter { partition in !lost.contains { $0.partition == partition } }
    }

    func bounds(of partition: TopicPartition) throws -> PartitionBounds {
        let answer = try bounds(of: [partition])[partition]
        if case .failure(let error)? = answer, error.isOfOnePartition {
            throw DamageFound(failure: unreadable(partition, error))
        }
        return try told(answer, of: partition)
    }

    /// The same for who has use of no other partition.
    func toldBounds(of partition: TopicPartition) throws(CommandFailure) -> PartitionBounds {
        try told(try bounds(of: [partition])[partition], of: partition)
    }

    private func told(
        _ answer: Result<PartitionBounds, KafkaClientError>?,
        of partition: TopicPartition
    ) throws(CommandFailure) -> PartitionBounds {
        try asking("the offsets of \(partition) are not told") { _ throws(KafkaClientError) in
            try answer?.get()
                ?? PartitionBounds(
                    logStart: .zero,
                    highWatermark: .zero,
                    lastStableOffset: .zero
                )
        }
    }

    func offset(
        at time: Timestamp,
        in partition: TopicPartition,
        isolation: IsolationLevel
    ) throws -> Offset? {
        try refuseUnaskable(time)
        let what = "the offset of that time is not told"
        return try asking(what) { cluster throws(KafkaClientError) in
            try cluster.offset(.time(time), of: partition, isolation: isolation)
        }
    }

    /// A position is noted for a group at the end: that it may not be is said before.
    func requireReadable(group: String) throws(CommandFailure) {
        let what = "the group '\(group)' is not described"
        let found = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.describe(group: group)
        }
        guard let (known, members) = found else { return try refuseOtherKind(group) }
        if !known.mayBeRead { throw place.jobGroup(group) }
        guard members.isEmpty else {
            throw CommandFailure(
                "the group '\(group)' has members, which move its positions",
                place: "\(place)",
                reason: "it is \(known.state), with \(counted(members.count, "member"))",
                next: "--group \(shellWord("\(group)-reader")), or stop them first"
            )
        }
    }

    func committedOffsets(
        group: String,
        partitions: [TopicPartition]
    ) throws -> [TopicPartition: Offset] {
        try asking("the group's positions are not told") { cluster throws(KafkaClientError) in
            try cluster.committedOffsets(group: group, partitions: partitions)
        }
    }

    func commitOffsets(group: String, _ offsets: [TopicPartition: Offset]) throws {
        try asking("the group's positions are not noted") { cluster throws(KafkaClientError) in
            do throws(KafkaClientError) {
                try cluster.commitOffsets(group: group, offsets)
            } catch {
                // Deleted just now: the others are to be noted.
                let gone = try cluster.goneTopics(among: Set(offsets.keys.map(\.topic)))
                guard error.code == .unknownTopicOrPartition, !gone.isEmpty else { throw error }
                let left = offsets.filter { !gone.contains($0.key.topic) }
                if !left.isEmpty { try cluster.commitOffsets(group: group, left) }
            }
        }
    }

    func goneTopics(among topics: Set<String>) throws -> Set<String> {
        try asking("whether the topics are still there is not told") {
            cluster throws(KafkaClientError) in
            try cluster.goneTopics(among: topics)
        }
    }

    func forget(topic: String) {
        cluster.forget(topic: topic)
        fetched = fetched.filter { $0.key.topic != topic }
    }

    func refuseDamage(of partition: TopicPartition, at offset: Offset) {}

    /// What one fetch brings at most of a partition, but for a first batch that is larger.
    private static let byteLimit: Int32 = 1 << 20

    func fetch(
        _ partition: TopicPartition,
        from offset: Offset,
        isolation: IsolationLevel,
        into buffer: FetchBuffer
    ) throws(FetchFailure) -> FetchResult {
        let answer: FetchedPartition
        if let ready = fetched.removeValue(forKey: partition), ready.position == offset {
            answer = ready.answer
        } else {
            let now = try fetchNow(partition, from: offset, isolation: isolation)
            guard let now else { return Self.nothing(at: offset) }
            answer = now
        }
        let bounds = PartitionBounds(
            logStart: answer.logStart,
            highWatermark: answer.highWatermark,
            lastStableOffset: answer.lastStableOffset
        )
        switch answer.code {
        case .none: break
        case .offsetOutOfRange: throw .outOfRange(try boundsNow(of: partition))
        case .corruptMessage, .kafkaStorageError, .unknownServerError:
            throw .damaged(refusal(answer.code, partition, at: offset))
        case .unknownTopicID: throw .gone(gone(partition.topic))
        default:
            let failure = unreadable(partition, .refused(answer.code, about: "\(partition)", ""))
            throw answer.isWithoutLeader ? .leaderless(failure) : .failed(failure)
        }
        buffer.reserve(answer.records.count)
        buffer.bytes.copyBytes(from: answer.records)
        return FetchResult(
            byteCount: answer.records.count,
            abortedTransactions: isolation == .readCommitted ? answer.abortedTransactions : [],
            bounds: bounds
        )
    }

    /// The owner says the same of a damaged batch and of a partition that is offline; of that one
    /// it does not know the offsets.
    private func refusal(
        _ code: KafkaErrorCode,
        _ partition: TopicPartition,
        at offset: Offset
    ) -> CommandFailure {
        let isKnown = (try? bounds(of: [partition])[partition]?.get()) != nil
        guard isKnown else {
            return unreadable(partition, .refused(code, about: "\(partition)", ""))
        }
        return CommandFailure(
            "\(partition) is damaged",
            place: "\(place)",
            reason: "the record at offset \(grouped(Int(offset.rawValue))) cannot be read: what is "
                + "stored there is damaged, or its disk failed (\(code.kafkaName))",
            next: verification(of: partition.topic)
                ?? place.next("topic describe \(argument: partition.topic)")
        )
    }

    private func gone(_ topic: String) -> CommandFailure {
        CommandFailure(
            "the topic '\(topic)' was deleted while it was read",
            place: "\(place)",
            reason: "what was not printed of it is gone with it; a topic of that name that is "
                + "there now is another one",
            next: place.next("topic list")
        )
    }

    /// The description of its topic tells why it is offline, where it is one of ours.
    private func unreadable(
        _ partition: TopicPartition,
        _ error: KafkaClientError
    ) -> CommandFailure {
        var failure = failure("\(partition) cannot be read", error)
        if error.isOfOnePartition, failure.next == nil {
            failure.next = place.next("topic describe \(argument: partition.topic)")
        }
        return failure
    }

    /// Where somebody asks for the end while a quota holds back what is there.
    private static func nothing(at offset: Offset) -> FetchResult {
        FetchResult(
            byteCount: 0,
            abortedTransactions: [],
            bounds: PartitionBounds(
                logStart: .zero,
                highWatermark: offset,
                lastStableOffset: offset
            )
        )
    }

    /// Nil where somebody asked for the end before there was an answer.
    private func fetchNow(
        _ partition: TopicPartition,
        from offset: Offset,
        isolation: IsolationLevel
    ) throws(FetchFailure) -> FetchedPartition? {
        do throws(KafkaClientError) {
            let answers = try cluster.fetch(
                [partition: offset],
                isolation: isolation,
                byteLimit: Self.byteLimit,
                wait: .zero
            )
            guard let answer = answers[partition] else {
                if cluster.isStopping { return nil }
                throw .nonsense(cluster.entry, "it leaves out \(partition)")
            }
            return answer
        } catch {
            throw .failed(failure("\(partition) is not read on", error))
        }
    }

    /// An answer to a position outside of it does not tell the bounds.
    private func boundsNow(
        of partition: TopicPartition
    ) throws(FetchFailure) -> PartitionBounds {
        do { return try bounds(of: partition) } catch let error as DamageFound {
            throw .failed(error.failure)
        } catch {
            throw .failed(CommandFailure(explaining: error, data: place.directory))
        }
    }

    /// Fetches of all of them at once, which waits where they are at their ends; what comes is
    /// kept for the next fetches.
    func waitForChange(
        since signal: UInt64,
        of positions: [TopicPartition: Offset],
        isolation: IsolationLevel,
        timeout: Duration
    ) throws -> UInt64 {
        let answers = try asking("there is no waiting for more") {
            cluster throws(KafkaClientError) in
            try cluster.fetch(
                positions,
                isolation: isolation,
                byteLimit: Self.byteLimit,
                wait: timeout
            )
        }
        for (partition, answer) in answers {
            if let position = positions[partition] { fetched[partition] = (position, answer) }
        }
        return signal
    }

    func forgetFetched() { fetched = [:] }

    var waitingNote: String? { nil }

    func faults(
        of partitions: [TopicPartition]
    ) -> [(partition: TopicPartition, failure: CommandFailure)] { unreadable }
}

extension KafkaClientError {
    /// A partition that is damaged or offline, that nobody leads, or that is not there any more.
    fileprivate var isOfOnePartition: Bool {
        switch code {
        case .kafkaStorageError, .corruptMessage, .unknownServerError, .unknownTopicOrPartition:
            true
        default: isOfLeader
        }
    }
}

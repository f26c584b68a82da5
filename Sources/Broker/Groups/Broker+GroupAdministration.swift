import Bytes
package import Coordination
import KafkaRecords
package import LogModel
import LogStorage
import Threads

/// Groups as tools see and change them.
extension Broker {
    /// A group that has members, had some, or has positions; nil where there is none.
    package func describeGroup(_ id: String) throws(BrokerError) -> GroupDescription? {
        guard let shard = try existingOffsetShard(of: id) else { return nil }
        if let unavailability = shard.unavailability { throw unavailability }
        let (classic, consumers) = shard.groups.withLock { ($0.groups[id], $0.consumers[id]) }
        if let consumers { return GroupDescription(consumers) }
        if let classic, !classic.isUntouched { return classic.description }
        return try hasPositions(of: id, in: shard) ? GroupDescription(positionsOf: id) : nil
    }

    /// All groups, sorted.
    package func listGroups() -> [GroupDescription] {
        var found: [ExactText: GroupDescription] = [:]
        for shard in offsetShards.withLock({ $0 }) where shard.unavailability == nil {
            for id in (try? shard.withOffsets { $0.groupsWithPending }) ?? [] {
                found[id] = GroupDescription(positionsOf: id.text)
            }
            for group in shard.groups.withLock({ Array($0.groups.values) })
            where !group.isUntouched {
                found[group.id] = group.description
            }
            for group in shard.groups.withLock({ Array($0.consumers.values) }) {
                found[group.id] = GroupDescription(group)
            }
        }
        return found.values.sorted { $0.id < $1.id }
    }

    /// Removes a group without members, its positions with it; durable on return.
    package func deleteGroup(_ id: String) throws(BrokerError) -> KafkaErrorCode {
        guard let shard = try existingOffsetShard(of: id) else { return .groupIDNotFound }
        let isPositioned = try hasPositions(of: id, in: shard)
        let done = SingleCode()
        var refusal = KafkaErrorCode.none
        change(id) { state, _, _ in
            if let consumers = state.consumers[id] {
                guard consumers.isEmpty else {
                    refusal = .nonEmptyGroup
                    return GroupWrite(group: id)
                }
                state.consumers[id] = nil
                return GroupWrite(
                    group: id,
                    consumerRecords: consumers.tombstones,
                    answers: [{ done.set($0 ?? .none) }]
                )
            }
            guard let group = state.groups[id], !group.isUntouched else {
                if !isPositioned { refusal = .groupIDNotFound }
                return GroupWrite(group: id, answers: [{ done.set($0 ?? .none) }])
            }
            guard group.isEmpty else {
                refusal = .nonEmptyGroup
                return GroupWrite(group: id)
            }
            state.groups[id] = nil
            return GroupWrite(
                group: id,
                groupRecord: GroupRecord(group: id, value: nil),
                answers: [{ done.set($0 ?? .none) }]
            )
        } failed: {
            refusal = $0
        }
        guard refusal == .none else { return refusal }
        let code = done.wait()
        guard code == .none else { return code }
        try removePositions(nil, of: id, in: shard)
        return .none
    }

    /// Removes positions of a group; durable on return.
    package func deleteOffsets(
        of id: String,
        _ partitions: Set<TopicPartition>
    ) throws(BrokerError) {
        try removePositions(partitions, of: id, in: try offsetShard(of: id))
    }

    /// Whether the log knows positions of the group, those that an open transaction holds among
    /// them.
    func hasPositions(of id: String, in shard: OffsetShard) throws(BrokerError) -> Bool {
        try shard.withOffsets { $0.knows(id) }
    }

    /// Whether somebody outside may not touch this group: it is a job's, whose positions are half
    /// of its state.
    package func isJobGroup(_ id: String) -> Bool {
        if liveGroups.withLock({ $0[id] != nil }) { return true }
        // Every job has a first thread; a client of that name is no job.
        if describeTransaction("\(id)-0")?.isRemote == false { return true }
        return jobsWithTopics.contains(id)
    }

    /// Whether a transactional id is that of a job's thread: whoever took it would fence the job.
    package func isJobTransaction(_ id: String) -> Bool {
        guard describeTransaction(id)?.isRemote == false, let dash = id.lastIndex(of: "-") else {
            return false
        }
        return isJobGroup(String(id[..<dash]))
    }

    private func removePositions(
        _ partitions: Set<TopicPartition>?,
        of id: String,
        in shard: OffsetShard
    ) throws(BrokerError) {
        while try shard.withOffsets({ $0.hasAny(of: partitions, group: id) }) {
            try checkOpen()
            let removal = try shard.withOffsets { $0.remove(partitions, of: id) }
            guard let removal else {
                // Somebody appends for the group.
                _ = change.wait(since: change.current, timeout: .milliseconds(20))
                continue
            }
            try shard.write(
                removal.records,
                removal.append,
                now: time.wallTime(),
                producerID: .none,
                epoch: .none
            )
            change.raise()
        }
        if shard.partition.isDirty { try flush([shard.partition]) }
    }

    /// Groups whose positions do not expire: those with members, and those that were left not long
    /// ago.
    func groupsInUse(
        of shard: OffsetShard,
        now: Timestamp,
        retention: Int64
    ) -> Set<ExactText> {
        shard.groups.withLock { state in
            func isRecent(_ time: Timestamp) -> Bool {
                let (age, isOver) = now.rawValue.subtractingReportingOverflow(time.rawValue)
                return isOver || age < retention
            }
            let classic = state.groups.values.filter { !$0.isEmpty || isRecent($0.stateTime) }
            let consumers = state.consumers.values.filter { !$0.isEmpty || isRecent($0.emptyTime) }
            return Set((classic.map(\.id) + consumers.map(\.id)).map { ExactText($0) })
        }
    }

    /// What members of the group subscribe to.
    package func subscription(of id: String) throws(BrokerError) -> GroupSubscription {
        guard let shard = try existingOffsetShard(of: id) else { return .topics([]) }
        let (group, consumers) = shard.groups.withLock { ($0.groups[id], $0.consumers[id]) }
        if let consumers { return .topics(consumers.subscribedTopics) }
        guard let group, !group.isEmpty else { return .topics([]) }
        guard group.protocolType == "consumer" else { return .ofOtherProtocol }
        var topics: Set<String> = []
        for bytes in group.subscriptions {
            guard let named = Self.topics(ofSubscription: bytes) else { return .unreadable }
            topics.formUnion(named.filter { TopicName.problem(with: $0) == nil })
        }
        return .topics(topics)
    }

    /// The topics come first in every version, and are all that is looked at: there are clients
    /// whose later fields are missing. Nil for bytes that are no subscription.
    private static func topics(ofSubscription bytes: [UInt8]) -> [String]? {
        bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            do throws(WireError) {
                let version = try reader.readInteger(Int16.self)
                guard version >= 0 else { return nil }
                return try ConsumerProtocolSubscription(reading: &reader, version: 0).topics
            } catch { return nil }
        }
    }
}

/// What members of a group read.
package enum GroupSubscription: Equatable, Sendable {
    case topics(Set<String>)
    /// Any topic may be one of theirs.
    case unreadable
    /// The group has members and does not speak Kafka's consumer protocol.
    case ofOtherProtocol

    package func contains(_ topic: String) -> Bool {
        switch self {
        case .topics(let names): names.contains(topic)
        case .unreadable, .ofOtherProtocol: true
        }
    }
}

/// The code that a write ended with; what is decided is waited for by its caller.
private final class SingleCode: Sendable {
    private let value = ConditionLock<KafkaErrorCode?>(nil)

    func set(_ code: KafkaErrorCode) { value.update { $0 = code } }

    func wait() -> KafkaErrorCode { value.waitAndTake { $0 } }
}

import Coordination
package import LogModel
import LogStorage
import Threads

/// Groups and positions that are taken away.
///
/// Like all else of a group this is decided in the groups' lock and written in the order of the
/// decisions: what a member commits that came behind the decision lies behind the tombstones, and
/// stays.
extension Broker {
    /// Removes groups without members, their positions with them; durable on return. A code for
    /// each.
    package func deleteGroups(_ ids: [String]) -> [KafkaErrorCode] {
        let codes = ids.map { _ in SingleCode() }
        var parts: [TopicPartition: (shard: OffsetShard, indices: [Int])] = [:]
        for (index, id) in ids.enumerated() {
            do throws(BrokerError) {
                guard let shard = try existingOffsetShard(of: id) else {
                    codes[index].set(.groupIDNotFound)
                    continue
                }
                parts[shard.partition.name, default: (shard, [])].indices.append(index)
            } catch {
                codes[index].set(error.groupCode)
            }
        }
        for (shard, indices) in parts.values {
            deleteGroups(indices.map { (ids[$0], codes[$0]) }, of: shard)
        }
        return codes.map { $0.wait() }
    }

    private func deleteGroups(_ groups: [(id: String, code: SingleCode)], of shard: OffsetShard) {
        do throws(BrokerError) {
            let positioned = try shard.withOffsets { offsets in
                groups.map { offsets.knows($0.id) }
            }
            change(groups.map(\.id), of: shard) { index, state, _, _ in
                let (id, code) = groups[index]
                let (deletion, refusal) = state.delete(id, isPositioned: positioned[index])
                var write = deletion
                write.answers = [{ code.set($0 ?? refusal) }]
                return write
            }
        } catch {
            for group in groups { group.code.set(error.groupCode) }
        }
    }

    /// Removes positions of a group, durable on return; those of topics that its members subscribe
    /// to stay.
    package func deleteOffsets(
        of id: String,
        _ partitions: Set<TopicPartition>
    ) throws(BrokerError) -> OffsetDeletion {
        guard let shard = try existingOffsetShard(of: id) else { return .refused(.groupIDNotFound) }
        let isPositioned = try hasPositions(of: id, in: shard)
        let code = SingleCode()
        var subscription = GroupSubscription.topics([])
        change([id], of: shard) { _, state, _, _ in
            subscription = state.subscription(of: id)
            let refusal: KafkaErrorCode =
                if !isPositioned, !state.knows(id) {
                    .groupIDNotFound
                } else {
                    subscription == .ofOtherProtocol ? .nonEmptyGroup : .none
                }
            var write = GroupWrite(group: id, answers: [{ code.set($0 ?? refusal) }])
            let removed = partitions.filter { !subscription.contains($0.topic) }
            if refusal == .none, !removed.isEmpty { write.removal = .partitions(removed) }
            return write
        }
        let result = code.wait()
        return result == .none ? .done(subscribed: subscription) : .refused(result)
    }

    /// Takes out positions of groups that have had neither members nor a commit for long; those of
    /// `kept` groups stay.
    func expireOffsets(
        of shard: OffsetShard,
        now: Timestamp,
        retention: Int64,
        kept: Set<ExactText>
    ) throws(BrokerError) {
        let expired = try shard.withOffsets {
            $0.expiredGroups(now: now, retentionMilliseconds: retention)
        }
        let groups = expired.filter { !kept.contains($0) }.map(\.text)
        change(groups, of: shard) { index, state, _, _ in
            var write = GroupWrite(group: groups[index])
            if !state.isInUse(groups[index], now: now, retention: retention) {
                write.removal = .expired(now: now, retentionMilliseconds: retention)
            }
            return write
        }
    }
}

/// What came of the removal of positions.
package enum OffsetDeletion: Equatable, Sendable {
    /// All are gone but those of topics that are read.
    case done(subscribed: GroupSubscription)
    case refused(KafkaErrorCode)
}

extension GroupShardState {
    /// Whether anybody was ever in the group.
    func knows(_ id: String) -> Bool {
        consumers[id] != nil || groups[id].map { !$0.isUntouched } ?? false
    }

    /// Whether the group's positions do not expire: it has members, or was left not long ago.
    func isInUse(_ id: String, now: Timestamp, retention: Int64) -> Bool {
        func isRecent(_ time: Timestamp) -> Bool {
            let (age, isOver) = now.rawValue.subtractingReportingOverflow(time.rawValue)
            return isOver || age < retention
        }
        if let group = groups[id], !group.isEmpty || isRecent(group.stateTime) { return true }
        guard let consumers = consumers[id] else { return false }
        return !consumers.isEmpty || isRecent(consumers.emptyTime)
    }

    /// Removes a group without members: what is to be written, or why not.
    fileprivate mutating func delete(
        _ id: String,
        isPositioned: Bool
    ) -> (GroupWrite, KafkaErrorCode) {
        var write = GroupWrite(group: id)
        if let group = consumers[id] {
            guard group.isEmpty else { return (write, .nonEmptyGroup) }
            consumers[id] = nil
            write.consumerRecords = group.tombstones
        } else if let group = groups[id], !group.isUntouched {
            guard group.isEmpty else { return (write, .nonEmptyGroup) }
            groups[id] = nil
            write.groupRecord = GroupRecord(group: id, value: nil)
        } else if !isPositioned {
            return (write, .groupIDNotFound)
        }
        write.removal = .all
        return (write, .none)
    }
}

/// The code that a write ended with; what is decided is waited for by its caller.
private final class SingleCode: Sendable {
    private let value = ConditionLock<KafkaErrorCode?>(nil)

    func set(_ code: KafkaErrorCode) { value.update { $0 = code } }

    func wait() -> KafkaErrorCode { value.waitAndTake { $0 } }
}

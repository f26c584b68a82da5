import Bytes
package import Coordination
package import LogModel
import Threads

/// Consumer groups: the shell around `ConsumerGroup`. What they decide is written and answered as
/// with classic ones.
extension Broker {
    /// The topics as consumer groups look at them.
    package func topicImage() -> TopicImage { topicTable.withLock { $0.image() } }

    /// Takes in what a member of a consumer group says; the answer comes when what stands behind it
    /// is durable. `mayDescribe` tells the topics that the member may know of; nil for all.
    package func consumerHeartbeat(
        _ beat: ConsumerHeartbeat,
        mayDescribe: (@Sendable (String) -> Bool)? = nil,
        answer: @escaping @Sendable (ConsumerHeartbeatAnswer) -> Void
    ) {
        let random = makeID().description
        let topics = topicImage()
        change(beat.group) { state, now, wallTime in
            var write = GroupWrite(group: beat.group)
            let result: ConsumerHeartbeatAnswer
            let known = state.consumers[beat.group]?.heartbeat(
                beat,
                topics: topics,
                newID: random,
                now: now,
                wallTime: wallTime,
                mayDescribe: mayDescribe
            )
            if let known {
                result = known
            } else {
                result = begin(
                    beat,
                    in: &state,
                    topics,
                    random,
                    (now, wallTime),
                    mayDescribe,
                    &write
                )
            }
            write.consumerRecords = state.consumers[beat.group]?.takeRecords() ?? []
            write.answers = [{ answer($0.map(Self.failed) ?? result) }]
            return write
        } failed: {
            answer(Self.failed($0))
        }
    }

    /// The first heartbeat of a group: whoever joins begins it. An empty classic group goes over to
    /// it; one with members is theirs.
    private func begin(
        _ beat: ConsumerHeartbeat,
        in state: inout GroupShardState,
        _ topics: TopicImage,
        _ newID: String,
        _ time: (now: Moment, wall: Timestamp),
        _ mayDescribe: ((String) -> Bool)?,
        _ write: inout GroupWrite
    ) -> ConsumerHeartbeatAnswer {
        let id = beat.group
        let classic = state.groups[id].flatMap { $0.isUntouched ? nil : $0 }
        guard beat.epoch == .joining else {
            if classic != nil { return Self.missing("Group \(id) is not a consumer group.") }
            let kind = beat.epoch > .joining ? "Consumer group" : "Group"
            return Self.missing("\(kind) \(id) not found.")
        }
        if let classic, !classic.isEmpty {
            return Self.missing(
                "Cannot upgrade classic group \(id) to consumer group because online upgrade is "
                    + "disabled."
            )
        }
        var group = ConsumerGroup(
            id: id,
            settings: configuration.groups,
            wallTime: time.wall
        )
        let answer = group.heartbeat(
            beat,
            topics: topics,
            newID: newID,
            now: time.now,
            wallTime: time.wall,
            mayDescribe: mayDescribe
        )
        guard answer.code == .none else { return answer }
        state.consumers[id] = group
        state.groups[id] = nil
        if classic != nil { write.groupRecord = GroupRecord(group: id, value: nil) }
        return answer
    }

    private static func missing(_ message: String) -> ConsumerHeartbeatAnswer {
        .refused(GroupRefusal(.groupIDNotFound, message))
    }

    private static func failed(_ code: KafkaErrorCode) -> ConsumerHeartbeatAnswer {
        .refused(GroupRefusal(code, "The group's state could not be written or read."))
    }

    /// A consumer group as it stands; nil where there is none of that id.
    package func describeConsumerGroup(
        _ id: String
    ) throws(BrokerError) -> ConsumerGroupDescription? {
        guard let shard = try existingOffsetShard(of: id) else { return nil }
        if let unavailability = shard.unavailability { throw unavailability }
        return shard.groups.withLock { $0.consumers[id] }?.description
    }

    /// Kafka's answer to whoever asks for positions as a member of a consumer group.
    package func checkOffsetFetch(
        group id: String,
        memberID: String?,
        epoch: Int32
    ) -> KafkaErrorCode {
        do throws(BrokerError) {
            guard let shard = try existingOffsetShard(of: id) else { return .none }
            return shard.groups.withLock { state in
                state.consumers[id]?.checkFetch(memberID: memberID, epoch: epoch) ?? .none
            }
        } catch {
            return error.groupCode
        }
    }
}

extension GroupShardState {
    /// Puts out who was silent too long.
    mutating func expireConsumers(
        _ topics: TopicImage,
        _ now: Moment,
        _ wallTime: Timestamp
    ) -> [GroupTurn] {
        let due = consumers.values.filter { $0.nextDeadline.map { $0 <= now } ?? false }.map(\.id)
        return due.map { id in
            consumers[id]?.expire(topics: topics, now: now, wallTime: wallTime)
            let records = consumers[id]?.takeRecords() ?? []
            return enqueue(GroupWrite(group: id, consumerRecords: records))
        }
    }
}

extension OffsetRecord {
    /// The partition by its topic's id; nil where that is not known.
    var assignedPartition: AssignedPartition? {
        value.map { AssignedPartition($0.topicID, partition.partition) }
    }
}

import Broker
import Coordination
import KafkaWire
import LogModel

/// TxnOffsetCommit 0-5: positions that count once the transaction is committed. Durable when they
/// are answered: their owner outlives this process, does not repeat what was answered, and may
/// commit in the next one. From version 5 on (transaction version 2) the group joins the
/// transaction with them; before, AddOffsetsToTxn has announced it.
extension KafkaAPI {
    private typealias Asked = TxnOffsetCommitRequest.TxnOffsetCommitRequestPartition

    func commitTransactionOffsets(
        _ request: TxnOffsetCommitRequest,
        _ call: APICall
    ) -> TxnOffsetCommitResponse {
        var member = TransactionMember(
            group: request.groupID,
            memberID: request.memberID,
            instanceID: request.groupInstanceID,
            generation: request.generationID
        )
        var refused: [TopicPartition: KafkaErrorCode] = [:]
        var offsets: [TopicPartition: CommittedOffset] = [:]
        let known = broker.topicSnapshot()
        for topic in request.topics {
            for asked in topic.partitions {
                let name = TopicPartition(topic.name, PartitionIndex(asked.partitionIndex))
                let value = value(of: asked)
                if !known.contains(name) {
                    refused[name] = .unknownTopicOrPartition
                } else if GroupOffsets.check([value]) != .none {
                    refused[name] = GroupOffsets.check([value])
                } else {
                    offsets[name] = value
                }
            }
        }
        member.partitions = Array(offsets.keys)
        let code = add(offsets, member, request, call)
        var response = TxnOffsetCommitResponse()
        response.topics = request.topics.map { topic in
            .init(
                name: topic.name,
                partitions: topic.partitions.map { asked in
                    let name = TopicPartition(topic.name, PartitionIndex(asked.partitionIndex))
                    return .init(
                        partitionIndex: asked.partitionIndex,
                        errorCode: (refused[name] ?? code).rawValue
                    )
                }
            )
        }
        return response
    }

    private func value(of asked: Asked) -> CommittedOffset {
        CommittedOffset(
            offset: Offset(asked.committedOffset),
            leaderEpoch: LeaderEpoch(asked.committedLeaderEpoch),
            metadata: asked.committedMetadata ?? "",
            commitTime: broker.clock.wallTime()
        )
    }

    private func add(
        _ offsets: [TopicPartition: CommittedOffset],
        _ member: TransactionMember,
        _ request: TxnOffsetCommitRequest,
        _ call: APICall
    ) -> KafkaErrorCode {
        let producer = (
            id: ProducerID(request.producerID), epoch: ProducerEpoch(request.producerEpoch)
        )
        guard !request.transactionalID.isEmpty else { return .invalidRequest }
        guard !request.groupID.isEmpty else { return .invalidGroupID }
        var code = coordinated { () throws(BrokerError) in
            let ask = call.version >= 5 ? broker.joinOffsets : broker.verifyOffsets
            let verified = try ask(
                request.transactionalID,
                producer.id,
                producer.epoch,
                request.groupID
            )
            guard verified == .none else { return .error(verified) }
            let membership = refusal(of: member)
            guard membership == .none else { return .error(membership) }
            let added = try broker.addOffsets(
                transactionalID: request.transactionalID,
                producerID: producer.id,
                epoch: producer.epoch,
                group: request.groupID,
                offsets: offsets,
                // The transaction outlives this process: what was answered must, too.
                mustBeDurable: true
            )
            // Pending they are seen by whoever asks for stable positions: an owner that came before
            // that has the old ones, and this transaction is not to be committed.
            let since = added == .done ? refusal(of: member) : .none
            return since == .none ? added : .error(since)
        }.code
        // Older clients do not know the code; being fenced has one name here in all versions.
        if code == .transactionAbortable, call.version < 4 { code = .invalidTransactionState }
        return code == .producerFenced ? .invalidProducerEpoch : code
    }
}

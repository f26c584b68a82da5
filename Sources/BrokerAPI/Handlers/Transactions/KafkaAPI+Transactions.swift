import Broker
import Coordination
import KafkaWire
import LogModel
import Threads

/// Who a request says that it comes from.
private struct TransactionOwner {
    var transactionalID: String
    var producerID: ProducerID
    var epoch: ProducerEpoch
}

/// What a transaction grows by, and how it ends, in transaction version 1: AddPartitionsToTxn 0-3,
/// AddOffsetsToTxn 0-4, EndTxn 0-4; and EndTxn 5 of version 2, which answers the epoch to go on
/// with.
extension KafkaAPI {
    private typealias TopicResult = AddPartitionsToTxnResponse.AddPartitionsToTxnTopicResult
    private typealias PartitionResult =
        AddPartitionsToTxnResponse.AddPartitionsToTxnPartitionResult

    /// All of the partitions are added or none: where one cannot be, the others were not tried.
    func addPartitionsToTransaction(
        _ request: AddPartitionsToTxnRequest,
        _ call: APICall
    ) -> AddPartitionsToTxnResponse {
        let topics = request.v3AndBelowTopics
        let names = topics.flatMap { topic in
            topic.partitions.map { TopicPartition(topic.name, PartitionIndex($0)) }
        }
        var refused: [TopicPartition: KafkaErrorCode] = [:]
        let known = broker.topicSnapshot()
        for name in names {
            if InternalTopic(rawValue: name.topic) != nil {
                refused[name] = .topicAuthorizationFailed
            } else if !known.contains(name) {
                refused[name] = .unknownTopicOrPartition
            }
        }
        var code = KafkaErrorCode.operationNotAttempted
        if refused.isEmpty {
            let owner = TransactionOwner(
                transactionalID: request.v3AndBelowTransactionalID,
                producerID: ProducerID(request.v3AndBelowProducerID),
                epoch: ProducerEpoch(request.v3AndBelowProducerEpoch)
            )
            code = change(of: owner, call) { () throws(BrokerError) in
                try broker.addPartitions(
                    transactionalID: owner.transactionalID,
                    producerID: owner.producerID,
                    epoch: owner.epoch,
                    partitions: names
                )
            }
        }
        var response = AddPartitionsToTxnResponse()
        let results = topics.map { topic in
            Self.result(topic, refused, otherwise: code)
        }
        // As Kafka has it: what failed by itself comes first.
        let isFailed = { (result: TopicResult) in
            result.resultsByPartition.first?.partitionErrorCode != code.rawValue
        }
        response.resultsByTopicV3AndBelow =
            results.filter(isFailed) + results.filter { !isFailed($0) }
        return response
    }

    private static func result(
        _ topic: AddPartitionsToTxnRequest.AddPartitionsToTxnTopic,
        _ refused: [TopicPartition: KafkaErrorCode],
        otherwise code: KafkaErrorCode
    ) -> TopicResult {
        var failed: [PartitionResult] = []
        var others: [PartitionResult] = []
        for index in topic.partitions {
            let own = refused[TopicPartition(topic.name, PartitionIndex(index))]
            let result = PartitionResult(
                partitionIndex: index,
                partitionErrorCode: (own ?? code).rawValue
            )
            if own == nil { others.append(result) } else { failed.append(result) }
        }
        return TopicResult(name: topic.name, resultsByPartition: failed + others)
    }

    func addOffsetsToTransaction(
        _ request: AddOffsetsToTxnRequest,
        _ call: APICall
    ) -> AddOffsetsToTxnResponse {
        let owner = TransactionOwner(
            transactionalID: request.transactionalID,
            producerID: ProducerID(request.producerID),
            epoch: ProducerEpoch(request.producerEpoch)
        )
        let code = change(of: owner, call) { () throws(BrokerError) in
            try broker.addPartitions(
                transactionalID: owner.transactionalID,
                producerID: owner.producerID,
                epoch: owner.epoch,
                partitions: [try broker.offsetsPartition(of: request.groupID)]
            )
        }
        var response = AddOffsetsToTxnResponse()
        response.errorCode = code.rawValue
        return response
    }

    func endTransaction(_ request: EndTxnRequest, _ call: APICall) -> EndTxnResponse {
        let owner = TransactionOwner(
            transactionalID: request.transactionalID,
            producerID: ProducerID(request.producerID),
            epoch: ProducerEpoch(request.producerEpoch)
        )
        let result: TransactionResult = request.committed ? .commit : .abort
        var response = EndTxnResponse()
        guard call.version < 5 else {
            // The epoch tells which transaction is meant, however late the request comes.
            let answer = coordinated { () throws(BrokerError) in try end(owner, result, true) }
            response.errorCode = answer.code.rawValue
            if let pair = answer.pair {
                response.producerID = pair.id.rawValue
                response.producerEpoch = pair.epoch.rawValue
            }
            return response
        }
        let code = change(of: owner, call) { () throws(BrokerError) in
            try end(owner, result, false)
        }
        response.errorCode = code.rawValue
        return response
    }

    private func end(
        _ owner: TransactionOwner,
        _ result: TransactionResult,
        _ bumpsEpoch: Bool
    ) throws(BrokerError) -> TransactionReply {
        try broker.endTransaction(
            transactionalID: owner.transactionalID,
            producerID: owner.producerID,
            epoch: owner.epoch,
            result: result,
            bumpsEpoch: bumpsEpoch
        )
    }

    /// Changes a transaction, unless the request was held up on its way: its sender, if there is
    /// one still, looks for the coordinator again and repeats it on a connection of now.
    private func change(
        of owner: TransactionOwner,
        _ call: APICall,
        _ request: () throws(BrokerError) -> TransactionReply
    ) -> KafkaErrorCode {
        let connection = call.connection.number
        let isDelayed = ownerConnections.withLock {
            $0.isDelayed(owner.transactionalID, owner.producerID, owner.epoch, on: connection)
        }
        guard !isDelayed else { return .notCoordinator }
        let code = coordinated(request).code
        if code == .none {
            ownerConnections.withLock {
                $0.note(owner.transactionalID, owner.producerID, owner.epoch, on: connection)
            }
        }
        return code.forClients(fencedSince: call.version >= 2)
    }
}

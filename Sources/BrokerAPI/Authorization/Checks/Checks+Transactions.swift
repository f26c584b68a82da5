import Coordination
import KafkaWire
import LogModel

/// Transactions: WRITE of the transactional id for its owner, DESCRIBE for those who look.
extension Checks {
    /// A producer without transactions needs leave for any topic, or the older one of the cluster.
    static let initProducerID = AccessCheck<InitProducerIdRequest, InitProducerIdResponse> {
        request,
        _,
        rights,
        _ in
        if let id = request.transactionalID {
            guard rights.allows(.write, .transactionalID, id) else {
                return .refused(InitProducerIdResponse(errorCode: Unauthorized.transactionalID))
            }
            return .passed(nil)
        }
        if rights.allowsAny(.write, .topic) || rights.allowsOnCluster(.idempotentWrite) {
            return .passed(nil)
        }
        return .refused(InitProducerIdResponse(errorCode: Unauthorized.cluster))
    }

    /// All of the partitions are added or none.
    static let addPartitions = AccessCheck<
        AddPartitionsToTxnRequest, AddPartitionsToTxnResponse
    > { request, _, rights, _ in
        let topics = request.v3AndBelowTopics
        let refused = { (code: (AddPartitionsToTxnRequest.AddPartitionsToTxnTopic) -> Int16) in
            var response = AddPartitionsToTxnResponse()
            response.resultsByTopicV3AndBelow = topics.map { topic in
                .init(
                    name: topic.name,
                    resultsByPartition: topic.partitions.map {
                        .init(partitionIndex: $0, partitionErrorCode: code(topic))
                    }
                )
            }
            return response
        }
        guard rights.allows(.write, .transactionalID, request.v3AndBelowTransactionalID) else {
            return .refused(refused { _ in Unauthorized.transactionalID })
        }
        let denied = Set(
            topics.map { ExactText($0.name) }
                .filter { !rights.allows(.write, .topic, $0.text) }
        )
        guard !denied.isEmpty else { return .passed(nil) }
        return .refused(
            refused { topic in
                denied.contains(ExactText(topic.name))
                    ? Unauthorized.topic : KafkaErrorCode.operationNotAttempted.rawValue
            }
        )
    }

    static let addOffsets = AccessCheck<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse> {
        request,
        _,
        rights,
        _ in
        guard rights.allows(.write, .transactionalID, request.transactionalID) else {
            return .refused(AddOffsetsToTxnResponse(errorCode: Unauthorized.transactionalID))
        }
        guard rights.allows(.read, .group, request.groupID) else {
            return .refused(AddOffsetsToTxnResponse(errorCode: Unauthorized.group))
        }
        return .passed(nil)
    }

    static let endTransaction = AccessCheck<EndTxnRequest, EndTxnResponse> {
        request,
        _,
        rights,
        _ in
        rights.allows(.write, .transactionalID, request.transactionalID)
            ? .passed(nil) : .refused(EndTxnResponse(errorCode: Unauthorized.transactionalID))
    }

    static let commitTransactionOffsets = AccessCheck<
        TxnOffsetCommitRequest, TxnOffsetCommitResponse
    > { request, _, rights, _ in
        let refused = {
            @Sendable (
                topic: TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic,
                code: Int16
            ) in
            TxnOffsetCommitResponse.TxnOffsetCommitResponseTopic(
                name: topic.name,
                partitions: topic.partitions.map {
                    .init(partitionIndex: $0.partitionIndex, errorCode: code)
                }
            )
        }
        guard rights.allows(.write, .transactionalID, request.transactionalID) else {
            let topics = request.topics.map { refused($0, Unauthorized.transactionalID) }
            return .refused(TxnOffsetCommitResponse(topics: topics))
        }
        guard rights.allows(.read, .group, request.groupID) else {
            let topics = request.topics.map { refused($0, Unauthorized.group) }
            return .refused(TxnOffsetCommitResponse(topics: topics))
        }
        let denied = request.topics.takeDenied { rights.allows(.read, .topic, $0.name) }
        // Nothing is left to commit: the group does not join the transaction for it.
        guard denied.isEmpty || !request.topics.isEmpty else {
            let topics = denied.map { refused($0, Unauthorized.topic) }
            return .refused(TxnOffsetCommitResponse(topics: topics))
        }
        return .passed { response in
            response.topics += denied.map { refused($0, Unauthorized.topic) }
        }
    }

    static let describeTransactions = AccessCheck<
        DescribeTransactionsRequest, DescribeTransactionsResponse
    > { request, _, rights, _ in
        let denied = request.transactionalIDs.takeDenied {
            rights.allows(.describe, .transactionalID, $0)
        }
        return .passed { response in
            for index in response.transactionStates.indices {
                response.transactionStates[index].topics.removeAll {
                    !rights.mayKnow(.describe, .topic, $0.topic)
                }
            }
            response.transactionStates += denied.map {
                .init(errorCode: Unauthorized.transactionalID, transactionalID: $0)
            }
        }
    }

    static let listTransactions = AccessCheck<ListTransactionsRequest, ListTransactionsResponse> {
        _,
        _,
        rights,
        _ in
        .passed { response in
            response.transactionStates.removeAll {
                !rights.mayKnow(.describe, .transactionalID, $0.transactionalID)
            }
        }
    }

    static let writeTxnMarkers = AccessCheck<WriteTxnMarkersRequest, WriteTxnMarkersResponse> {
        request,
        _,
        rights,
        _ in
        let mayAlter = rights.mayKnow(.alter, .cluster, Authorizer.clusterName)
        if mayAlter || rights.allowsOnCluster(.clusterAction) { return .passed(nil) }
        return .refused(
            WriteTxnMarkersResponse(
                markers: request.markers.map { marker in
                    .init(
                        producerID: marker.producerID,
                        topics: marker.topics.map { topic in
                            .init(
                                name: topic.name,
                                partitions: topic.partitionIndexes.map {
                                    .init(partitionIndex: $0, errorCode: Unauthorized.cluster)
                                }
                            )
                        }
                    )
                }
            )
        )
    }
}

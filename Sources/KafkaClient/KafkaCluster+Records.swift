import Bytes
import KafkaWire
package import LogModel

/// Why records were not stored, as far as it is known.
package struct ProduceFailure: Error, Equatable, Sendable {
    package let error: KafkaClientError
    /// Whether they may be there all the same.
    package let isUncertain: Bool
}

/// What a fetch says of a partition.
package struct FetchedPartition: Sendable {
    package let code: KafkaErrorCode
    /// Whole batches, the first of which may begin before what was asked for.
    package let records: [UInt8]
    package let abortedTransactions: [AbortedTransaction]
    package let logStart: Offset
    package let highWatermark: Offset
    package let lastStableOffset: Offset
}

/// Records in and out.
extension KafkaCluster {
    /// A fresh producer id, for batches whose sending can be tried again.
    package func makeProducerID() throws(KafkaClientError) -> (ProducerID, ProducerEpoch) {
        try retrying { () throws(KafkaClientError) in
            let response = try ask(
                InitProducerIdRequest(transactionalID: nil, transactionTimeoutMs: Int32.max)
            )
            try check(response.errorCode, about: "a producer id")
            return (ProducerID(response.producerID), ProducerEpoch(response.producerEpoch))
        }
    }

    /// Stores a sealed batch with numbers of its producer; on return it is as durable as the
    /// cluster makes what all replicas in sync have. Sent again where the answer was lost, which
    /// stores it once: the log knows its numbers.
    ///
    /// - Returns: the offset of its first record; nil where that was told in a lost answer alone.
    @discardableResult
    package func produce(
        _ batch: [UInt8],
        to partition: TopicPartition,
        transactionalID: String? = nil
    ) throws(ProduceFailure) -> Offset? {
        let request = ProduceRequest(
            transactionalID: transactionalID,
            acks: -1,
            timeoutMs: requestMilliseconds,
            topicData: [
                ProduceRequest.TopicProduceData(
                    name: partition.topic,
                    partitionData: [
                        ProduceRequest.PartitionProduceData(
                            index: partition.partition.rawValue,
                            records: batch
                        )
                    ]
                )
            ]
        )
        var mayBeThere = false
        do throws(KafkaClientError) {
            return try retrying { () throws(KafkaClientError) in
                do throws(KafkaClientError) {
                    return try send(request, to: partition)
                } catch {
                    if error.code == .duplicateSequenceNumber, mayBeThere { return nil }
                    mayBeThere = mayBeThere || error.isUncertain
                    throw error
                }
            }
        } catch {
            throw ProduceFailure(error: error, isUncertain: mayBeThere)
        }
    }

    private func send(
        _ request: ProduceRequest,
        to partition: TopicPartition
    ) throws(KafkaClientError) -> Offset? {
        guard let node = try byLeader([partition]).keys.first else {
            throw .refused(.notLeaderOrFollower, about: "\(partition)", "")
        }
        let response = try ask(
            request,
            of: node,
            patience: configuration.requestPatience + .seconds(5)
        )
        let answer = response.responses.first { $0.name == partition.topic }?.partitionResponses
            .first { $0.index == partition.partition.rawValue }
        guard let answer else {
            throw .lost(entry, request: "Produce", "its answer leaves out \(partition)")
        }
        let words = answer.recordErrors.first?.batchIndexErrorMessage ?? answer.errorMessage
        try check(answer.errorCode, about: partition, words)
        return answer.baseOffset < 0 ? nil : Offset(answer.baseOffset)
    }

    /// Reads whole batches of several partitions, from the offset given with each. Where there are
    /// none yet, waits for some. What a quota holds back is asked for again when its time is over;
    /// where somebody asks for the end meanwhile, the answer lacks those partitions.
    package func fetch(
        _ positions: [TopicPartition: Offset],
        isolation: IsolationLevel,
        byteLimit: Int32,
        wait: Duration
    ) throws(KafkaClientError) -> [TopicPartition: FetchedPartition] {
        try retrying { () throws(KafkaClientError) in
            let groups = try byLeader(positions.keys.sorted())
            // Nodes are asked one after the other, and share the time.
            let share = wait / max(groups.count, 1)
            var fetched: [TopicPartition: FetchedPartition] = [:]
            for (node, partitions) in groups {
                let request = Self.fetchRequest(
                    partitions,
                    positions,
                    isolation: isolation,
                    byteLimit: byteLimit,
                    wait: fetched.values.contains { !$0.records.isEmpty } ? .zero : share
                )
                let patience = configuration.requestPatience + share
                try note(try answer(to: request, of: node, patience), in: &fetched)
            }
            return fetched
        }
    }

    /// A node over its quota answers at once with a time and without any partition.
    private func answer(
        to request: FetchRequest,
        of node: Node,
        _ patience: Duration
    ) throws(KafkaClientError) -> FetchResponse {
        var heldBack = Duration.zero
        while true {
            let response = try ask(request, of: node, patience: patience)
            try check(response.errorCode, about: "the fetch")
            let isEmpty = response.responses.allSatisfy(\.partitions.isEmpty)
            guard isEmpty, response.throttleTimeMs > 0, !isStopping else { return response }
            heldBack += .milliseconds(response.throttleTimeMs)
            guard heldBack < configuration.throttleLimit else {
                throw .refused(.throttlingQuotaExceeded, about: "the fetch", "")
            }
        }
    }

    private static func fetchRequest(
        _ partitions: [TopicPartition],
        _ positions: [TopicPartition: Offset],
        isolation: IsolationLevel,
        byteLimit: Int32,
        wait: Duration
    ) -> FetchRequest {
        FetchRequest(
            maxWaitMs: wait.shortMilliseconds,
            minBytes: wait == .zero ? 0 : 1,
            maxBytes: byteLimit,
            isolationLevel: isolation.wireValue,
            topics: byTopic(partitions).map { topic, indexes in
                FetchRequest.FetchTopic(
                    topic: topic,
                    partitions: indexes.map { index in
                        let name = TopicPartition(topic, PartitionIndex(index))
                        return FetchRequest.FetchPartition(
                            partition: index,
                            fetchOffset: positions[name]?.rawValue ?? 0,
                            partitionMaxBytes: byteLimit
                        )
                    }
                )
            }
        )
    }

    private func note(
        _ response: FetchResponse,
        in fetched: inout [TopicPartition: FetchedPartition]
    ) throws(KafkaClientError) {
        for topic in response.responses {
            for partition in topic.partitions {
                let name = TopicPartition(topic.topic, PartitionIndex(partition.partitionIndex))
                let code = KafkaErrorCode(rawValue: partition.errorCode)
                if code.isMisdirected { try check(partition.errorCode, about: name) }
                var records = partition.records ?? []
                records.removeLast(records.count - Self.wholeBatchByteCount(records))
                fetched[name] = FetchedPartition(
                    code: code,
                    records: records,
                    abortedTransactions: (partition.abortedTransactions ?? []).map {
                        AbortedTransaction(
                            producerID: ProducerID($0.producerID),
                            firstOffset: Offset($0.firstOffset)
                        )
                    },
                    logStart: Offset(max(partition.logStartOffset, 0)),
                    highWatermark: Offset(partition.highWatermark),
                    lastStableOffset: Offset(partition.lastStableOffset)
                )
            }
        }
    }

    /// A server may cut the last batch where the limit lies.
    static func wholeBatchByteCount(_ records: [UInt8]) -> Int {
        records.withUnsafeBytes { bytes in
            var end = 0
            while bytes.count - end >= 12 {
                let length = Int32(
                    bigEndian: bytes.loadUnaligned(fromByteOffset: end + 8, as: Int32.self)
                )
                // What makes no sense is for the reader of batches to say.
                guard length >= 0 else { return bytes.count }
                guard Int(length) <= bytes.count - end - 12 else { break }
                end += 12 + Int(length)
            }
            return end
        }
    }
}

import Bytes
import KafkaWire
package import LogModel

/// What a fetch says of a partition.
package struct FetchedPartition: Sendable {
    /// UNKNOWN_TOPIC_ID for a topic that is not there any more, or that was made anew since.
    package let code: KafkaErrorCode
    /// Whole batches, the first of which may begin before what was asked for.
    package let records: [UInt8]
    package let abortedTransactions: [AbortedTransaction]
    package let logStart: Offset
    package let highWatermark: Offset
    package let lastStableOffset: Offset

    /// Whether nobody answers for it now, and somebody may soon.
    package var isWithoutLeader: Bool {
        code.isMisdirected || code == .unknownTopicOrPartition
    }

    /// What a partition that cannot be read is answered with.
    fileprivate init(_ code: KafkaErrorCode) {
        self.code = code
        records = []
        abortedTransactions = []
        logStart = .zero
        highWatermark = .zero
        lastStableOffset = .zero
    }

    fileprivate init(_ answer: FetchResponse.PartitionData) {
        code = KafkaErrorCode(rawValue: answer.errorCode)
        var records = answer.records ?? []
        records.removeLast(records.count - KafkaCluster.wholeBatchByteCount(records))
        self.records = records
        abortedTransactions = (answer.abortedTransactions ?? []).map {
            AbortedTransaction(
                producerID: ProducerID($0.producerID),
                firstOffset: Offset($0.firstOffset)
            )
        }
        logStart = Offset(max(answer.logStartOffset, 0))
        highWatermark = Offset(answer.highWatermark)
        lastStableOffset = Offset(answer.lastStableOffset)
    }
}

/// Records out. Topics are asked for by the ids that they had when they were first met, where the
/// server takes ids.
extension KafkaCluster {
    /// Reads whole batches of several partitions, from the offset given with each. Where there are
    /// none yet, waits for some. What a quota holds back is asked for again when its time is over;
    /// where somebody asks for the end meanwhile, the answer lacks those partitions. One that
    /// cannot be read is answered with its code.
    package func fetch(
        _ positions: [TopicPartition: Offset],
        isolation: IsolationLevel,
        byteLimit: Int32,
        wait: Duration
    ) throws(KafkaClientError) -> [TopicPartition: FetchedPartition] {
        let begin = time.monotonicNanoseconds()
        try retrying { () throws(KafkaClientError) in try meet(Set(positions.keys.map(\.topic))) }
        let partitions = Array(positions.keys)
        var hasRecords = false
        let answers = try askLeaders(of: partitions) {
            node,
            asked,
            isFirst throws(KafkaClientError) in
            // Nodes are asked one after the other, and share the time.
            let nodeCount = max(Set(partitions.compactMap { leaders[$0] }).count, 1)
            let share = hasRecords || !isFirst ? .zero : wait / nodeCount
            let request = fetchRequest(
                asked,
                positions,
                isolation: isolation,
                byteLimit: byteLimit,
                wait: share
            )
            let response = try answer(to: request, of: node, configuration.requestPatience + share)
            let found = read(response, to: request)
            hasRecords = hasRecords || found.values.contains { !$0.records.isEmpty }
            return try lookInto(found)
        }
        var fetched: [TopicPartition: FetchedPartition] = [:]
        for (partition, answer) in answers {
            switch answer {
            case .success(let answer): fetched[partition] = answer
            case .failure(let error):
                guard let code = error.code else { throw error }
                fetched[partition] = FetchedPartition(code)
            }
        }
        // Nobody was there to wait for.
        if fetched.values.allSatisfy(\.isWithoutLeader) {
            let spent = Duration.nanoseconds(Int64(clamping: time.monotonicNanoseconds() &- begin))
            pause(max(wait - spent, .zero))
        }
        return fetched
    }

    /// Has the ids of these topics told, where they never were.
    private func meet(_ topics: Set<String>) throws(KafkaClientError) {
        let unmet = topics.subtracting(met)
        guard !unmet.isEmpty else { return }
        _ = try metadata(of: unmet.sorted())
        met.formUnion(unmet)
    }

    /// A node over its quota answers at once with a time and without any partition.
    private func answer(
        to request: FetchRequest,
        of node: Node,
        _ patience: Duration
    ) throws(KafkaClientError) -> FetchResponse {
        let haveIDs = request.topics.allSatisfy { $0.topicID != .zero }
        let newest = haveIDs ? Int16.max : FetchRequest.newestWithNames
        var heldBack = Duration.zero
        while true {
            let response = try ask(of: node, patience: patience, upTo: newest) { _ in request }
            try check(response.errorCode, about: "the fetch")
            let isEmpty = response.responses.allSatisfy(\.partitions.isEmpty)
            guard isEmpty, response.throttleTimeMs > 0, !isStopping else { return response }
            heldBack += .milliseconds(response.throttleTimeMs)
            guard heldBack < configuration.throttleLimit else {
                throw .refused(.throttlingQuotaExceeded, about: "the fetch", "")
            }
        }
    }

    /// With names and ids: its version says which of them are sent.
    private func fetchRequest(
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
            topics: Self.byTopic(partitions).map { topic, indexes in
                FetchRequest.FetchTopic(
                    topic: topic,
                    topicID: identities.id(of: topic) ?? .zero,
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

    private func read(
        _ response: FetchResponse,
        to request: FetchRequest
    ) -> [TopicPartition: FetchedPartition] {
        let names = Dictionary(request.topics.map { ($0.topicID, $0.topic) }) { first, _ in first }
        var fetched: [TopicPartition: FetchedPartition] = [:]
        for topic in response.responses {
            let topicName = topic.topicID == .zero ? topic.topic : names[topic.topicID] ?? ""
            for partition in topic.partitions {
                let name = TopicPartition(topicName, PartitionIndex(partition.partitionIndex))
                fetched[name] = FetchedPartition(partition)
            }
        }
        return fetched
    }

    /// A node that does not know a topic may not have heard of it yet; or the topic is gone, as the
    /// cluster tells then.
    private func lookInto(
        _ fetched: [TopicPartition: FetchedPartition]
    ) throws(KafkaClientError) -> [TopicPartition: LeaderAnswer<FetchedPartition>] {
        let unknown = fetched.filter { Self.unknownCodes.contains($0.value.code) }
        let standings = try standings(of: Array(Set(unknown.keys.map(\.topic))))
        var answers: [TopicPartition: LeaderAnswer<FetchedPartition>] = [:]
        for (partition, answer) in fetched {
            if unknown[partition] != nil {
                let isGone = standings[partition.topic] == .gone
                answers[partition] =
                    isGone
                    ? .final(.success(FetchedPartition(.unknownTopicID)))
                    : .again(.refused(.unknownTopicOrPartition, about: "\(partition)", ""))
            } else if answer.code.isMisdirected {
                answers[partition] = .again(.refused(answer.code, about: "\(partition)", ""))
            } else {
                answers[partition] = .final(.success(answer))
            }
        }
        return answers
    }

    private static let unknownCodes: Set<KafkaErrorCode> = [
        .unknownTopicOrPartition, .unknownTopicID, .inconsistentTopicID,
    ]

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

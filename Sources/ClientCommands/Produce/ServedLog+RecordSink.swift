import DirectoryAccess
import KafkaClient
import LogModel
import Terminal

/// Records into a log that is served: what it has acknowledged is durable already.
extension ServedLog: RecordSink {
    func outputTopic(_ name: String) throws(CommandFailure) -> OutputTopic {
        let topic = try requireTopic(name)
        if topic.isInternal { throw place.internalTopic(name) }
        let partitions = topic.partitionNames
        // Keys choose by number.
        guard let last = partitions.last?.partition.rawValue, Int(last) == partitions.count - 1
        else {
            throw CommandFailure(
                "the topic '\(name)' cannot be written to now",
                place: "\(place)",
                reason: "not all of its partitions are told",
                next: place.next("topic describe \(argument: name)")
            )
        }
        let own = try ownOptions(of: name)
        let limit = own["max.message.bytes"].flatMap { Int($0) }
        return OutputTopic(
            name: name,
            id: topic.id,
            partitions: partitions,
            largestBatch: min(limit ?? Self.usualBatchByteCount, BatchLimit.byteCount),
            retentionMilliseconds: Self.retentionMilliseconds(own),
            leaderless: Set(topic.partitions.filter { $0.code.isMisdirected }.map(\.index))
        )
    }

    /// Kafka's default of `max.message.bytes`.
    private static let usualBatchByteCount = 1_048_588

    /// None where they are not told: who may write need not see options.
    private func ownOptions(of topic: String) throws(CommandFailure) -> [String: String] {
        do throws(KafkaClientError) {
            return try cluster.options(of: [topic], withDefaults: true)[topic] ?? [:]
        } catch {
            if case .refused(.topicAuthorizationFailed, _, _) = error { return [:] }
            throw failure("the topic '\(topic)' is not described", error)
        }
    }

    private static func retentionMilliseconds(_ options: [String: String]) -> Int64? {
        let policies = (options["cleanup.policy"] ?? "").split(separator: ",")
        guard policies.contains("delete"), options["message.timestamp.type"] == "CreateTime",
            let span = options["retention.ms"].flatMap({ Int64($0) }), span >= 0
        else { return nil }
        return span
    }

    func makeProducerID() throws(CommandFailure) -> (ProducerID, ProducerEpoch) {
        try asking("the log gives no producer id") { cluster throws(KafkaClientError) in
            try cluster.makeProducerID()
        }
    }

    func append(
        _ batch: UnsafeMutableRawBufferPointer,
        of producer: ProducerID,
        to partition: TopicPartition
    ) throws(AppendFailure) {
        do throws(ProduceFailure) {
            try cluster.produce(Array(batch), to: partition)
        } catch {
            var failure = failure("the log takes no more", error.error)
            failure.place = "\(partition) of \(place)"
            switch error.error {
            case .lost, .unreachable:
                failure.next =
                    "see that the log is served again, and go on behind the lines that "
                    + "are in the topic: the same input once more would be there twice"
            case .refused(let code, _, _): explain(code, of: batch.count, to: partition, &failure)
            default: break
            }
            throw AppendFailure(
                failure: failure,
                isUncertain: error.isUncertain,
                isTooLarge: error.error.code == .messageTooLarge
            )
        }
    }

    /// A batch that is refused for what it is says nothing of those behind it.
    private func explain(
        _ code: KafkaErrorCode,
        of byteCount: Int,
        to partition: TopicPartition,
        _ failure: inout CommandFailure
    ) {
        switch code {
        case .topicAuthorizationFailed, .invalidTopic:
            failure.what = "'\(partition.topic)' takes no records from here"
        case .messageTooLarge, .recordListTooLarge:
            failure.what = "a batch is larger than the topic takes"
            failure.reason =
                "it has \(grouped(byteCount)) bytes, and max.message.bytes of the topic says how "
                + "many one may have (\(code.kafkaName))"
            let option = "max.message.bytes=\(BatchLimit.byteCount)"
            failure.next = place.next(
                "topic alter \(argument: partition.topic) --config \(option)"
            )
        case .unknownServerError: return
        case let code where !code.isRetriable:
            failure.what = "the log refused a batch"
        default: return
        }
    }

    func isStillThere(_ topic: OutputTopic) throws(CommandFailure) -> Bool {
        let what = "whether the topic '\(topic.name)' is still there is not told"
        let found = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.topics(named: [topic.name])
        }
        return found.first.map { $0.id == topic.id } ?? false
    }

    func flush(_ partitions: [TopicPartition]) {}
}

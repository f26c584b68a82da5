package import Broker
package import Bytes
import Coordination
package import LogClient
package import LogModel
import LogStorage

/// The bundled log as a stream's client sees it: direct calls, batches as bytes, nothing encoded
/// a second time.
package final class EmbeddedClient: LogClient {
    private let broker: Broker
    private let ownsBroker: Bool

    /// A client of `broker`; `close` closes the broker too if it `ownsBroker`.
    package init(broker: Broker, ownsBroker: Bool = false) {
        self.broker = broker
        self.ownsBroker = ownsBroker
    }

    package func topics(named names: [String]?) throws(LogClientError) -> [TopicDescription] {
        let found = names.map { $0.compactMap(broker.topic) } ?? broker.topics()
        return found.map {
            TopicDescription(
                name: $0.name,
                id: $0.id,
                partitionCount: Int32($0.partitions.count),
                isInternal: $0.isInternal,
                configuration: $0.options
            )
        }
    }

    package func createTopic(_ specification: TopicSpecification) throws(LogClientError) {
        try converting(specification.name) { () throws(BrokerError) in
            try broker.createTopic(
                specification.name,
                partitionCount: specification.partitionCount,
                options: specification.configuration
            )
        }
    }

    package func alterTopic(
        _ name: String,
        options: [String: String]
    ) throws(LogClientError) {
        try converting(name) { () throws(BrokerError) in
            try broker.alterTopic(name, options: options.mapValues { Optional($0) })
        }
    }

    package func deleteTopic(_ name: String) throws(LogClientError) {
        try converting(name) { () throws(BrokerError) in try broker.deleteTopic(name) }
    }

    package func noteOutputs(_ topics: Set<String>, of job: String) {
        broker.noteOutputs(topics, of: job)
    }

    package func bounds(of partition: TopicPartition) throws(LogClientError) -> PartitionBounds {
        try converting(partition) { () throws(BrokerError) in
            PartitionBounds(try broker.bounds(of: partition))
        }
    }

    package func forgetPositions(
        group: String,
        partitions: Set<TopicPartition>
    ) throws(LogClientError) {
        let outcome = try converting(group) { () throws(BrokerError) in
            try broker.deleteOffsets(of: group, partitions)
        }
        guard case .refused(let code) = outcome, code != .groupIDNotFound else { return }
        throw .fatal("the positions of the group '\(group)' cannot be removed: it has members")
    }

    package func committedPositions(
        group: String,
        partitions: [TopicPartition]
    ) throws(LogClientError) -> [TopicPartition: InputPosition] {
        var signal: UInt64 = 0
        let begin = broker.clock.monotonicNanoseconds()
        while true {
            signal = broker.waitForChange(since: signal, timeout: .milliseconds(100))
            let answers = try converting(group) { () throws(BrokerError) in
                try broker.committedOffsets(
                    group: group,
                    partitions: partitions,
                    requireStable: true
                )
            }
            guard answers.values.contains(.unstable) else {
                return answers.compactMapValues(position)
            }
            // The caller may have to look whether it is to stop.
            let waited = broker.clock.monotonicNanoseconds() - begin
            guard broker.configuration.execution != .inline, waited < 3_000_000_000 else {
                throw unstable(group)
            }
        }
    }

    /// Why positions of a group are not told.
    private func unstable(_ group: String) -> LogClientError {
        let words = "a transaction that has not ended holds positions of the group \(group)"
        let refusal = broker.refusedMarkers().first {
            $0.partition.name.topic == InternalTopic.consumerOffsets.rawValue
        }
        guard let refusal else { return .retriable(words) }
        let reason = "\(words): \(refusal.words)"
        return refusal.failure.lacksRoom ? .full(reason) : .retriable(reason)
    }

    package func fetch(
        _ partition: TopicPartition,
        of topicID: UniqueID?,
        from offset: Offset,
        isolation: IsolationLevel,
        into buffer: FetchBuffer
    ) throws(LogClientError) -> FetchResult {
        while true {
            let failure: BrokerError
            do throws(BrokerError) {
                let result = try broker.fetch(
                    partition,
                    of: topicID,
                    from: offset,
                    isolation: isolation,
                    into: buffer.bytes
                )
                return FetchResult(
                    byteCount: result.byteCount,
                    abortedTransactions: result.abortedTransactions,
                    bounds: PartitionBounds(result.bounds)
                )
            } catch {
                failure = error
            }
            switch failure {
            case .bufferTooSmall(let needed):
                buffer.reserve(needed)
            case .refused(.inconsistentTopicID, _):
                throw .topicReplaced(partition)
            case .offsetOutOfRange:
                try refuseDamage(of: partition, at: offset)
                throw .offsetOutOfRange(
                    partition,
                    requested: offset,
                    bounds: try bounds(of: partition)
                )
            default:
                throw LogClientError(failure, about: partition)
            }
        }
    }

    /// Where a partition is damaged, what lies outside its bounds is not deleted but lost for now.
    package func refuseDamage(
        of partition: TopicPartition,
        at offset: Offset
    ) throws(LogClientError) {
        let damage = try converting(partition) { () throws(BrokerError) in
            try broker.damage(of: partition)
        }
        guard let damage else { return }
        throw .corrupt(
            "\(partition) is damaged and does not hold offset \(offset.rawValue): "
                + "\(damage.file): \(damage.reason)"
        )
    }

    package func waitForChange(since signal: UInt64, timeout: Duration) -> UInt64 {
        broker.waitForChange(since: signal, timeout: timeout)
    }

    package func makeTransactionalProducer(
        transactionalID: String,
        transactionTimeout: Duration
    ) throws(LogClientError) -> any TransactionalProducer {
        try EmbeddedTransactionalProducer(
            broker: broker,
            transactionalID: transactionalID,
            timeout: transactionTimeout,
            time: broker.clock
        )
    }

    package func deleteRecords(
        of partition: TopicPartition,
        before offset: Offset
    ) throws(LogClientError) {
        try converting(partition) { () throws(BrokerError) in
            try broker.deleteRecords(of: partition, before: offset)
        }
    }

    package func close() {
        guard ownsBroker else { return }
        // Nobody is left to tell: the next open recovers what a failed close left.
        do throws(BrokerError) { try broker.close() } catch { return }
    }

    /// The position of an answer; -1, which a client may commit, is none.
    private func position(_ answer: OffsetAnswer) -> InputPosition? {
        guard case .committed(let value) = answer, value.offset >= .zero else { return nil }
        return InputPosition(value.offset, metadata: value.metadata)
    }
}

extension PartitionBounds {
    init(_ bounds: LogBounds) {
        self.init(
            logStart: bounds.logStart,
            highWatermark: bounds.highWatermark,
            lastStableOffset: bounds.lastStableOffset
        )
    }
}

/// Runs a call of the broker; its errors become the client's.
func converting<Result>(
    _ subject: some CustomStringConvertible,
    _ body: () throws(BrokerError) -> Result
) throws(LogClientError) -> Result {
    do throws(BrokerError) {
        return try body()
    } catch {
        throw LogClientError(error, about: subject)
    }
}

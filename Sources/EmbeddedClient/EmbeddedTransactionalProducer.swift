import Broker
import Bytes
import Coordination
import LogClient
import LogModel
import LogStorage

/// The owner of a transactional id in this process.
///
/// The epoch rises at each end, and sequence numbers begin at 0 with each epoch: what a record
/// belongs to can be told from its batch alone.
final class EmbeddedTransactionalProducer: TransactionalProducer {
    /// What is known of one partition.
    private struct Output {
        let partition: Partition
        /// Of the next record; meaningful in the epoch it was written in.
        var sequence = SequenceNumber(0)
        /// The epoch in which the partition was last added to the transaction.
        var addedIn = ProducerEpoch.none
        var nextOffset: Offset?
        /// The transaction in which something was last appended.
        var appendedIn = 0
    }

    private let broker: Broker
    private let time: any TimeSource
    private let transactionalID: String
    private var producerID: ProducerID
    private var epoch: ProducerEpoch
    private var outputs: [TopicPartition: Output] = [:]
    /// How many were ended.
    private var transaction = 0
    /// Whether anything was added since the last end.
    private var isOpen = false
    /// The failure that ended this producer, if one did.
    private var failure: LogClientError?

    init(
        broker: Broker,
        transactionalID: String,
        timeout: Duration,
        time: any TimeSource
    ) throws(LogClientError) {
        let reply = try converting(transactionalID) { () throws(BrokerError) in
            try broker.takeOver(transactionalID: transactionalID, timeout: timeout)
        }
        switch reply {
        case .producer(let producerID, let epoch):
            self.broker = broker
            self.time = time
            self.transactionalID = transactionalID
            self.producerID = producerID
            self.epoch = epoch
        case .done: throw .fatal("\(transactionalID): no producer id was given")
        case .error(let code):
            if let full = Self.lackOfRoom(code, of: transactionalID, .none, broker) { throw full }
            let words = Self.words(for: code, of: transactionalID, .none, broker)
            throw LogClientError(.refused(code, words), about: transactionalID)
        }
    }

    func append(
        _ batch: inout RecordBatchBuilder,
        to name: TopicPartition
    ) throws(LogClientError) {
        if let failure { throw failure }
        var output = try output(for: name)
        if output.addedIn != epoch {
            try add(name)
            output.addedIn = epoch
            output.sequence = SequenceNumber(0)
            output.nextOffset = nil
        }
        let recordCount = batch.recordCount
        let bytes = batch.seal(
            attributes: BatchAttributes(isTransactional: true),
            producerID: producerID,
            producerEpoch: epoch,
            baseSequence: output.sequence
        )
        let outcome: AppendOutcome
        do throws(BrokerError) {
            outcome = try broker.append(bytes, to: output.partition)
        } catch {
            // Disk full: nothing was written, the transaction can be aborted and tried again.
            throw LogClientError(error, about: name)
        }
        switch outcome {
        case .appended(_, let last):
            output.sequence = output.sequence.advanced(by: recordCount)
            output.nextOffset = last.advanced(by: 1)
            output.appendedIn = transaction
            outputs[name] = output
        case .duplicate:
            // Nothing is sent twice here: somebody else's records go by this producer's numbers.
            let error = LogClientError.producerInvalid(
                "\(name) holds records of another producer with the id \(producerID.rawValue)"
            )
            failure = error
            throw error
        case .refused(let code, let message):
            throw refusal(code, message: "\(name): \(message)")
        }
    }

    func addOffsets(
        _ offsets: [TopicPartition: InputPosition],
        group: String
    ) throws(LogClientError) {
        if let failure { throw failure }
        guard !offsets.isEmpty else { return }
        let now = time.wallTime()
        let values = offsets.mapValues {
            CommittedOffset(
                offset: $0.offset,
                metadata: $0.metadata,
                topicID: $0.topicID ?? .zero,
                commitTime: now
            )
        }
        try expectDone { () throws(BrokerError) in
            try broker.addOffsets(
                transactionalID: transactionalID,
                producerID: producerID,
                epoch: epoch,
                group: group,
                offsets: values
            )
        }
        isOpen = true
    }

    func commit() throws(LogClientError) {
        try end(.commit)
    }

    func abort() throws(LogClientError) {
        try end(.abort)
    }

    func nextOffset(of partition: TopicPartition) -> Offset? {
        let latest = isOpen ? transaction : transaction - 1
        return outputs[partition].flatMap { $0.appendedIn == latest ? $0.nextOffset : nil }
    }

    func close() {
        guard failure == nil else { return }
        // An abort that fails is the next owner's, or the timeout's, to do.
        do throws(LogClientError) { try abort() } catch { failure = error }
        failure = .fatal("\(transactionalID): the producer was closed")
    }

    private func end(_ result: TransactionResult) throws(LogClientError) {
        if let failure { throw failure }
        guard isOpen else { return }
        let reply = try converting(transactionalID) { () throws(BrokerError) in
            try broker.untilSettled(transactionalID) { () throws(BrokerError) in
                try broker.endTransaction(
                    transactionalID: transactionalID,
                    producerID: producerID,
                    epoch: epoch,
                    result: result
                )
            }
        }
        switch reply {
        case .producer(let producerID, let epoch):
            self.producerID = producerID
            self.epoch = epoch
            noteEnd()
        case .done: noteEnd()
        case .error(let code):
            throw refusal(code, message: words(for: code))
        }
    }

    private func noteEnd() {
        isOpen = false
        transaction += 1
    }

    private func output(for name: TopicPartition) throws(LogClientError) -> Output {
        let partition = try converting(name) { () throws(BrokerError) in
            try broker.findForRecords(name)
        }
        // A topic that was made anew under the name is another one.
        if let known = outputs[name], known.partition === partition { return known }
        return Output(partition: partition)
    }

    /// Adds a partition to the transaction, which may have to wait for the end of the last one.
    private func add(_ name: TopicPartition) throws(LogClientError) {
        try expectDone { () throws(BrokerError) in
            try broker.addPartitions(
                transactionalID: transactionalID,
                producerID: producerID,
                epoch: epoch,
                partitions: [name],
                mustBeDurable: false
            )
        }
        isOpen = true
    }

    private func expectDone(
        _ request: () throws(BrokerError) -> TransactionReply
    ) throws(LogClientError) {
        let reply: TransactionReply
        do throws(LogClientError) {
            reply = try converting(transactionalID) { () throws(BrokerError) in
                try broker.untilSettled(transactionalID, request)
            }
        } catch {
            // Of what failed on its way a part may be in: then there is something to abort.
            if broker.describeTransaction(transactionalID)?.state == .ongoing { isOpen = true }
            throw error
        }
        switch reply {
        case .done, .producer: return
        case .error(let code):
            throw refusal(code, message: words(for: code))
        }
    }

    private func words(for code: KafkaErrorCode) -> String {
        Self.words(for: code, of: transactionalID, producerID, broker)
    }

    /// What an answer of the coordinator says to a person. The producer id is the one that an
    /// earlier process may have left something open with.
    private static func words(
        for code: KafkaErrorCode,
        of transactionalID: String,
        _ producerID: ProducerID,
        _ broker: Broker
    ) -> String {
        guard code == .concurrentTransactions else {
            return "\(transactionalID): Kafka's error \(code.rawValue)"
        }
        let refusal = Self.refusedMarker(of: transactionalID, producerID, broker)
        let reason = refusal?.words ?? "its markers are not written yet"
        return "the last transaction of \(transactionalID) has not ended: \(reason)"
    }

    private static func refusedMarker(
        of transactionalID: String,
        _ producerID: ProducerID,
        _ broker: Broker
    ) -> MarkerRefusal? {
        broker.refusedMarkers().first {
            $0.transactionalID == transactionalID || $0.producerID == producerID
        }
    }

    /// The error of an answer that waits for room on the disk, nil for other answers.
    private static func lackOfRoom(
        _ code: KafkaErrorCode,
        of transactionalID: String,
        _ producerID: ProducerID,
        _ broker: Broker
    ) -> LogClientError? {
        guard code == .concurrentTransactions else { return nil }
        if let reason = broker.undecidedReason(of: transactionalID) { return .full(reason) }
        let refusal = refusedMarker(of: transactionalID, producerID, broker)
        guard let refusal, refusal.failure.lacksRoom else { return nil }
        return .full(refusal.words)
    }

    /// What a refusal means: fenced by a new owner is another thing than by the timeout.
    private func refusal(_ code: KafkaErrorCode, message: String) -> LogClientError {
        if let full = Self.lackOfRoom(code, of: transactionalID, producerID, broker) { return full }
        guard code == .producerFenced || code == .invalidProducerEpoch else {
            return LogClientError(.refused(code, message), about: transactionalID)
        }
        let isStillOwner = broker.canResume(
            transactionalID: transactionalID,
            producerID: producerID,
            epoch: epoch
        )
        let error: LogClientError =
            isStillOwner
            ? .producerInvalid("\(message): the transaction took too long and was aborted")
            : .fenced("\(message): a newer owner exists")
        failure = error
        return error
    }
}

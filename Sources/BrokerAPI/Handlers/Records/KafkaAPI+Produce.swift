import Broker
import Bytes
import KafkaWire
import LogModel
import LogStorage
import Threads

/// Produce 3-13. Batches are appended before the call returns, in the order in which the requests
/// of a connection came; the answer follows when they are durable, with `acks` 1 as with -1: there
/// is one node, and what it acknowledges it has flushed. With `acks` 0 nothing is answered, and a
/// refusal closes the connection. From version 12 on partitions join the producer's transaction
/// with their first batch; version 13 names topics by their ids.
extension KafkaAPI {
    func produce(
        _ apiRequest: APIRequest,
        complete: @escaping APIEntry.Completion
    ) {
        switch decode(ProduceRequest.self, apiRequest) {
        case .failure(let error): complete(.undecodable(error))
        case .success(var request):
            let version = apiRequest.version
            let acks = request.acks
            var appended = Appended(version: version)
            appended.take(&request, broker, rights(of: apiRequest.connection))
            let done = appended
            guard acks != 0 else {
                broker.flush(done.partitions) { _ in }
                let isRefused = done.hasRefusal
                return complete(
                    isRefused ? .close(reason: "a produce without acknowledgement failed") : .none
                )
            }
            broker.flush(done.partitions) { failure in
                complete(.encoding(done.response(after: failure), version: version))
            }
        }
    }
}

/// What became of the batches of one request, before they are durable.
private struct Appended: Sendable {
    private struct Outcome: Sendable {
        var index: Int32
        var code: KafkaErrorCode
        var partition: Partition?
        var base: Offset = Offset(-1)
        var last: Offset = Offset(-1)
        var appendTime = Timestamp.none
        /// Refused before the partition's log was asked.
        var isEarly = false
        var message: String?
        var recordErrors: [Int32] = []
    }

    private struct Topic: Sendable {
        var target: WireTopic
        var outcomes: [Outcome]
    }

    /// Clients of older versions do not know the codec.
    private static let zstdVersion: Int16 = 7
    private static let unsupportedCompressionType = KafkaErrorCode(rawValue: 76)

    private let version: Int16
    private var isTransactional = false
    private var topics: [Topic] = []
    /// The partitions that cannot join the producer's transaction.
    private var outsiders: [TopicPartition: KafkaErrorCode] = [:]

    init(version: Int16) { self.version = version }

    var hasRefusal: Bool {
        topics.contains { $0.outcomes.contains { $0.code != .none } }
    }

    /// Where something is to be made durable.
    var partitions: [Partition] {
        topics.flatMap { $0.outcomes.compactMap { $0.code == .none ? $0.partition : nil } }
    }

    /// Appends all batches; the records of `request` are taken out of it, not copied.
    mutating func take(
        _ request: inout ProduceRequest,
        _ broker: Broker,
        _ rights: Rights?
    ) {
        var refusal: KafkaErrorCode? =
            [0, 1, -1].contains(request.acks) ? nil : .invalidRequiredAcks
        if let id = request.transactionalID, rights?.allows(.write, .transactionalID, id) == false {
            refusal = .transactionalIDAuthorizationFailed
        }
        let transactionalID = request.transactionalID
        isTransactional = transactionalID != nil
        let known = broker.topicSnapshot()
        let targets = request.topicData.map {
            version >= 13 ? WireTopic(id: $0.topicID, known) : WireTopic(name: $0.name)
        }
        let denied = Self.takeDenied(&request, targets, rights)
        if version >= 12, refusal == nil {
            outsiders = ProduceJoins.refusals(of: request, targets, broker)
        }
        for topic in request.topicData.indices {
            let target = targets[topic]
            let refusal =
                refusal ?? (target.isUnknown ? .unknownTopicID : nil)
                ?? (denied.contains(topic) ? .topicAuthorizationFailed : nil)
            var outcomes: [Outcome] = []
            for index in request.topicData[topic].partitionData.indices {
                let number = request.topicData[topic].partitionData[index].index
                if let refusal {
                    outcomes.append(Outcome(index: number, code: refusal, isEarly: true))
                    continue
                }
                var records =
                    request.topicData[topic].partitionData[index].records.take() ?? []
                outcomes.append(
                    append(
                        &records,
                        to: target.partition(number),
                        of: target.id,
                        transactionalID,
                        broker
                    )
                )
            }
            // As Kafka has it: what no log was asked about comes first.
            topics.append(
                Topic(
                    target: target,
                    outcomes: outcomes.filter(\.isEarly) + outcomes.filter { !$0.isEarly }
                )
            )
        }
    }

    /// The topics that may not be written, as indexes. Their records are taken out of the request:
    /// nothing is to come of them.
    private static func takeDenied(
        _ request: inout ProduceRequest,
        _ targets: [WireTopic],
        _ rights: Rights?
    ) -> Set<Int> {
        guard let rights else { return [] }
        var denied: Set<Int> = []
        for index in targets.indices
        where !targets[index].isUnknown && !rights.allows(.write, .topic, targets[index].name) {
            denied.insert(index)
            for partition in request.topicData[index].partitionData.indices {
                request.topicData[index].partitionData[partition].records = nil
            }
        }
        return denied
    }

    private func append(
        _ records: inout [UInt8],
        to name: TopicPartition,
        of topicID: UniqueID?,
        _ transactionalID: String?,
        _ broker: Broker
    ) -> Outcome {
        var outcome = Outcome(index: name.partition.rawValue, code: .none)
        do throws(BrokerError) {
            if let code = refusal(of: records, to: name.topic, transactionalID) {
                // One that does not exist comes first.
                if code != .invalidTopic { _ = try broker.find(name) }
                outcome.code = code
                outcome.isEarly = true
                return outcome
            }
            let partition = try broker.find(name)
            outcome.partition = partition
            if let code = outsiders[name] {
                outcome.code = code
                return outcome
            }
            let result = try Self.append(&records, name, topicID, transactionalID, broker)
            switch result {
            case .appended(let base, let last):
                outcome.base = base
                outcome.last = last
                if partition.log.configuration.usesLogAppendTime {
                    outcome.appendTime = Self.maxTimestamp(records)
                }
            case .duplicate(let base, let last):
                outcome.base = base
                outcome.last = last
                // Kafka tells the time of the batch that it has; the one sent is the same.
                outcome.appendTime = Self.maxTimestamp(records)
            case .refused(let code, let text): refuse(code, text, records, &outcome)
            }
        } catch {
            outcome.code = error.code
            outcome.isEarly = outcome.partition == nil
            if error.code == .kafkaStorageError { outcome.message = error.description }
        }
        return outcome
    }

    private static func append(
        _ records: inout [UInt8],
        _ name: TopicPartition,
        _ topicID: UniqueID?,
        _ transactionalID: String?,
        _ broker: Broker
    ) throws(BrokerError) -> AppendOutcome {
        let result = records.withUnsafeMutableBytes { bytes in
            Result { () throws(BrokerError) in
                try broker.produce(
                    batch: bytes,
                    to: name,
                    of: topicID,
                    transactionalID: transactionalID,
                    flush: false
                )
            }
        }
        return try result.get()
    }

    /// Fills in a refusal; which records are at fault is found out here, for it is rare.
    private func refuse(
        _ code: KafkaErrorCode,
        _ text: String,
        _ records: [UInt8],
        _ outcome: inout Outcome
    ) {
        outcome.code = code
        // Older clients do not know the code.
        if code == .transactionAbortable, version < 11 { outcome.code = .invalidTransactionState }
        guard code == .invalidRecord || code == .invalidTimestamp, let log = outcome.partition?.log
        else { return }
        let refusal = records.withUnsafeBytes { log.refusalToClients(of: $0) }
        guard let refusal, !refusal.recordIndexes.isEmpty else { return }
        outcome.recordErrors = refusal.recordIndexes
        outcome.message = text
    }

    /// What is told without looking at a partition; nil where it has to be asked.
    private func refusal(
        of records: [UInt8],
        to topic: String,
        _ transactionalID: String?
    ) -> KafkaErrorCode? {
        if InternalTopic(rawValue: topic) != nil { return .invalidTopic }
        return records.withUnsafeBytes { bytes -> KafkaErrorCode? in
            do throws(RecordBatchError) {
                let batch = try RecordBatchView(bytes)
                // A torn batch behind the first is left out, a whole one is one too many.
                let rest = UnsafeRawBufferPointer(rebasing: bytes[batch.byteCount...])
                if (try? RecordBatchView(rest)) != nil { return .invalidRecord }
                if version < Self.zstdVersion,
                    batch.attributes.codecNumber == CompressionCodec.zstd.rawValue
                {
                    return Self.unsupportedCompressionType
                }
                // Only a transaction needs an id, and one that is there.
                guard batch.attributes.isTransactional else { return nil }
                guard let transactionalID else { return .transactionalIDAuthorizationFailed }
                return transactionalID.isEmpty ? .invalidRequest : nil
            } catch {
                switch error {
                // No whole batch, or one of the formats before.
                case .truncated: return .invalidRecord
                case .unsupportedMagic(let magic) where magic < 2: return .invalidRecord
                default: return nil
                }
            }
        }
    }

    private static func maxTimestamp(_ records: [UInt8]) -> Timestamp {
        records.withUnsafeBytes { bytes in
            (try? RecordBatchView(bytes))?.maxTimestamp ?? .none
        }
    }

    /// What Kafka finds out when it appends: there it tells where the log begins. An epoch that is
    /// too old is found out before where the batch is transactional.
    private static func tellsLogStart(_ outcome: Outcome, isTransactional: Bool) -> Bool {
        switch outcome.code {
        case .outOfOrderSequenceNumber, .invalidTransactionState, .invalidRecord,
            .invalidTimestamp:
            true
        case .invalidProducerEpoch: !isTransactional
        default: false
        }
    }

    /// The answer, once it is known what is durable.
    func response(after failure: BrokerError?) -> ProduceResponse {
        var response = ProduceResponse()
        response.responses = topics.map { topic in
            .init(
                name: topic.target.answeredName,
                topicID: topic.target.answeredID,
                partitionResponses: topic.outcomes.map { answer($0, failure) }
            )
        }
        return response
    }

    private func answer(
        _ outcome: Outcome,
        _ failure: BrokerError?
    ) -> ProduceResponse.PartitionProduceResponse {
        var answer = ProduceResponse.PartitionProduceResponse()
        answer.index = outcome.index
        answer.baseOffset = -1
        answer.errorCode = outcome.code.rawValue
        answer.errorMessage = outcome.message
        let start = outcome.partition?.log.knownBounds?.logStart.rawValue ?? -1
        guard outcome.code == .none else {
            answer.recordErrors = outcome.recordErrors.map {
                .init(batchIndex: $0, batchIndexErrorMessage: outcome.message)
            }
            if Self.tellsLogStart(outcome, isTransactional: isTransactional) {
                answer.logStartOffset = start
            }
            return answer
        }
        // One partition's failure is that partition's.
        if let failure, let log = outcome.partition?.log,
            log.knownBounds?.highWatermark ?? .zero <= outcome.last
        {
            answer.errorCode = failure.code.rawValue
            answer.errorMessage = failure.description
            return answer
        }
        answer.baseOffset = outcome.base.rawValue
        answer.logAppendTimeMs = outcome.appendTime.rawValue
        answer.logStartOffset = start
        return answer
    }
}

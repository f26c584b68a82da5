import Broker
import KafkaWire
import LogModel
import LogStorage

/// Fetch 4-12. Answered at once where there is enough, an error, or no time to wait; parked
/// otherwise (`ParkedFetches`). Every answer has the session id 0: nothing is remembered of a
/// client.
extension KafkaAPI {
    func fetch(
        _ request: FetchRequest,
        _ call: APICall,
        complete: @escaping @Sendable (FetchResponse?) -> Void
    ) {
        if let refusal = Self.sessionRefusal(request) {
            var response = FetchResponse()
            response.errorCode = refusal.rawValue
            return complete(response)
        }
        let wait = UInt64(max(request.maxWaitMs, 0)) * 1_000_000
        let deadline = broker.clock.monotonicNanoseconds() &+ wait
        attempt(request, call, deadline: deadline, isLast: wait == 0, complete: complete)
    }

    private func attempt(
        _ request: FetchRequest,
        _ call: APICall,
        deadline: UInt64,
        isLast: Bool,
        complete: @escaping @Sendable (FetchResponse?) -> Void
    ) {
        var reading = FetchReading(request, byteLimit: configuration.fetchByteLimit)
        reading.run(broker)
        let isEnough = reading.byteCount >= max(Int(request.minBytes), 0) || reading.hasFailed
        if isLast || isEnough { return complete(reading.response) }
        parkedFetches.park(call.connection, until: deadline, reading.watched) { [self] isLast in
            attempt(request, call, deadline: deadline, isLast: isLast, complete: complete)
        }
    }

    private static func sessionRefusal(_ request: FetchRequest) -> KafkaErrorCode? {
        if request.sessionID != 0 { return .fetchSessionIDNotFound }
        return request.sessionEpoch > 0 ? .invalidFetchSessionEpoch : nil
    }
}

/// One look at everything that a fetch asks for.
private struct FetchReading {
    private let request: FetchRequest
    private let isolation: IsolationLevel
    private var leftByteCount: Int
    private(set) var byteCount = 0
    private(set) var hasFailed = false
    private(set) var watched: [ParkedFetches.Watched] = []
    private(set) var response = FetchResponse()

    /// What is read of one partition at once, however much a client would take: the rest comes
    /// with its next fetch.
    private static let partitionByteLimit = 8 << 20

    init(_ request: FetchRequest, byteLimit: Int) {
        self.request = request
        isolation = IsolationLevel(wire: request.isolationLevel)
        leftByteCount = max(0, min(Int(request.maxBytes), byteLimit))
    }

    mutating func run(_ broker: Broker) {
        for topic in request.topics {
            var answers: [FetchResponse.PartitionData] = []
            for asked in topic.partitions {
                answers.append(read(asked, of: topic.topic, broker))
            }
            response.responses.append(.init(topic: topic.topic, partitions: answers))
        }
    }

    private mutating func read(
        _ asked: FetchRequest.FetchPartition,
        of topic: String,
        _ broker: Broker
    ) -> FetchResponse.PartitionData {
        var answer = FetchResponse.PartitionData()
        answer.partitionIndex = asked.partition
        answer.records = []
        answer.abortedTransactions = isolation == .readCommitted ? [] : nil
        let name = TopicPartition(topic, PartitionIndex(asked.partition))
        do throws(BrokerError) {
            let partition = try broker.find(name)
            let code = partition.refusal(ofLeaderEpoch: asked.currentLeaderEpoch)
            guard code == .none else { return fail(code, &answer) }
            try fill(&answer, asked, partition, broker)
        } catch {
            // Kafka has an empty list here where it otherwise has none.
            if error.code == .unknownTopicOrPartition { answer.abortedTransactions = [] }
            return fail(error.code, &answer)
        }
        return answer
    }

    private mutating func fail(
        _ code: KafkaErrorCode,
        _ answer: inout FetchResponse.PartitionData
    ) -> FetchResponse.PartitionData {
        hasFailed = true
        answer.errorCode = code.rawValue
        answer.highWatermark = -1
        return answer
    }

    private mutating func fill(
        _ answer: inout FetchResponse.PartitionData,
        _ asked: FetchRequest.FetchPartition,
        _ partition: Partition,
        _ broker: Broker
    ) throws(BrokerError) {
        let offset = Offset(asked.fetchOffset)
        let limit = max(
            0,
            min(Int(asked.partitionMaxBytes), leftByteCount, Self.partitionByteLimit)
        )
        var bounds = try broker.bounds(of: partition.name)
        let end = end(of: bounds)
        if offset >= bounds.logStart, offset < end, limit > 0 || byteCount == 0 {
            let read = try records(partition.name, offset, limit, broker)
            bounds = read.result?.bounds ?? bounds
            byteCount += read.bytes.count
            leftByteCount -= read.bytes.count
            if isolation == .readCommitted {
                answer.abortedTransactions = (read.result?.abortedTransactions ?? [])
                    .sorted { $0.firstOffset < $1.firstOffset }
                    .map {
                        .init(
                            producerID: $0.producerID.rawValue,
                            firstOffset: $0.firstOffset.rawValue
                        )
                    }
            }
            answer.records = read.bytes
        } else if offset < bounds.logStart || offset > bounds.logEnd {
            throw .offsetOutOfRange("\(partition.name)")
        }
        answer.highWatermark = bounds.highWatermark.rawValue
        answer.lastStableOffset = bounds.lastStableOffset.rawValue
        answer.logStartOffset = bounds.logStart.rawValue
        watched.append(
            ParkedFetches.Watched(log: partition.log, isolation: isolation, end: end)
        )
    }

    private func end(of bounds: LogBounds) -> Offset {
        isolation == .readCommitted ? bounds.lastStableOffset : bounds.highWatermark
    }

    /// Whole batches; the first one of an answer whatever the limit. None where it does not fit.
    private func records(
        _ name: TopicPartition,
        _ offset: Offset,
        _ limit: Int,
        _ broker: Broker
    ) throws(BrokerError) -> (bytes: [UInt8], result: LogReadResult?) {
        var capacity = limit
        while true {
            var outcome: Result<LogReadResult, BrokerError> = .failure(.closed)
            let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                outcome = Result { () throws(BrokerError) in
                    try broker.fetch(
                        name,
                        from: offset,
                        isolation: isolation,
                        into: UnsafeMutableRawBufferPointer(
                            rebasing: UnsafeMutableRawBufferPointer(buffer)[..<capacity]
                        )
                    )
                }
                count = (try? outcome.get().byteCount) ?? 0
            }
            switch outcome {
            case .success(let result):
                // What waits to be sent must not hold much more than it sends.
                return (bytes.count < capacity / 2 ? Array(bytes[...]) : bytes, result)
            case .failure(.bufferTooSmall(let needed)) where byteCount == 0 && needed > capacity:
                capacity = needed
            case .failure(.bufferTooSmall): return ([], nil)
            case .failure(let error): throw error
            }
        }
    }
}

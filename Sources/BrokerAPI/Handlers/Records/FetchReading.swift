import Broker
import Bytes
import KafkaWire
import LogModel
import LogStorage

/// One look at everything that a fetch asks for.
struct FetchReading {
    /// What a fetch wants at all.
    struct Limits: Sendable {
        let isolation: IsolationLevel
        let byteLimit: Int
        let leastByteCount: Int

        init(_ request: FetchRequest, byteLimit: Int) {
            isolation = IsolationLevel(wire: request.isolationLevel)
            self.byteLimit = max(0, min(Int(request.maxBytes), byteLimit))
            // More than it may bring is not waited for.
            leastByteCount = max(min(Int(request.minBytes), self.byteLimit), 0)
        }
    }

    private let limits: Limits
    private var isolation: IsolationLevel { limits.isolation }
    private let memory: AnswerMemory
    /// What is claimed of it and holds nothing.
    private var spareByteCount: Int
    /// What is brought, and claimed for that until whoever answers gives it back.
    private(set) var byteCount = 0
    /// What the first batch needs, for which there was no room.
    private var missingByteCount: Int?
    /// What there is to bring within the limits of the client: as Kafka counts, by bytes, not by
    /// the whole batches that are brought of them.
    private var countedByteCount = 0
    /// There is more that the client would take, and this answer may not bring.
    private var isCut = false
    private(set) var hasFailed = false
    /// Partitions of which nobody reads: not there, or not this client's. Kafka tells of them with
    /// the others, however long that takes.
    private(set) var refusedCount = 0
    /// A partition is told of, of which nothing is brought.
    private var hasDiverged = false
    private(set) var watched: [ParkedFetches.Watched] = []
    /// In the order of the partitions.
    private(set) var answers: [FetchResponse.PartitionData] = []

    /// What is read of one partition at once, however much a client would take: the rest comes
    /// with its next fetch.
    private static let partitionByteLimit = 8 << 20

    /// - Parameter granted: What is claimed of the memory already.
    init(_ limits: Limits, _ memory: AnswerMemory, granted: Int) {
        self.limits = limits
        self.memory = memory
        spareByteCount = granted
    }

    /// Whether it need not wait for more.
    var isEnough: Bool { isCut || hasDiverged || countedByteCount >= limits.leastByteCount }

    /// What it needs of the memory to bring anything; nil where it brings something, or there is
    /// nothing.
    var neededByteCount: Int? { byteCount == 0 ? missingByteCount : nil }

    /// The rights of now count: a session may have begun with others.
    mutating func run(_ partitions: [FetchedPartition], _ broker: Broker, _ rights: Rights?) {
        answers.reserveCapacity(partitions.count)
        let topics = broker.topicSnapshot()
        var known: [FetchKey.Topic: (topic: WireTopic, isAllowed: Bool)] = [:]
        for asked in partitions {
            if known[asked.key.topic] == nil {
                let topic = WireTopic(asked.key.topic, topics)
                let isAllowed =
                    topic.isUnknown || rights?.allows(.read, .topic, topic.name) ?? true
                known[asked.key.topic] = (topic, isAllowed)
            }
            guard let (topic, isAllowed) = known[asked.key.topic] else { continue }
            answers.append(isAllowed ? read(asked, of: topic, topics, broker) : refuse(asked))
        }
        memory.release(spareByteCount)
        spareByteCount = 0
    }

    private mutating func refuse(_ asked: FetchedPartition) -> FetchResponse.PartitionData {
        var answer = FetchResponse.PartitionData()
        answer.partitionIndex = asked.key.index
        answer.records = []
        return refuse(.topicAuthorizationFailed, &answer)
    }

    private mutating func read(
        _ asked: FetchedPartition,
        of topic: WireTopic,
        _ topics: TopicSnapshot,
        _ broker: Broker
    ) -> FetchResponse.PartitionData {
        var answer = FetchResponse.PartitionData()
        answer.partitionIndex = asked.key.index
        answer.records = []
        answer.abortedTransactions = isolation == .readCommitted ? [] : nil
        if topic.isUnknown {
            return refuse(.unknownTopicID, &answer)
        }
        do throws(BrokerError) {
            let partition = try topics.find(topic.partition(asked.key.index))
            // Any number below 0 says nothing here, in Kafka too.
            let code = partition.refusal(ofLeaderEpoch: max(-1, asked.currentLeaderEpoch))
            guard code == .none else { return fail(code, &answer) }
            if try diverges(asked, partition, &answer) { return answer }
            try fill(&answer, asked, of: topic.id, partition, broker)
        } catch {
            guard error.code == .unknownTopicOrPartition else { return fail(error.code, &answer) }
            return refuse(error.code, &answer)
        }
        return answer
    }

    private mutating func refuse(
        _ code: KafkaErrorCode,
        _ answer: inout FetchResponse.PartitionData
    ) -> FetchResponse.PartitionData {
        refusedCount += 1
        // Kafka has an empty list here, and none where reading failed.
        answer.abortedTransactions = []
        answer.errorCode = code.rawValue
        answer.highWatermark = -1
        return answer
    }

    private mutating func fail(
        _ code: KafkaErrorCode,
        _ answer: inout FetchResponse.PartitionData
    ) -> FetchResponse.PartitionData {
        hasFailed = true
        answer.abortedTransactions = nil
        answer.errorCode = code.rawValue
        answer.highWatermark = -1
        return answer
    }

    /// Whether the client's last records are of an epoch that ended before its offset here: it is
    /// told where, and brought nothing.
    private mutating func diverges(
        _ asked: FetchedPartition,
        _ partition: Partition,
        _ answer: inout FetchResponse.PartitionData
    ) throws(BrokerError) -> Bool {
        guard asked.lastFetchedEpoch >= 0 else { return false }
        let found = try partition.end(of: LeaderEpoch(asked.lastFetchedEpoch))
        let bounds = try partition.bounds
        guard let found, Offset(asked.offset) >= bounds.logStart else {
            throw .offsetOutOfRange("\(partition.name)")
        }
        guard found.epoch.rawValue < asked.lastFetchedEpoch || found.end < Offset(asked.offset)
        else { return false }
        hasDiverged = true
        answer.abortedTransactions = nil
        answer.divergingEpoch.epoch = found.epoch.rawValue
        answer.divergingEpoch.endOffset = found.end.rawValue
        answer.tell(bounds)
        return true
    }

    private mutating func fill(
        _ answer: inout FetchResponse.PartitionData,
        _ asked: FetchedPartition,
        of topicID: UniqueID?,
        _ partition: Partition,
        _ broker: Broker
    ) throws(BrokerError) {
        let offset = Offset(asked.offset)
        let wanted = max(0, min(Int(asked.byteLimit), limits.byteLimit - byteCount))
        var bounds = try partition.bounds
        var end = end(of: bounds)
        var found = 0
        let isThere = offset >= bounds.logStart && offset < end
        let limit = isThere ? claim(upTo: min(wanted, Self.partitionByteLimit)) : 0
        if isThere, limit > 0 || byteCount == 0 {
            let read: FoundRecords
            do throws(BrokerError) {
                read = try records(partition, topicID, offset, limit, broker)
            } catch .offsetOutOfRange(let what) {
                // The bounds were those of a partition that slept: it was opened by the reading.
                bounds = try partition.bounds
                try partition.refuseDamaged(at: offset, bounds)
                throw .offsetOutOfRange(what)
            }
            bounds = read.result?.bounds ?? bounds
            end = self.end(of: bounds)
            // Below the end nothing may be left, where compaction was.
            let isAll = read.end.map { $0 >= end } ?? (read.result != nil)
            found = isAll ? read.bytes.count : max(wanted, read.bytes.count)
            countedByteCount += found
            isCut = isCut || !isAll && limit < wanted
            byteCount += read.bytes.count
            spareByteCount -= read.bytes.count
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
        } else {
            // Once it is repaired they are there again: nobody may take them for deleted, or that
            // place for the end.
            try partition.refuseDamaged(at: offset, bounds, end: end)
            if offset < bounds.logStart || offset > bounds.logEnd {
                throw .offsetOutOfRange("\(partition.name)")
            }
            // There is no room for what lies here.
            isCut = isCut || offset < end && wanted > 0
        }
        answer.tell(bounds)
        watched.append(
            ParkedFetches.Watched(
                log: partition.log,
                isolation: isolation,
                offset: offset,
                end: end,
                found: found,
                wanted: min(Int(asked.byteLimit), limits.byteLimit),
                brought: Self.partitionByteLimit
            )
        )
    }

    private mutating func claim(upTo byteCount: Int) -> Int {
        let missing = byteCount - spareByteCount
        if missing > 0 { spareByteCount += memory.claim(upTo: missing) }
        return min(byteCount, spareByteCount)
    }

    /// Room for a first batch whatever the client's limits.
    private mutating func claimFirst(_ byteCount: Int) -> Bool {
        let missing = byteCount - spareByteCount
        guard missing <= 0 || memory.claim(all: missing, beside: spareByteCount) else {
            missingByteCount = missingByteCount ?? byteCount
            return false
        }
        spareByteCount = max(spareByteCount, byteCount)
        return true
    }

    private func end(of bounds: LogBounds) -> Offset {
        isolation == .readCommitted ? bounds.lastStableOffset : bounds.highWatermark
    }

    /// How many bytes of whole batches are as they were written, and where they end: what lies
    /// behind them is answered with an error, once it comes first.
    private static func soundPart(
        of bytes: [UInt8],
        _ name: TopicPartition
    ) throws(BrokerError) -> (byteCount: Int, end: Offset?) {
        let (sound, end, reason) = bytes.withUnsafeBytes { bytes in
            var batches = RecordBatchSequence(bytes)
            var sound = 0
            var end: Offset?
            do throws(RecordBatchError) {
                while let batch = try batches.next() {
                    try batch.verifyChecksum()
                    sound += batch.byteCount
                    end = batch.nextOffset
                }
                return (sound, end, String?.none)
            } catch { return (sound, end, "\(error)") }
        }
        guard let reason, sound == 0 else { return (sound, end) }
        throw .corrupt("\(name): \(reason)")
    }

    /// Whole batches; the first one of an answer whatever the limit, if there is memory for it.
    /// None where it does not fit.
    private mutating func records(
        _ partition: Partition,
        _ topicID: UniqueID?,
        _ offset: Offset,
        _ limit: Int,
        _ broker: Broker
    ) throws(BrokerError) -> FoundRecords {
        var capacity = limit
        while true {
            var outcome: Result<LogReadResult, BrokerError> = .failure(.closed)
            let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                outcome = Result { () throws(BrokerError) in
                    try broker.fetch(
                        partition,
                        of: topicID,
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
            case .success(var result):
                // Not every client looks at checksums.
                let sound = try Self.soundPart(of: bytes, partition.name)
                result.byteCount = sound.byteCount
                // What waits to be sent must not hold much more than it sends.
                let isWhole = sound.byteCount == bytes.count && bytes.count >= capacity / 2
                return FoundRecords(
                    bytes: isWhole ? bytes : Array(bytes[..<sound.byteCount]),
                    end: sound.end,
                    result: result
                )
            case .failure(.bufferTooSmall(let needed))
            where byteCount == 0 && needed > capacity && claimFirst(needed):
                capacity = needed
            case .failure(.bufferTooSmall): return FoundRecords(bytes: [], end: nil, result: nil)
            case .failure(let error): throw error
            }
        }
    }
}

extension FetchResponse.PartitionData {
    fileprivate mutating func tell(_ bounds: LogBounds) {
        highWatermark = bounds.highWatermark.rawValue
        lastStableOffset = bounds.lastStableOffset.rawValue
        logStartOffset = bounds.logStart.rawValue
    }
}

/// What was read of a partition.
private struct FoundRecords {
    var bytes: [UInt8]
    /// Behind the last batch of them; nil where there is none.
    var end: Offset?
    var result: LogReadResult?
}

extension WireTopic {
    fileprivate init(_ topic: FetchKey.Topic, _ topics: TopicSnapshot) {
        switch topic {
        case .name(let name): self.init(name: name)
        case .id(let id): self.init(id: id, topics)
        }
    }
}

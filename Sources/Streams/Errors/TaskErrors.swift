package import LogModel
import StateStores

/// The errors of one task: applies the operators' policies to the record at hand.
///
/// An operator's error ends with it: what the record led to before stays, and so does what it leads
/// to by other ways, as in Kafka Streams. Only where the record is tried again nothing of it stays.
public final class TaskErrors {
    /// The record at hand as it came, while a policy may want it.
    struct Source {
        /// Its topic's place in `topics`; nil where there is no record to go back to.
        let topic: Int?
        /// For a record that an operator took out of its store while another one was at hand: where
        /// it was. Topic and offset are the other one's.
        var stored: StoredPlace?
        let key: UnsafeRawBufferPointer?
        let value: UnsafeRawBufferPointer?
        let headers: UnsafeRawBufferPointer?
        let timestamp: Timestamp
        /// The records in the output when it began.
        var outputCount: Int64
        /// Whether an operator lets go what it kept of others: what fails then is not this one.
        var isBystander = false
    }

    /// A record in the store of an operator.
    struct StoredPlace: Hashable {
        let node: Int
        let number: Int64
    }

    /// A record at an operator that tried it.
    private struct Place: Hashable {
        let topic: String
        let offset: Offset
        let node: Int
        let stored: StoredPlace?
    }

    private struct Tries {
        var count = 0
        /// Whether the record has had all of its tries.
        var isOver = false
        let firstFailedAt: Timestamp
    }

    private let plan: ErrorPlan
    private unowned let task: TaskBinding
    /// Set while a source's record is processed; nil while a timer runs.
    private let source: UnsafeMutablePointer<Source?>
    private var topics: [String] = []
    private var heldKeys: [HeldKeys?] = []
    private var tries: [Place: Tries] = [:]

    init(_ task: TaskBinding, plan: ErrorPlan) {
        self.task = task
        self.plan = plan
        source = .allocate(capacity: 1)
        source.initialize(to: nil)
    }

    deinit { source.deallocate() }

    /// Lets a source's records pass with what policies need of them; without a policy, as they are.
    func watching(_ sink: @escaping RawSink, of node: Int, topic: String) -> RawSink {
        guard plan.isNeeded else { return sink }
        let held = plan.holdStores[topic].map { HeldKeys(StoreHandle(task: task, store: $0)) }
        let index = topics.count
        topics.append(topic)
        heldKeys.append(held)
        let (source, record, output) = (source, task.record, task.output)
        let counters = task.counters
        let partitionTime = task.partitionTime(of: topic)
        let mayRetry = plan.mayRetry
        return { [unowned self] key, value in
            source.pointee = Source(
                topic: index,
                key: key,
                value: value,
                headers: record.pointee.headers,
                timestamp: record.pointee.timestamp,
                outputCount: output.pointee.recordCount
            )
            defer { source.pointee = nil }
            if let held, !held.isEmpty,
                let letter = try held.letter(before: key, headers: record.pointee.headers)
            {
                return try follow(letter, of: node)
            }
            guard mayRetry else {
                do { try sink(key, value) } catch { try settle(error, at: node) }
                return
            }
            let (itsTime, streamTime) = (partitionTime.pointee, record.pointee.streamTime)
            let leftOut = counters.pointee.leftOut
            do {
                do { try sink(key, value) } catch { try settle(error, at: node) }
            } catch let later as RetryLater where !later.hasEffects && !later.isMakingWay {
                // It comes again: until then it is as if it had not come.
                partitionTime.pointee = itsTime
                record.pointee.streamTime = streamTime
                record.pointee.rowTime = streamTime
                counters.pointee.leftOut = leftOut
                throw later
            }
        }
    }

    /// A way on for what an operator has kept of earlier records and lets go when another one is at
    /// hand: a failure of it is not that one's, whose key is not held. Its tries are that one's,
    /// for with that one the results come again.
    @usableFromInline
    func lettingGo<Key, Value>(
        _ sink: @escaping (Key, Value) throws -> Void
    ) -> (Key, Value) throws -> Void {
        guard plan.isNeeded else { return sink }
        let source = source
        return { key, value in
            let wasBystander = source.pointee?.isBystander ?? false
            source.pointee?.isBystander = true
            defer { source.pointee?.isBystander = wasBystander }
            try sink(key, value)
        }
    }

    /// The record at hand, for an operator that hands its result on when another one is.
    func snapshot() -> RecordSnapshot {
        let known = source.pointee
        // What the operator has begun for it is an effect: a retry has to take it back.
        source.pointee?.outputCount = -1
        let topic = known.flatMap { $0.topic.map { topics[$0] } }
        return RecordSnapshot(task.record.pointee, known, topic: topic)
    }

    /// Calls `body` with a record at hand that an operator has kept.
    func resume(_ held: RecordSnapshot, _ body: () throws -> Void) throws {
        try held.resume(task.record, source) {
            try body()
            try task.throwCaught()
        }
    }

    /// Calls `body` with no record at hand: what it meets is not the fault of the one that is, nor
    /// an effect of it.
    func withoutRecord(_ body: () throws -> Void) throws {
        let known = source.pointee
        source.pointee = nil
        defer {
            source.pointee = known
            // What has effects whatever it writes keeps them.
            if let known, known.outputCount >= 0 {
                source.pointee?.outputCount = task.output.pointee.recordCount
            }
        }
        try body()
    }

    /// Calls `body` with a record at hand that an operator took out of its store: errors of it, at
    /// the operator or behind it, are not the fault of the record that moved time on. A retry goes
    /// back to that one, and takes back what it led to.
    @usableFromInline
    func letGo(_ stored: StoredRecord, at node: Int, _ body: () throws -> Void) throws {
        let known = source.pointee
        source.pointee = Source(
            topic: known?.topic,
            stored: StoredPlace(node: node, number: stored.number),
            key: stored.key,
            value: stored.value,
            headers: stored.headers,
            timestamp: stored.timestamp,
            outputCount: -1
        )
        defer { source.pointee = known }
        do { try body() } catch { try settle(error, at: node) }
    }

    /// Forgets what holds on to the task: it is at its end.
    func removeAll() { heldKeys = [] }

    /// Applies the policy of an operator to an error of it: returns where the record is left out.
    @usableFromInline @inline(never)
    func settle(_ error: any Error, at node: Int) throws {
        do { try applyPolicy(to: error, at: node) } catch {
            task.output.pointee.note(error)
            throw error
        }
    }

    private func applyPolicy(to error: any Error, at node: Int) throws {
        guard Self.isOfRecord(error) else { throw error }
        try task.throwCaught()
        let policy = plan.policies[node]
        let now = task.record.pointee.wallTime
        let tries = note(at: node, policy, now: now)
        if let retry = policy.retry, let source = source.pointee, !tries.isOver {
            throw RetryLater(
                delayMilliseconds: retry.delayMilliseconds(after: tries.count),
                hasEffects: task.output.pointee.recordCount != source.outputCount
            )
        }
        switch policy.action {
        case .fail:
            throw RecordFailure(
                kind: plan.kinds[node],
                operatorName: plan.operatorNames[node],
                message: Self.message(of: error),
                attempts: tries.count
            )
        case .skip: task.counters.pointee.recordsSkipped &+= 1
        case .deadLetter(let named, let ordering):
            let topic = named ?? InternalNames(job: plan.job).deadLetterTopic
            let letter = DeadLetter(
                exception: Self.typeName(of: error),
                message: Self.message(of: error),
                reason: Self.reason(of: error) ?? plan.kinds[node].rawValue,
                operatorName: plan.operatorNames[node],
                attempts: tries.count,
                firstFailedAt: tries.firstFailedAt,
                lastFailedAt: now
            )
            try write(letter, to: topic)
            guard ordering == .holdKey, let source = source.pointee, let topicIndex = source.topic,
                source.stored == nil, !source.isBystander
            else { return }
            try heldKeys[topicIndex]?.hold(
                source.key,
                behind: HeldKeys.Letter(offset: task.record.pointee.offset, topic: topic),
                at: source.timestamp
            )
        }
    }

    /// Forgets tries of records that are committed.
    package func forgetTries(of topic: String, before offset: Offset) {
        guard !tries.isEmpty else { return }
        tries = tries.filter { $0.key.topic != topic || $0.key.offset >= offset }
    }

    /// Whether a policy can do something about an error.
    private static func isOfRecord(_ error: any Error) -> Bool {
        if let error = error as? StoreError { return error.code == .keyTooLong }
        return !(error is any EngineFailure || error is RecordFailure || error is RetryLater)
    }

    private func note(at node: Int, _ policy: ErrorPolicy, now: Timestamp) -> Tries {
        guard let retry = policy.retry, let source = source.pointee, let topic = source.topic else {
            return Tries(count: 1, isOver: true, firstFailedAt: now)
        }
        let place = Place(
            topic: topics[topic],
            offset: task.record.pointee.offset,
            node: node,
            stored: source.stored
        )
        var known = tries[place] ?? Tries(firstFailedAt: now)
        if !known.isOver { known.count += 1 }
        known.isOver = known.count >= retry.attempts
        tries[place] = known
        return known
    }

    // MARK: Dead letters

    /// The record at hand, where it is the one that failed.
    private var failedSource: Source? { source.pointee.flatMap { $0.isBystander ? nil : $0 } }

    /// Sends a record of a held key after the dead letter that it is held by.
    private func follow(_ first: HeldKeys.Letter, of node: Int) throws {
        let now = task.record.pointee.wallTime
        let letter = DeadLetter(
            exception: "HeldKey",
            message: "its key is held: offset \(first.offset.rawValue) became a dead letter",
            reason: "held",
            operatorName: plan.operatorNames[node],
            attempts: 0,
            firstFailedAt: now,
            lastFailedAt: now
        )
        try write(letter, to: first.topic)
    }

    /// Writes a dead letter, with as much of the record as the topic takes: a letter that is too
    /// large must not hold up what it was put aside for.
    private func write(_ letter: DeadLetter, to topic: String) throws {
        let letter = letter.countingOn(from: failedSource?.headers, in: topic)
        var refusal: OutputRefusal?
        for omission in DeadLetter.Omission.allCases {
            do {
                try write(letter, to: topic, without: omission)
                task.counters.pointee.countDeadLetter(letter.reason)
                return
            } catch let error as OutputRefusal { refusal = refusal ?? error }
        }
        // An operator's policy would take it for an error of its own.
        if let refusal { throw FinalRefusal(refusal: refusal) }
    }

    private func write(
        _ letter: DeadLetter,
        to topic: String,
        without omission: DeadLetter.Omission
    ) throws {
        let target = task.target(topic: topic)
        let record = task.record.pointee
        let source = failedSource
        let block = letter.headers(
            job: plan.job,
            topic: source.flatMap { known in
                known.stored == nil ? known.topic.map { topics[$0] } : nil
            },
            source,
            partition: record.partition,
            offset: record.offset,
            without: omission
        )
        let partition = OutputBuffer.partition(
            of: source?.key,
            in: target,
            fallback: record.partition
        )
        let outcome = block.withBytes { headers in
            Result {
                try task.output.pointee.append(
                    to: target,
                    partition: partition,
                    timestamp: source?.timestamp ?? record.timestamp,
                    key: omission == .all ? nil : source?.key,
                    value: omission == .nothing ? source?.value : nil,
                    headers: headers
                )
            }
        }
        try outcome.get()
    }

    // MARK: Words

    private static func cause(of error: any Error) -> any Error {
        (error as? DecodeFailure)?.cause ?? error
    }

    private static func typeName(of error: any Error) -> String {
        String(describing: type(of: cause(of: error)))
    }

    private static func reason(of error: any Error) -> String? {
        (cause(of: error) as? any DeadLetterReason)?.deadLetterReason
    }

    private static func message(of error: any Error) -> String {
        String(describing: error)
    }
}

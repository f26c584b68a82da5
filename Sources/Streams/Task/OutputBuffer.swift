public import Bytes
public import LogModel

/// The records that the tasks of one thread have produced and not yet handed to the log: one
/// batch a partition, outputs and changelogs alike, so that they go into one transaction.
///
/// Keep it behind a pointer. A batch that is full is given to `drain` at once.
public struct OutputBuffer: ~Copyable {
    /// A topic's place in the buffer.
    public struct Target: Sendable {
        /// The slot of partition 0; partition n has the n-th after it.
        @usableFromInline let firstSlot: Int
        /// The partitions of the topic.
        public let partitionCount: Int32
    }

    /// One partition's batch.
    @usableFromInline
    struct Slot: ~Copyable {
        @usableFromInline var batch: RecordBatchBuilder
        @usableFromInline let partition: TopicPartition
        /// The batch is drained before it has more bytes.
        @usableFromInline let batchByteLimit: Int
        @usableFromInline let rules: OutputRules
        @usableFromInline let isChangelog: Bool
    }

    @usableFromInline var slots: UnsafeMutablePointer<Slot>
    @usableFromInline var slotCount = 0
    private var slotCapacity = 0
    private var targets: [String: Target] = [:]
    /// How often a topic turned out to have another number of partitions than before.
    private(set) var targetChangeCount = 0
    /// The first error after which the open transaction must not be committed, whoever has caught
    /// it: an operator's own code may do so with what its calls throw.
    package private(set) var failure: (any Error)?
    /// A batch is drained when it reaches this many bytes.
    private let batchByteLimit: Int
    /// What a topic takes.
    private let rules: (String) -> OutputRules
    /// Records and bytes since the last `takeCounts()`.
    @usableFromInline var recordCount: Int64 = 0
    /// Gives one batch to the log; the buffer resets it afterwards.
    private let drain: (inout RecordBatchBuilder, TopicPartition) throws -> Void

    /// An empty buffer whose batches aim at `batchByteLimit` bytes, or what their topic takes.
    public init(
        batchByteLimit: Int,
        rules: @escaping (String) -> OutputRules = { _ in OutputRules() },
        drain: @escaping (inout RecordBatchBuilder, TopicPartition) throws -> Void
    ) {
        self.batchByteLimit = batchByteLimit
        self.rules = rules
        self.drain = drain
        slots = .allocate(capacity: 1)
        slotCapacity = 1
    }

    deinit {
        slots.deinitialize(count: slotCount)
        slots.deallocate()
    }

    /// The place of a topic, made at the first call, and again where the topic has another number
    /// of partitions by now. What a changelog refuses stops the job: its store has the change
    /// already.
    public mutating func target(
        topic: String,
        partitionCount: Int32,
        isChangelog: Bool = false
    ) -> Target {
        if let target = targets[topic] {
            if target.partitionCount == partitionCount { return target }
            targetChangeCount += 1
        }
        let rules = rules(topic)
        let target = Target(firstSlot: slotCount, partitionCount: partitionCount)
        reserveSlots(slotCount + Int(partitionCount))
        for index in 0..<partitionCount {
            (slots + slotCount).initialize(
                to: Slot(
                    batch: RecordBatchBuilder(),
                    partition: TopicPartition(topic, PartitionIndex(index)),
                    batchByteLimit: min(batchByteLimit, rules.batchByteLimit),
                    rules: rules,
                    isChangelog: isChangelog
                )
            )
            slotCount += 1
        }
        targets[topic] = target
        return target
    }

    /// Gives a topic's batches to the log if it has another number of partitions by now: what is
    /// written to its new place goes behind them.
    mutating func drain(_ topic: String, ifNotOf partitionCount: Int32) throws {
        guard let target = targets[topic], target.partitionCount != partitionCount else { return }
        for index in 0..<Int(target.partitionCount) { try makeRoom(in: target.firstSlot + index) }
    }

    /// Appends a record to a partition of a topic.
    ///
    /// - Throws: `OutputRefusal` for a record that the topic does not take.
    @inlinable @inline(__always)
    public mutating func append(
        to target: Target,
        partition: PartitionIndex,
        timestamp: Timestamp,
        key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?,
        headers: UnsafeRawBufferPointer?
    ) throws {
        assert(partition.rawValue >= 0 && partition.rawValue < target.partitionCount)
        let index = target.firstSlot &+ Int(partition.rawValue)
        let slot = slots + index
        if key == nil, slot.pointee.rules.requiresKeys { try refuse(slot, .noKey) }
        // With all that stands around a record.
        let size = (key?.count ?? 0) &+ (value?.count ?? 0) &+ (headers?.count ?? 0) &+ 41
        if slot.pointee.batch.byteCount &+ size > slot.pointee.batchByteLimit {
            try makeRoom(in: index)
        }
        slot.pointee.batch.append(timestamp: timestamp, key: key, value: value, headers: headers)
        if slot.pointee.batch.byteCount > slot.pointee.rules.batchByteLimit {
            // It is alone: others had to leave room for it.
            let byteCount = slot.pointee.batch.byteCount
            slot.pointee.batch.reset()
            try refuse(slot, .tooLarge(byteCount: byteCount))
        }
        recordCount &+= 1
    }

    @usableFromInline @inline(never)
    mutating func refuse(_ slot: UnsafeMutablePointer<Slot>, _ reason: OutputRefusal.Reason) throws
    {
        let refusal = OutputRefusal(
            reason,
            topic: slot.pointee.partition.topic,
            rules: slot.pointee.rules
        )
        guard slot.pointee.isChangelog else { throw refusal }
        let final = FinalRefusal(refusal: refusal)
        note(final)
        throw final
    }

    /// Takes note of an error after which the open transaction must not be committed.
    package mutating func note(_ error: any Error) {
        if failure == nil { failure = error }
    }

    /// Forgets that error: what it asks for is being done.
    package mutating func forgetFailure() { failure = nil }

    /// The partition of a key: Kafka's murmur2; without a key, `fallback` wrapped to the topic.
    @inlinable
    public static func partition(
        of key: UnsafeRawBufferPointer?,
        in target: Target,
        fallback: PartitionIndex
    ) -> PartitionIndex {
        guard let key else {
            return PartitionIndex(fallback.rawValue % target.partitionCount)
        }
        let positive = murmur2(key) & 0x7fff_ffff
        let count = target.partitionCount
        // Mostly a power of two, for which a division takes needlessly long.
        if count > 0, count & (count &- 1) == 0 {
            return PartitionIndex(positive & (count &- 1))
        }
        return PartitionIndex(positive % count)
    }

    /// Gives every batch with records to the log, in the order in which topics were first used.
    public mutating func drainAll() throws {
        for index in 0..<slotCount { try drainSlot(index) }
    }

    /// Forgets every record: the transaction is aborted.
    public mutating func discardAll() {
        for index in 0..<slotCount { (slots + index).pointee.batch.reset() }
        failure = nil
    }

    /// Whether some batch holds records.
    public var hasRecords: Bool {
        for index in 0..<slotCount where !(slots + index).pointee.batch.isEmpty { return true }
        return false
    }

    /// The records appended since the last call.
    public mutating func takeRecordCount() -> Int64 {
        defer { recordCount = 0 }
        return recordCount
    }

    /// Gives a batch to the log in the middle of a record.
    @usableFromInline @inline(never)
    mutating func makeRoom(in index: Int) throws {
        do { try drainSlot(index) } catch {
            note(error)
            throw error
        }
    }

    private mutating func drainSlot(_ index: Int) throws {
        let slot = slots + index
        guard !slot.pointee.batch.isEmpty else { return }
        try drain(&slot.pointee.batch, slot.pointee.partition)
        slot.pointee.batch.reset()
    }

    private mutating func reserveSlots(_ count: Int) {
        guard count > slotCapacity else { return }
        let capacity = max(count, slotCapacity * 2)
        let moved = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
        moved.moveInitialize(from: slots, count: slotCount)
        slots.deallocate()
        slots = moved
        slotCapacity = capacity
    }
}

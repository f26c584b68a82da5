import Bytes
import LogModel
import Terminal

/// Appends records to a topic as an idempotent Kafka producer does: one batch a partition at a
/// time, numbered, so that a batch sent twice is stored once.
final class IdempotentProducer {
    /// The batch that grows for one partition.
    private final class Lane {
        let partition: TopicPartition
        var batch = RecordBatchBuilder(capacity: IdempotentProducer.batchByteLimit + 4096)
        var sequence = SequenceNumber(0)
        /// The number of the batch's first record, counted from 1 over all that were added.
        var firstNumber = 0
        /// Where that record stands in the input.
        var firstPlace: InputPlace?
        /// The log took something that was not flushed.
        var needsFlush = false

        init(_ partition: TopicPartition) { self.partition = partition }
    }

    /// A batch is appended when it is this long, if its topic takes that much.
    private static let batchByteLimit = 512 << 10
    private let batchByteLimit: Int
    private let room: RecordRoom
    /// Records without a key go to one partition until so many bytes did, then to the next. The
    /// first is chosen at random, so that many small inputs do not all fill the same one.
    private static let stickyByteLimit = 16 << 10

    private let log: any RecordSink
    private let lanes: [Lane]
    /// How many partitions the topic has.
    var partitionCount: Int { lanes.count }
    private let codec: CompressionCodec
    private let producerID: ProducerID
    private let epoch: ProducerEpoch
    private var compressor = RecordCompressor()
    /// Where records without a key go: the partitions that have a leader, all where none has.
    private let keylessLanes: [Int]
    /// Which of those.
    private var stickyLane: Int
    private var stickyByteCount = 0
    /// Records that were added.
    private(set) var addedCount = 0
    /// Records that the log took; durable after `finish`.
    private(set) var appendedCount = 0
    /// The log did not take a batch.
    private var isRefused = false
    /// Records of a batch of which it is not known whether the log took it.
    private(set) var uncertainCount = 0

    /// - Parameters:
    ///   - room: what the topic takes.
    ///   - random: any number; it says where records without a key begin.
    init(
        log: any RecordSink,
        topic: OutputTopic,
        codec: CompressionCodec,
        room: RecordRoom,
        random: UInt64
    ) throws(CommandFailure) {
        self.log = log
        batchByteLimit = min(Self.batchByteLimit, room.topicByteCount)
        self.room = room
        self.codec = codec
        lanes = topic.partitions.map { Lane($0) }
        let led = topic.partitions.indices.filter {
            !topic.leaderless.contains(topic.partitions[$0].partition.rawValue)
        }
        keylessLanes = led.isEmpty ? Array(lanes.indices) : led
        stickyLane = Int(random % UInt64(max(keylessLanes.count, 1)))
        (producerID, epoch) = try log.makeProducerID()
    }

    /// Adds one record. Its partition is `partition`, or the key's, or for a null key the one that
    /// is being filled.
    func add(
        key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?,
        headers: UnsafeRawBufferPointer?,
        to partition: Int?,
        at time: Timestamp,
        from place: InputPlace
    ) throws(CommandFailure) {
        let size = (value?.count ?? 0) + (key?.count ?? 0) + (headers?.count ?? 0)
        let lane = lanes[partition ?? choose(key: key, byteCount: size)]
        if !lane.batch.hasRoom(for: size, limit: batchByteLimit) {
            if !lane.batch.isEmpty { try append(lane) }
            let byteCount = RecordBatchBuilder.byteCount(
                ofOneRecordWithKey: key,
                value: value,
                headers: headers
            )
            guard byteCount <= room.byteCount else { throw room.refusal(of: place) }
        }
        addedCount += 1
        if lane.batch.isEmpty {
            lane.firstNumber = addedCount
            lane.firstPlace = place
        }
        lane.batch.append(timestamp: time, key: key, value: value, headers: headers)
    }

    /// So many records, the first that were added, are all among those that the log took. More may
    /// be in the log: each partition has a batch of its own that grows.
    var leadingCount: Int {
        let firstLeft = lanes.lazy.filter { !$0.batch.isEmpty }.map(\.firstNumber).min()
        return firstLeft.map { $0 - 1 } ?? addedCount
    }

    /// Whether all that was added is in the log, and durable.
    var isSettled: Bool { lanes.allSatisfy { $0.batch.isEmpty && !$0.needsFlush } }

    private func choose(key: UnsafeRawBufferPointer?, byteCount: Int) -> Int {
        if let key { return Int(partition(ofKey: key, count: Int32(lanes.count))) }
        if stickyByteCount >= Self.stickyByteLimit {
            stickyLane = (stickyLane + 1) % keylessLanes.count
            stickyByteCount = 0
        }
        stickyByteCount += byteCount
        return keylessLanes[stickyLane]
    }

    /// Appends what is left and makes all of it durable.
    func finish() throws(CommandFailure) {
        for lane in lanes where !lane.batch.isEmpty { try append(lane) }
        try flush()
    }

    /// Keeps what was added before something else went wrong: all of it, or what the log took where
    /// it takes no more.
    func keep() throws(CommandFailure) {
        if isRefused { try flush() } else { try finish() }
    }

    /// Makes durable what the log took.
    func flush() throws(CommandFailure) {
        let written = lanes.filter(\.needsFlush)
        try log.flush(written.map(\.partition))
        for lane in written { lane.needsFlush = false }
    }

    private func append(_ lane: Lane) throws(CommandFailure) {
        let count = lane.batch.recordCount
        isRefused = true
        do throws(AppendFailure) {
            let batch = try seal(lane)
            if batch.count > room.topicByteCount, let place = lane.firstPlace {
                throw AppendFailure(failure: room.refusalOfCompressed(from: place))
            }
            try log.append(batch, of: producerID, to: lane.partition)
        } catch {
            if error.isUncertain { uncertainCount = Int(count) }
            var failure = error.failure
            // As the topic compresses it, or with a limit that was lowered meanwhile.
            if error.isTooLarge { failure.next = failure.next ?? room.raising }
            throw failure
        }
        isRefused = false
        lane.batch.reset()
        lane.needsFlush = true
        lane.sequence = lane.sequence.advanced(by: count)
        appendedCount += Int(count)
    }

    private func seal(_ lane: Lane) throws(AppendFailure) -> UnsafeMutableRawBufferPointer {
        guard codec != .none else {
            return lane.batch.seal(
                producerID: producerID,
                producerEpoch: epoch,
                baseSequence: lane.sequence
            )
        }
        do throws(RecordBatchError) {
            return try lane.batch.seal(
                with: &compressor,
                attributes: BatchAttributes(codec: codec),
                producerID: producerID,
                producerEpoch: epoch,
                baseSequence: lane.sequence
            )
        } catch {
            throw AppendFailure(
                failure: CommandFailure(
                    "a batch does not compress",
                    place: "\(lane.partition)",
                    reason: "\(error)"
                )
            )
        }
    }
}

import KafkaClient
import LogModel
import Terminal

/// Replays dead letters in batches: each is a transaction that holds the records and the note that
/// they are replayed.
final class LetterReplay {
    /// The first batch, and what it grows to: twice as many with each that passes.
    struct BatchSizes: Equatable, Sendable {
        var first: Int
        var most: Int
    }

    /// The batch that grows for one partition of a target.
    private final class Lane {
        var batch = RecordBatchBuilder()
        let byteLimit: Int
        /// The offset behind the last record that the open transaction has there.
        var end: Offset?

        init(byteLimit: Int) { self.byteLimit = byteLimit }
    }

    /// A transaction ends at so many bytes, however few its records are.
    private static let byteLimit = 8 << 20

    private let audit: AuditWriter
    private let watch: RefailWatch?
    private let limit: Int
    private let sizes: BatchSizes
    private var size: Int
    private var passage: LetterPassage
    private var lanes: [TopicPartition: Lane] = [:]
    /// Which groups read what the open transaction writes.
    private var readers: [String: Set<TopicPartition>] = [:]
    private var byteCount = 0
    private var addedCount = 0
    /// Those that are not replayed, by why.
    private(set) var obstacles: [ReplayTargets.Obstacle: Int] = [:]
    /// What the watch has found; nil while nothing failed again.
    private(set) var refailure: RefailWatch.Refailure?
    /// Whether a signal ended the wait for what became of a batch.
    private(set) var isInterrupted = false

    init(
        _ audit: AuditWriter,
        _ passage: LetterPassage,
        sizes: BatchSizes,
        limit: Int,
        watch: RefailWatch?
    ) {
        self.audit = audit
        self.passage = passage
        self.sizes = sizes
        self.limit = limit
        self.watch = watch
        size = sizes.first
    }

    /// Replays a dead letter; false where that was the last.
    func add(_ letter: DeadLetterView) throws -> Bool {
        let obstacle = try passage.lend(letter) { passing in
            let reader = try watch?.group(of: letter)
            try write(passing)
            if let reader { readers[reader, default: []].insert(passing.place.partition) }
        }
        if let obstacle {
            obstacles[obstacle, default: 0] += 1
            return true
        }
        audit.note(letter.place)
        addedCount += 1
        if audit.notedCount >= size || byteCount >= Self.byteLimit {
            guard try finishBatch() else { return false }
        }
        return addedCount < limit
    }

    /// Commits the batch, and waits for what becomes of it; false where something failed again.
    func finishBatch() throws -> Bool {
        guard audit.notedCount > 0 else { return true }
        for (partition, lane) in lanes.sorted(by: { $0.key < $1.key }) {
            try flush(lane, to: partition)
        }
        let count = audit.notedCount
        try audit.commit()
        let ends = lanes.mapValues { $0.end }
        let readers = self.readers
        lanes = [:]
        self.readers = [:]
        byteCount = 0
        size = min(size * 2, sizes.most)
        guard let watch else { return true }
        refailure = try watch.refailure(of: readers, behind: ends)
        guard refailure != nil || !watch.isInterrupted else {
            isInterrupted = true
            TextOutput.error.write(
                "interrupted: whether the last \(counted(count, "record")) failed again is not "
                    + "known\n"
            )
            return false
        }
        TextOutput.error.write(
            refailure == nil
                ? "\(counted(count, "record")) replayed, none failed again\n"
                : "\(counted(count, "record")) replayed, some failed again\n"
        )
        return refailure == nil
    }

    // MARK: Records

    private func write(_ passing: LetterPassage.Passing) throws(CommandFailure) {
        let partition = passing.place.partition
        let lane = lanes[partition] ?? Lane(byteLimit: passing.place.batchByteLimit)
        lanes[partition] = lane
        if !lane.batch.hasRoom(for: passing.byteCount, limit: lane.byteLimit) {
            try flush(lane, to: partition)
        }
        lane.batch.append(
            timestamp: passing.time,
            key: passing.key,
            value: passing.value,
            headers: passing.headers
        )
        byteCount += passing.byteCount
    }

    private func flush(_ lane: Lane, to partition: TopicPartition) throws(CommandFailure) {
        guard !lane.batch.isEmpty else { return }
        let count = lane.batch.recordCount
        let first = try audit.append(&lane.batch, to: partition)
        lane.end = first?.advanced(by: Int64(count))
        lane.batch.reset()
    }
}

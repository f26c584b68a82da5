package import Bytes
package import LogModel

/// The decided transactions whose markers are not all durable yet, and how far each is.
///
/// A partition that refuses its marker is tried again after a delay that doubles, by itself: the
/// others of its transaction have theirs written once. A partition that no longer exists counts as
/// done. When nothing is left, the Complete record is to be appended, tried again in the same way.
///
/// The shell repeats: `takeDue`; write the markers of each piece of work and flush them; `record`
/// what came of each; where that answers true, append the Complete record and call `completed` or
/// `completionFailed`. `completed` comes with the coordinator's `appended`, under one lock: the
/// next transaction may have the same epoch (version 1), and its order is another.
package struct PendingMarkers: Equatable, Sendable {
    /// The delay before the first repetition.
    package static let firstDelayMilliseconds: Int64 = 100
    /// No delay is longer.
    package static let longestDelayMilliseconds: Int64 = 30_000

    private struct Key: Hashable, Comparable {
        var transactionalID: String
        var producerID: ProducerID
        var epoch: ProducerEpoch

        init(_ order: MarkerOrder) {
            transactionalID = order.transactionalID
            producerID = order.producerID
            epoch = order.epoch
        }

        static func < (left: Key, right: Key) -> Bool {
            (left.transactionalID, left.producerID, left.epoch)
                < (right.transactionalID, right.producerID, right.epoch)
        }
    }

    /// One step that is to be done: a marker, or the Complete record.
    private enum Step: Equatable {
        /// Next: taken.
        case due
        /// Somebody does it now. Next: failed, or it is gone from the list.
        case taken
        /// Next: taken, when the time has come.
        case failed(MarkerFailure)

        func isDue(at now: Timestamp) -> Bool {
            switch self {
            case .due: true
            case .taken: false
            // A clock that was set back must not stall anything.
            case .failed(let failure): failure.retryTime <= now || now < failure.time
            }
        }
    }

    private struct Progress: Equatable {
        var order: MarkerOrder
        /// Partitions whose marker is not durable yet.
        var remaining: [TopicIDPartition: Step]
        /// The Complete record, which comes when nothing remains.
        var completion = Step.due
        /// How often each step failed so far; kept while it is tried again.
        var failureCounts: [TopicIDPartition: Int] = [:]
        var completionFailureCount = 0
    }

    private var orders: [Key: Progress] = [:]

    package init() {}

    package var isEmpty: Bool { orders.isEmpty }
    package var count: Int { orders.count }

    /// Takes an order in. One that is there already keeps its progress, and gets the partitions
    /// that it did not have.
    package mutating func add(_ order: MarkerOrder) {
        let key = Key(order)
        var progress = orders[key] ?? Progress(order: order, remaining: [:])
        let isNew = orders[key] == nil
        precondition(progress.order.result == order.result, "two transactions of one epoch")
        for partition in order.partitions
        where isNew || !progress.order.partitions.contains(partition) {
            progress.remaining[partition] = .due
            if !isNew { progress.order.partitions.append(partition) }
        }
        progress.order.partitions.sort()
        orders[key] = progress
    }

    /// The work that is due, by order; it counts as taken until its outcome is recorded. Work
    /// without partitions has only the Complete record left.
    package mutating func takeDue(now: Timestamp) -> [MarkerWork] {
        var works: [MarkerWork] = []
        for key in orders.keys.sorted() {
            guard var progress = orders[key] else { continue }
            let due = progress.remaining.filter { $0.value.isDue(at: now) }.keys.sorted()
            for partition in due { progress.remaining[partition] = .taken }
            let isComplete = progress.remaining.isEmpty && progress.completion.isDue(at: now)
            if isComplete { progress.completion = .due }
            guard isComplete || !due.isEmpty else { continue }
            orders[key] = progress
            works.append(MarkerWork(order: progress.order, partitions: due))
        }
        return works
    }

    /// Takes in what came of the markers of some partitions. True, once, if nothing remains: the
    /// caller appends the Complete record now.
    package mutating func record(
        _ outcomes: [TopicIDPartition: MarkerOutcome],
        of order: MarkerOrder,
        now: Timestamp
    ) -> Bool {
        let key = Key(order)
        guard var progress = orders[key] else { return false }
        for (partition, outcome) in outcomes where progress.remaining[partition] != nil {
            switch outcome {
            case .durable, .gone:
                progress.remaining[partition] = nil
            case .refused(let reason, let lacksRoom):
                let count = progress.failureCounts[partition, default: 0] + 1
                progress.failureCounts[partition] = count
                progress.remaining[partition] = .failed(
                    MarkerFailure(
                        reason: reason,
                        lacksRoom: lacksRoom,
                        count: count,
                        time: now
                    )
                )
            }
        }
        let isReady = Self.beginCompletion(of: &progress)
        orders[key] = progress
        return isReady
    }

    /// Takes in that a topic was deleted: nothing of it needs a marker any more. The orders that
    /// this was the last of, for which the caller appends the Complete records now.
    package mutating func topicRemoved(_ topicID: UniqueID) -> [MarkerOrder] {
        precondition(topicID != .zero, "a topic that was never here")
        var ready: [MarkerOrder] = []
        for key in orders.keys.sorted() {
            guard var progress = orders[key] else { continue }
            let gone = progress.remaining.keys.filter { $0.topicID == topicID }
            guard !gone.isEmpty else { continue }
            for partition in gone { progress.remaining[partition] = nil }
            if Self.beginCompletion(of: &progress) { ready.append(progress.order) }
            orders[key] = progress
        }
        return ready
    }

    /// The Complete record is appended, or was not needed: the order is done, unless it was given
    /// more partitions meanwhile.
    package mutating func completed(_ order: MarkerOrder) {
        let isDone = orders[Key(order)]?.remaining.isEmpty ?? true
        if isDone { orders[Key(order)] = nil } else { orders[Key(order)]?.completion = .due }
    }

    /// The Complete record could not be appended: it is due again after a delay.
    package mutating func completionFailed(
        _ order: MarkerOrder,
        reason: String,
        now: Timestamp
    ) {
        guard var progress = orders[Key(order)] else { return }
        progress.completionFailureCount += 1
        progress.completion = .failed(
            MarkerFailure(
                reason: reason,
                lacksRoom: false,
                count: progress.completionFailureCount,
                time: now
            )
        )
        orders[Key(order)] = progress
    }

    /// When the next refused step is due; nil if none waits.
    package var nextRetryTime: Timestamp? {
        orders.values.flatMap { [$0.completion] + Array($0.remaining.values) }
            .compactMap { step in
                guard case .failed(let failure) = step else { return nil }
                return failure.retryTime
            }
            .min()
    }

    /// The partitions that refuse markers, with the last reason of each, sorted.
    package var refusals: [MarkerRefusal] {
        orders.keys.sorted().flatMap { key -> [MarkerRefusal] in
            guard let progress = orders[key] else { return [] }
            return progress.remaining.keys.sorted().compactMap { partition in
                guard case .failed(let failure) = progress.remaining[partition] else { return nil }
                return MarkerRefusal(
                    transactionalID: key.transactionalID,
                    producerID: key.producerID,
                    partition: partition,
                    failure: failure
                )
            }
        }
    }

    private static func beginCompletion(of progress: inout Progress) -> Bool {
        guard progress.remaining.isEmpty, progress.completion == .due else { return false }
        progress.completion = .taken
        return true
    }
}

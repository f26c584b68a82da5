import Synchronization
import Threads

/// Several partitions that are flushed at the same time: each thread that comes takes the next
/// one, the caller first of all, so that it ends even if nobody helps.
final class ParallelFlush: Sendable {
    private struct Progress {
        var finished = 0
        var failure: BrokerError?
    }

    private let partitions: [Partition]
    private let next = Atomic<Int>(0)
    private let progress = ConditionLock(Progress())

    init(_ partitions: [Partition]) {
        self.partitions = partitions
    }

    /// How many threads beside the caller are of use.
    var helperCount: Int { partitions.count - 1 }

    /// Flushes partitions until none is left to begin with.
    func work() {
        while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < partitions.count else { return }
            let failure = Self.flush(partitions[index])
            progress.update {
                $0.finished += 1
                if let failure { $0.failure = failure }
            }
        }
    }

    /// Waits for the rest; the error of one of them if any failed.
    func wait() throws(BrokerError) {
        let end = progress.waitAndTake { $0.finished == partitions.count ? $0 : nil }
        if let failure = end.failure { throw failure }
    }

    private static func flush(_ partition: Partition) -> BrokerError? {
        do throws(BrokerError) {
            try partition.flush()
            return nil
        } catch {
            return error
        }
    }
}

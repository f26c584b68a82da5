import Threads

/// A few threads for what must not hold up a producer: fdatasyncs of several partitions at once,
/// of partitions that grow, and the markers behind a commit. Owned and joined by the broker.
final class WorkerPool: Sendable {
    enum Job: Sendable {
        /// Take part in a flush that somebody waits for.
        case help(ParallelFlush)
        /// End a decided transaction on its partitions.
        case markers(MarkerJob)
        /// Flush a partition that grew, so that a commit finds little left to do.
        case writeback(Partition)
    }

    private struct Queue {
        /// What somebody waits for, then the rest; each in order.
        var urgent: [Job] = []
        var background: [Job] = []
        var running = 0
        var isStopping = false

        mutating func take() -> Job? {
            if !urgent.isEmpty { return urgent.removeFirst() }
            if !background.isEmpty { return background.removeFirst() }
            return nil
        }
    }

    private let queue: ConditionLock<Queue>
    private let threads: [OwnedThread]

    init(threadCount: Int, perform: @escaping @Sendable (Job) -> Void) {
        let queue = ConditionLock(Queue())
        self.queue = queue
        threads = (0..<threadCount).map { _ in
            OwnedThread {
                while let job = Self.next(of: queue) {
                    perform(job)
                    queue.update { $0.running -= 1 }
                }
            }
        }
    }

    func add(_ job: Job) {
        queue.update {
            switch job {
            case .help, .markers: $0.urgent.append(job)
            case .writeback: $0.background.append(job)
            }
        }
    }

    /// Flushes all of them, in parallel where threads are idle.
    func flush(_ partitions: [Partition]) throws(BrokerError) {
        let flush = ParallelFlush(partitions)
        for _ in 0..<min(flush.helperCount, threads.count) { add(.help(flush)) }
        flush.work()
        try flush.wait()
    }

    /// Waits until nothing is queued or running.
    func drain() {
        queue.waitAndTake { state -> Void? in
            state.urgent.isEmpty && state.background.isEmpty && state.running == 0 ? () : nil
        }
    }

    /// Ends the threads; what is queued is done first.
    func stop() {
        queue.update { $0.isStopping = true }
        for thread in threads { thread.join() }
    }

    private static func next(of queue: ConditionLock<Queue>) -> Job? {
        queue.waitAndTake { state -> Job?? in
            if let job = state.take() {
                state.running += 1
                return .some(.some(job))
            }
            return state.isStopping ? .some(.none) : nil
        }
    }
}

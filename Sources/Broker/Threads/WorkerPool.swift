import Synchronization
import Threads

/// A few threads for what must not hold up a producer: flushes of several files at once, markers
/// behind a commit, write-back. Owned and joined by the broker.
final class WorkerPool: Sendable {
    enum Job: Sendable {
        /// Somebody waits for it.
        case urgent(@Sendable () -> Void)
        case background(@Sendable () -> Void)
    }

    private struct Queue {
        /// What somebody waits for, then the rest; each in order.
        var urgent: [@Sendable () -> Void] = []
        var background: [@Sendable () -> Void] = []
        var running = 0
        var isStopping = false

        mutating func take() -> (@Sendable () -> Void)? {
            if !urgent.isEmpty { return urgent.removeFirst() }
            if !background.isEmpty { return background.removeFirst() }
            return nil
        }
    }

    private let queue: ConditionLock<Queue>
    private let threads: [OwnedThread]

    init(threadCount: Int) {
        let queue = ConditionLock(Queue())
        self.queue = queue
        threads = (0..<threadCount).map { _ in
            OwnedThread {
                while let work = Self.next(of: queue) {
                    work()
                    queue.update { $0.running -= 1 }
                }
            }
        }
    }

    func add(_ job: Job) {
        queue.update {
            switch job {
            case .urgent(let work): $0.urgent.append(work)
            case .background(let work): $0.background.append(work)
            }
        }
    }

    /// Does all of the work, the caller first of all, so that it ends even if nobody helps.
    func run(_ works: [@Sendable () -> Void]) {
        if works.count == 1 { return works[0]() }
        let shared = SharedWork(works)
        for _ in 0..<min(works.count - 1, threads.count) { add(.urgent { shared.work() }) }
        shared.work()
        shared.wait()
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

    private static func next(
        of queue: ConditionLock<Queue>
    ) -> (@Sendable () -> Void)? {
        queue.waitAndTake { state -> (@Sendable () -> Void)?? in
            if let work = state.take() {
                state.running += 1
                return .some(.some(work))
            }
            return state.isStopping ? .some(.none) : nil
        }
    }
}

/// Several pieces of work done at the same time: each thread that comes takes the next one.
private final class SharedWork: Sendable {
    private let works: [@Sendable () -> Void]
    private let next = Atomic<Int>(0)
    private let finished = ConditionLock(0)

    init(_ works: [@Sendable () -> Void]) { self.works = works }

    func work() {
        while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < works.count else { return }
            works[index]()
            finished.update { $0 += 1 }
        }
    }

    func wait() { finished.waitAndTake { $0 == works.count ? () : nil } }
}

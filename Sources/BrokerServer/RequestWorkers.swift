import Threads

/// The threads that answer requests. What one connection asks is begun in its order, by one thread
/// at a time; different connections are served beside each other.
final class RequestWorkers: Sendable {
    typealias Work = @Sendable () -> Void

    /// The requests of one connection that are not begun yet.
    final class Mailbox: Sendable {
        fileprivate struct State {
            var works: [Work] = []
            /// Whether it lies in the queue, or a thread has it.
            var isScheduled = false
            var isClosed = false
        }

        fileprivate let state = Lock(State())

        /// Drops what is not begun: nobody is there to be answered.
        func close() {
            state.withLock { state in
                state.isClosed = true
                state.works = []
            }
        }
    }

    private struct Queue {
        var mailboxes: [Mailbox] = []
        var isStopping = false
    }

    private let queue = ConditionLock(Queue())
    private let threads: [OwnedThread]

    init(threadCount: Int) {
        let queue = queue
        threads = (0..<max(threadCount, 1)).map { _ in
            OwnedThread { while let mailbox = Self.next(queue) { Self.work(mailbox, queue) } }
        }
    }

    func add(_ work: @escaping Work, to mailbox: Mailbox) {
        let mustSchedule = mailbox.state.withLock { state -> Bool in
            guard !state.isClosed else { return false }
            state.works.append(work)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if mustSchedule { queue.update { $0.mailboxes.append(mailbox) } }
    }

    /// Ends the threads; what is begun is finished.
    func stop() {
        queue.update { $0.isStopping = true }
        for thread in threads { thread.join() }
    }

    private static func next(_ queue: ConditionLock<Queue>) -> Mailbox? {
        queue.waitAndTake { state -> Mailbox?? in
            if state.isStopping { return .some(nil) }
            return state.mailboxes.isEmpty ? nil : .some(state.mailboxes.removeFirst())
        }
    }

    /// Does one piece of work, then lets the others have their turn.
    private static func work(_ mailbox: Mailbox, _ queue: ConditionLock<Queue>) {
        let work = mailbox.state.withLock { $0.works.isEmpty ? nil : $0.works.removeFirst() }
        work?()
        let hasMore = mailbox.state.withLock { state -> Bool in
            state.isScheduled = !state.works.isEmpty
            return state.isScheduled
        }
        if hasMore { queue.update { $0.mailboxes.append(mailbox) } }
    }
}

import Threads

/// The threads that answer requests. What one connection asks is begun in its order, by one thread
/// at a time; different connections are served beside each other. Heavy work, which takes long, is
/// done by some of the threads alone: the others are there for the rest.
final class RequestWorkers: Sendable {
    typealias Work = @Sendable () -> Void

    /// The requests of one connection that are not begun yet.
    final class Mailbox: Sendable {
        fileprivate struct State {
            var works: [(work: Work, isHeavy: Bool)] = []
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
        struct Entry {
            let mailbox: Mailbox
            /// What it does next.
            let isHeavy: Bool
        }

        var entries: [Entry] = []
        let heavyLimit: Int
        var heavyCount = 0
        var isStopping = false
    }

    private let queue: ConditionLock<Queue>
    private let threads: [OwnedThread]

    init(threadCount: Int) {
        let queue = ConditionLock(Queue(heavyLimit: max(threadCount / 4, 1)))
        self.queue = queue
        threads = (0..<max(threadCount, 1)).map { _ in
            OwnedThread { while let entry = Self.next(queue) { Self.work(entry, queue) } }
        }
    }

    func add(_ work: @escaping Work, isHeavy: Bool = false, to mailbox: Mailbox) {
        let mustSchedule = mailbox.state.withLock { state -> Bool in
            guard !state.isClosed else { return false }
            state.works.append((work, isHeavy))
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        guard mustSchedule else { return }
        queue.updateWakingOne { $0.entries.append(.init(mailbox: mailbox, isHeavy: isHeavy)) }
    }

    /// Ends the threads; what is begun is finished.
    func stop() {
        queue.update { $0.isStopping = true }
        for thread in threads { thread.join() }
    }

    private static func next(_ queue: ConditionLock<Queue>) -> Queue.Entry? {
        queue.waitAndTake { state -> Queue.Entry?? in
            if state.isStopping { return .some(nil) }
            let mayBeHeavy = state.heavyCount < state.heavyLimit
            guard let index = state.entries.firstIndex(where: { mayBeHeavy || !$0.isHeavy }) else {
                return nil
            }
            let entry = state.entries.remove(at: index)
            if entry.isHeavy { state.heavyCount += 1 }
            return .some(entry)
        }
    }

    /// Does one piece of work, then lets the others have their turn.
    private static func work(_ entry: Queue.Entry, _ queue: ConditionLock<Queue>) {
        let mailbox = entry.mailbox
        let work = mailbox.state.withLock { $0.works.isEmpty ? nil : $0.works.removeFirst().work }
        work?()
        let isNextHeavy = mailbox.state.withLock { state -> Bool? in
            state.isScheduled = !state.works.isEmpty
            return state.works.first?.isHeavy
        }
        guard entry.isHeavy || isNextHeavy != nil else { return }
        // At most two entries may be begun after this: this thread takes one, a woken one another.
        queue.updateWakingOne { state in
            if entry.isHeavy { state.heavyCount -= 1 }
            if let isNextHeavy {
                state.entries.append(.init(mailbox: mailbox, isHeavy: isNextHeavy))
            }
        }
    }
}

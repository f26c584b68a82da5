import Threads

/// The watched logs of a directory whose ends have moved since somebody last asked.
final class MovedLogs: Sendable {
    private let moved = Lock<[PartitionLog]>([])

    func note(_ log: PartitionLog) { moved.withLock { $0.append(log) } }

    func take() -> [PartitionLog] {
        moved.withLock { moved in
            defer { moved = [] }
            return moved
        }
    }
}

extension DataDirectory {
    /// The logs that were to be named when they move (`PartitionLog.watch`), and have moved.
    package func takeMoved() -> [PartitionLog] { context.moved.take() }
}

import Threads

/// The thread that compacts logs, one at a time, and never takes more than half of a core for
/// long: after each piece it rests for as long as the piece took.
final class Cleaner: Sendable {
    private let isStopping: ConditionLock<Bool>
    private let thread: OwnedThread

    /// How much is read between two rests.
    private static let pieceByteCount = 4 << 20

    /// `clean` looks at what there is to clean; it is given a throttle that says whether to go on.
    init(
        interval: Duration,
        nanoseconds: @escaping @Sendable () -> UInt64,
        clean: @escaping @Sendable (_ throttle: (Int) -> Bool) -> Void
    ) {
        let isStopping = ConditionLock(false)
        self.isStopping = isStopping
        thread = OwnedThread {
            while isStopping.wait(atMost: interval, for: { $0 ? true : nil }) == nil {
                var byteCount = 0
                var begin = nanoseconds()
                clean { count in
                    byteCount += count
                    guard byteCount >= Self.pieceByteCount else {
                        return !isStopping.withLock { $0 }
                    }
                    byteCount = 0
                    let span = Duration.nanoseconds(Int64(clamping: nanoseconds() - begin))
                    let isOver = isStopping.wait(atMost: span) { $0 ? true : nil } ?? false
                    begin = nanoseconds()
                    return !isOver
                }
            }
        }
    }

    func stop() {
        isStopping.update { $0 = true }
        thread.join()
    }
}

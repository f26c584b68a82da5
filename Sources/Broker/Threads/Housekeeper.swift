import Threads

/// The thread that looks after the log now and then.
final class Housekeeper: Sendable {
    private let isStopping: ConditionLock<Bool>
    private let thread: OwnedThread

    init(interval: Duration, _ work: @escaping @Sendable () -> Void) {
        let isStopping = ConditionLock(false)
        self.isStopping = isStopping
        thread = OwnedThread {
            while isStopping.wait(atMost: interval, for: { $0 ? true : nil }) == nil { work() }
        }
    }

    func stop() {
        isStopping.update { $0 = true }
        thread.join()
    }
}

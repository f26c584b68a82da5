import LogClient

/// Says once what a thread waits for, and once that it goes on; a trouble that comes again within
/// a minute is not said again.
struct TroubleReport {
    private static let quietNanoseconds: UInt64 = 60_000_000_000

    private let tell: (String) -> Void
    private var isTold = false
    private var nextTelling: UInt64 = 0

    init(_ tell: @escaping (String) -> Void) { self.tell = tell }

    /// Says that the last transaction stays open behind the job's end.
    func noteFailedAbort(_ error: any Error) {
        tell("the open transaction could not be aborted, the log does it after its time: \(error)")
    }

    /// Takes note of what the thread waits for now; nil is nothing.
    mutating func note(_ cause: LogClientError?, now: UInt64) {
        guard let cause else {
            if isTold { tell("the job goes on") }
            isTold = false
            return
        }
        guard !isTold, now >= nextTelling else { return }
        isTold = true
        nextTelling = now &+ Self.quietNanoseconds
        if case .full(let text) = cause {
            tell("the disk is full, the job waits for room and goes on by itself: \(text)")
        } else {
            tell("the job tries again until it works, nothing is lost meanwhile: \(cause)")
        }
    }
}

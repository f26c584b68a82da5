import Synchronization

/// What throws so many times, then no more.
final class Fuse: Sendable {
    private let left: Mutex<Int>

    init(_ failures: Int = 0) { left = Mutex(failures) }

    func burn() throws {
        let burns = left.withLock { left in
            left -= 1
            return left >= 0
        }
        if burns { throw Failing.Boom() }
    }
}

import Bytes
import Synchronization

/// Topic ids that are the same in every run.
final class CountedIDs: Sendable {
    private let last: Mutex<UInt64>

    init(behind last: UInt64 = 0) { self.last = Mutex(last) }

    @Sendable func next() -> UniqueID {
        last.withLock { last in
            last += 1
            return UniqueID(high: 0x4d69_6c6c, low: last)
        }
    }
}

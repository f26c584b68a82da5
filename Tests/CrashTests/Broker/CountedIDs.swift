import Bytes
import LogStorage
import MillraceTestKit
import Threads

/// Topic ids that are the same in every run.
final class CountedIDs: Sendable {
    private let last: Lock<UInt64>

    init() { last = Lock(0) }

    /// Ids that no topic of this directory has: with each topic its table is longer.
    init(of directory: String, on disk: SimulatedDisk) throws {
        let path = "\(directory)/millrace.topics"
        let isThere = try disk.kind(of: path) == .file
        let byteCount = isThere ? try disk.open(path, .read).byteCount() : 0
        last = Lock(UInt64(byteCount + 1) << 32)
    }

    @Sendable func next() -> UniqueID {
        last.withLock { last in
            last += 1
            return UniqueID(high: 0x4d69_6c6c, low: last)
        }
    }
}

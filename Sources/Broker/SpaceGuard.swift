import LogModel
import LogStorage
import Synchronization

/// Keeps room for the ends of transactions: refuses produces while less than a reserve is free,
/// and lets them through again by itself once there is more.
final class SpaceGuard: Sendable {
    /// How many bytes are appended between two looks at the disk: well below any reserve.
    private static let checkedByteCount = 4 << 20

    private let disk: any Disk
    private let path: String
    private let reservedByteCount: Int64
    /// Bytes that may be appended before the next look; none while the disk is full.
    private let allowance = Atomic<Int>(0)

    init(disk: any Disk, path: String, reservedByteCount: Int64) {
        self.disk = disk
        self.path = path
        self.reservedByteCount = reservedByteCount
    }

    /// Throws `.full` if there was no room at the last look and is none now; takes nothing.
    func requireRoom(for partition: TopicPartition) throws(BrokerError) {
        guard allowance.load(ordering: .relaxed) <= 0 else { return }
        try claim(0, for: partition)
    }

    /// Takes `byteCount` bytes of room, or throws `.full`. Of nothing it only looks whether there
    /// is any.
    func claim(_ byteCount: Int, for partition: TopicPartition) throws(BrokerError) {
        let left = allowance.wrappingSubtract(byteCount, ordering: .relaxed).newValue
        if left >= 0, byteCount > 0 { return }
        let free: Int64
        do throws(DiskError) {
            free = try disk.freeByteCount(at: path)
        } catch {
            throw .disk(error)
        }
        guard free - Int64(byteCount) >= reservedByteCount else {
            allowance.store(0, ordering: .relaxed)
            throw .full(
                "no space left for \(partition): \(free) bytes are free, \(reservedByteCount) are "
                    + "reserved"
            )
        }
        let next = min(Int64(Self.checkedByteCount), free - Int64(byteCount) - reservedByteCount)
        allowance.store(Int(next), ordering: .relaxed)
    }

    /// Whether so many bytes can be written, and the reserve is there after it.
    func hasRoom(for byteCount: Int) throws(DiskError) -> Bool {
        let free = try disk.freeByteCount(at: path)
        return free - Int64(byteCount) >= reservedByteCount
    }

    /// An append found no room: look again before the next one.
    func foundFull() {
        allowance.store(0, ordering: .relaxed)
    }
}

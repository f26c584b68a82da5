import LogModel
import LogStorage
import MillraceTestKit
import Synchronization

/// A simulated disk that counts the bytes read from segments.
final class CountingDisk: Disk {
    private let disk: SimulatedDisk
    private let counter = ReadCounter()

    init(_ disk: SimulatedDisk) { self.disk = disk }

    var readByteCount: Int { counter.byteCount.load(ordering: .relaxed) }

    func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        let file = try disk.open(path, mode)
        return path.hasSuffix(".log") ? CountedFile(file, counter) : file
    }

    func createDirectory(_ path: String) throws(DiskError) { try disk.createDirectory(path) }
    func list(_ path: String) throws(DiskError) -> [String] { try disk.list(path) }
    func kind(of path: String) throws(DiskError) -> DiskEntryKind? { try disk.kind(of: path) }
    func rename(_ path: String, to newPath: String) throws(DiskError) {
        try disk.rename(path, to: newPath)
    }
    func remove(_ path: String) throws(DiskError) { try disk.remove(path) }
    func removeDirectory(_ path: String) throws(DiskError) { try disk.removeDirectory(path) }
    func syncDirectory(_ path: String) throws(DiskError) { try disk.syncDirectory(path) }
    func modificationTime(of path: String) throws(DiskError) -> Timestamp? {
        try disk.modificationTime(of: path)
    }
    func randomNumber() -> UInt64 { disk.randomNumber() }
    func freeByteCount(at path: String) throws(DiskError) -> Int64 {
        try disk.freeByteCount(at: path)
    }
    func lock(_ path: String, owner: String) throws(DiskError) -> any DiskLock {
        try disk.lock(path, owner: owner)
    }
}

private final class ReadCounter: Sendable {
    let byteCount = Atomic<Int>(0)
}

private final class CountedFile: DiskFile {
    private let file: any DiskFile
    private let counter: ReadCounter

    init(_ file: any DiskFile, _ counter: ReadCounter) {
        self.file = file
        self.counter = counter
    }

    func read(
        into bytes: UnsafeMutableRawBufferPointer,
        at position: Int64
    ) throws(DiskError) -> Int {
        let count = try file.read(into: bytes, at: position)
        counter.byteCount.add(count, ordering: .relaxed)
        return count
    }
    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(DiskError) {
        try file.write(bytes, at: position)
    }
    func truncate(to byteCount: Int64) throws(DiskError) { try file.truncate(to: byteCount) }
    func byteCount() throws(DiskError) -> Int64 { try file.byteCount() }
    func sync() throws(DiskError) { try file.sync() }
    func close() { file.close() }
}

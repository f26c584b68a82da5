import Foundation
import LogModel
import LogStorage
import MillraceTestKit
import Threads

/// A simulated disk whose flushes, or writes, of files that end so wait at a gate while it is
/// closed.
final class GatedDisk: Disk {
    let disk = SimulatedDisk()
    private let suffix: String
    private let gate = Gate()
    /// Nobody waits here.
    private let passage = Gate()
    private let gatesWrites: Bool

    init(gating suffix: String = ".journal", writes: Bool = false) {
        self.suffix = suffix
        gatesWrites = writes
    }

    /// Such calls on such files so far.
    var syncCount: Int { gate.passedCount }

    func close() { gate.isOpen = false }
    func open() { gate.isOpen = true }
    func waitUntilOneWaits() { gate.waitUntilOneWaits() }

    func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        let file = try disk.open(path, mode)
        guard path.hasSuffix(suffix) else { return file }
        return gatesWrites
            ? GatedFile(file, writes: gate, syncs: passage)
            : GatedFile(file, writes: passage, syncs: gate)
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
    func setModificationTime(of path: String, to time: Timestamp) throws(DiskError) {
        try disk.setModificationTime(of: path, to: time)
    }
    func modificationTime(of path: String) throws(DiskError) -> Timestamp? {
        try disk.modificationTime(of: path)
    }
    func randomNumber() -> UInt64 { disk.randomNumber() }
    func totalByteCount(at path: String) throws(DiskError) -> Int64 {
        try disk.totalByteCount(at: path)
    }
    func freeByteCount(at path: String) throws(DiskError) -> Int64 {
        try disk.freeByteCount(at: path)
    }
    func lock(_ path: String, owner: String) throws(DiskError) -> any DiskLock {
        try disk.lock(path, owner: owner)
    }
}

private final class GatedFile: DiskFile {
    private let file: any DiskFile
    private let writes: Gate
    private let syncs: Gate

    init(_ file: any DiskFile, writes: Gate, syncs: Gate) {
        self.file = file
        self.writes = writes
        self.syncs = syncs
    }

    func read(
        into bytes: UnsafeMutableRawBufferPointer,
        at position: Int64
    ) throws(DiskError) -> Int { try file.read(into: bytes, at: position) }
    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(DiskError) {
        writes.pass()
        try file.write(bytes, at: position)
    }
    func truncate(to byteCount: Int64) throws(DiskError) { try file.truncate(to: byteCount) }
    func byteCount() throws(DiskError) -> Int64 { try file.byteCount() }
    func sync() throws(DiskError) {
        syncs.pass()
        try file.sync()
    }
    func close() { file.close() }
}

/// Holds threads while it is closed.
private final class Gate: @unchecked Sendable {
    // SAFETY: the condition guards the three numbers.
    private let condition = NSCondition()
    private var open = true
    private var waiting = 0
    private var passed = 0

    var isOpen: Bool {
        get { condition.withLock { open } }
        set {
            condition.withLock {
                open = newValue
                condition.broadcast()
            }
        }
    }

    var passedCount: Int { condition.withLock { passed } }

    func pass() {
        condition.withLock {
            waiting += 1
            condition.broadcast()
            while !open { condition.wait() }
            waiting -= 1
            passed += 1
        }
    }

    func waitUntilOneWaits() {
        condition.withLock { while waiting == 0 { condition.wait() } }
    }
}

/// Threads of a test, waited for together.
final class ThreadGroup: Sendable {
    private let group = DispatchGroup()

    func start(_ body: @escaping @Sendable () -> Void) {
        group.enter()
        let group = group
        Thread.detachNewThread {
            body()
            group.leave()
        }
    }

    func wait() { group.wait() }
}

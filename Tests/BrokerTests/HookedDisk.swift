import Broker
import EmbeddedClient
import LogModel
import LogStorage
import MillraceTestKit
import Threads

/// A simulated disk that asks a test before each write and flush of a file: the test may wait
/// there, or have it fail.
final class HookedDisk: Disk {
    /// What the call fails with, nil for nothing.
    typealias Hook = @Sendable (DiskOperation, _ path: String) -> DiskError?

    let disk = SimulatedDisk()
    private let hook = Lock<Hook>({ (_, _) in nil })

    /// Has `hook` asked from here on; nil ends that.
    func onFileOperation(_ hook: Hook?) {
        self.hook.withLock { $0 = hook ?? { (_, _) in nil } }
    }

    /// Files that end so have no room from here on.
    func fill(_ suffix: String) {
        onFileOperation { operation, path in
            operation == .write && path.hasSuffix(suffix) ? .full(path: path) : nil
        }
    }

    /// Flushes of files that end so fail from here on.
    func failFlushes(of suffix: String) {
        onFileOperation { operation, path in
            operation == .sync && path.hasSuffix(suffix)
                ? .failed(operation: "sync", path: path, errorNumber: 5, message: "planned") : nil
        }
    }

    fileprivate func ask(_ operation: DiskOperation, _ path: String) throws(DiskError) {
        let hook = hook.withLock { $0 }
        if let error = hook(operation, path) { throw error }
    }

    func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        HookedFile(try disk.open(path, mode), path, self)
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

private final class HookedFile: DiskFile {
    private let file: any DiskFile
    private let path: String
    private let disk: HookedDisk

    init(_ file: any DiskFile, _ path: String, _ disk: HookedDisk) {
        self.file = file
        self.path = path
        self.disk = disk
    }

    func read(
        into bytes: UnsafeMutableRawBufferPointer,
        at position: Int64
    ) throws(DiskError) -> Int { try file.read(into: bytes, at: position) }
    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(DiskError) {
        try disk.ask(.write, path)
        try file.write(bytes, at: position)
    }
    func truncate(to byteCount: Int64) throws(DiskError) { try file.truncate(to: byteCount) }
    func byteCount() throws(DiskError) -> Int64 { try file.byteCount() }
    func sync() throws(DiskError) {
        try disk.ask(.sync, path)
        try file.sync()
    }
    func close() { file.close() }
}

/// A log on such a disk, everything on the calling thread.
struct HookedLog {
    let disk = HookedDisk()
    let time = ManualTimeSource()
    let broker: Broker
    let client: EmbeddedClient

    init(_ configuration: BrokerConfiguration = .simulated) throws {
        broker = try Broker.open(
            disk: disk,
            directory: LogHarness.directory,
            configuration: configuration,
            time: time
        )
        client = EmbeddedClient(broker: broker)
    }

    /// Lets so much time go by, then looks after the log once.
    func housekeep(afterMilliseconds milliseconds: Int64) {
        time.advance(milliseconds: milliseconds)
        broker.housekeeping(now: time.wallTime())
    }

    func values(_ topic: String, _ partition: Int32 = 0) throws -> [String] {
        try LogReader(client: client).values(
            of: TopicPartition(topic, PartitionIndex(partition)),
            isolation: .readCommitted
        )
    }

    /// The log as a new process finds it after this one was killed.
    func killed() throws -> LogHarness {
        try LogHarness(disk: disk.disk.afterKill(), time: time)
    }
}

package import LogModel
package import LogStorage
import Threads

/// A simulated disk that asks a test before each write and flush of a file: the test may wait
/// there, or have it fail.
package final class HookedDisk: Disk {
    /// What the call fails with, nil for nothing.
    package typealias Hook = @Sendable (DiskOperation, _ path: String) -> DiskError?

    package let disk: SimulatedDisk
    private struct Hooks: Sendable {
        var operation: Hook = { (_, _) in nil }
        var opening: @Sendable (_ path: String) -> Void = { _ in }
        var reading: @Sendable (_ path: String, _ byteCount: Int) -> Void = { _, _ in }
        var writeOut: @Sendable (_ path: String) -> Void = { _ in }
    }

    private let hooks = Lock(Hooks())

    private let unreadable = Lock<(suffix: String, errorNumber: Int32)?>(nil)

    private let modified = Lock<Timestamp?>(nil)
    private let given = Lock<[String: Timestamp]>([:])

    package init(_ disk: SimulatedDisk = SimulatedDisk()) { self.disk = disk }

    /// Has `body` called behind each read of a file, with the bytes that were read.
    package func onReading(
        _ body: @escaping @Sendable (_ path: String, _ byteCount: Int) -> Void
    ) {
        hooks.withLock { $0.reading = body }
    }

    /// Has `body` called where the disk is told to begin with what a file holds.
    package func onWriteOut(_ body: @escaping @Sendable (_ path: String) -> Void) {
        hooks.withLock { $0.writeOut = body }
    }

    fileprivate func noteWriteOut(_ path: String) {
        let writeOut = hooks.withLock { $0.writeOut }
        writeOut(path)
    }

    fileprivate func noteRead(_ path: String, _ byteCount: Int) {
        let reading = hooks.withLock { $0.reading }
        reading(path, byteCount)
    }

    /// Files that end so give an error when they are read: an input/output error, as a bad sector
    /// does, or another one.
    package func failReads(of suffix: String?, errorNumber: Int32 = 5) {
        unreadable.withLock { $0 = suffix.map { ($0, errorNumber) } }
    }

    fileprivate func askToRead(_ path: String) throws(DiskError) {
        guard let (suffix, errorNumber) = unreadable.withLock({ $0 }), path.hasSuffix(suffix) else {
            return
        }
        throw .failed(operation: "read", path: path, errorNumber: errorNumber, message: "planned")
    }

    /// When every file was last written, as far as whoever asks is told; nil as the simulated disk
    /// has it.
    package func setModificationTime(_ time: Timestamp?) { modified.withLock { $0 = time } }

    /// Has `body` called behind each opening of a file, before its caller goes on.
    package func onOpening(_ body: @escaping @Sendable (_ path: String) -> Void) {
        hooks.withLock { $0.opening = body }
    }

    /// Has `hook` asked from here on; nil ends that.
    package func onFileOperation(_ hook: Hook?) {
        hooks.withLock { $0.operation = hook ?? { (_, _) in nil } }
    }

    /// Files that end so have no room from here on.
    package func fill(_ suffix: String) {
        onFileOperation { operation, path in
            operation == .write && path.hasSuffix(suffix) ? .full(path: path) : nil
        }
    }

    /// Flushes of files that end so fail from here on.
    package func failFlushes(of suffix: String) {
        onFileOperation { operation, path in
            operation == .sync && path.hasSuffix(suffix)
                ? .failed(operation: "sync", path: path, errorNumber: 5, message: "planned") : nil
        }
    }

    fileprivate func ask(_ operation: DiskOperation, _ path: String) throws(DiskError) {
        let hook = hooks.withLock { $0.operation }
        if let error = hook(operation, path) { throw error }
    }

    package func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        let file = HookedFile(try disk.open(path, mode), path, self)
        let opening = hooks.withLock { $0.opening }
        opening(path)
        return file
    }
    package func createDirectory(_ path: String) throws(DiskError) {
        try disk.createDirectory(path)
    }
    package func list(_ path: String) throws(DiskError) -> [String] { try disk.list(path) }
    package func kind(of path: String) throws(DiskError) -> DiskEntryKind? {
        try disk.kind(of: path)
    }
    package func rename(_ path: String, to newPath: String) throws(DiskError) {
        try disk.rename(path, to: newPath)
    }
    package func remove(_ path: String) throws(DiskError) { try disk.remove(path) }
    package func removeDirectory(_ path: String) throws(DiskError) {
        try disk.removeDirectory(path)
    }
    package func syncDirectory(_ path: String) throws(DiskError) {
        try ask(.syncDirectory, path)
        try disk.syncDirectory(path)
    }
    package func modificationTime(of path: String) throws(DiskError) -> Timestamp? {
        if let time = modified.withLock({ $0 }) { return time }
        return try disk.modificationTime(of: path)
    }
    package func setModificationTime(of path: String, to time: Timestamp) throws(DiskError) {
        given.withLock { $0[path] = time }
    }
    /// What files were said to have been written last.
    package var givenModificationTimes: [String: Timestamp] { given.withLock { $0 } }
    package func randomNumber() -> UInt64 { disk.randomNumber() }
    package func totalByteCount(at path: String) throws(DiskError) -> Int64 {
        try disk.totalByteCount(at: path)
    }
    package func freeByteCount(at path: String) throws(DiskError) -> Int64 {
        try disk.freeByteCount(at: path)
    }
    package func reserve(_ path: String, _ byteCount: Int64) throws(DiskError) {
        let file = try disk.open(path, .create)
        try [UInt8](repeating: 0, count: Int(byteCount)).withUnsafeBytes { bytes in
            Result { () throws(DiskError) in try file.write(bytes, at: 0) }
        }.get()
    }
    package func lock(_ path: String, owner: String) throws(DiskError) -> any DiskLock {
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
    ) throws(DiskError) -> Int {
        try disk.askToRead(path)
        let count = try file.read(into: bytes, at: position)
        disk.noteRead(path, count)
        return count
    }
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
    func beginWriteOut() {
        disk.noteWriteOut(path)
        file.beginWriteOut()
    }
    func close() { file.close() }
}

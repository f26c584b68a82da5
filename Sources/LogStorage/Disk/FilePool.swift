import Synchronization
import Threads

/// Keeps at most so many files open: the ones used longest ago are let go, and opened again when
/// they are needed. A file is really closed when its last user is done with it, so that nobody
/// ever holds a descriptor that means another file by then.
package final class FilePool: Sendable {
    let disk: any Disk
    private let limit: Int
    /// Open files, the next candidate first.
    private let open = Lock<[PooledFile]>([])
    private let flushes = Atomic<Int>(0)

    package init(disk: any Disk, limit: Int) {
        self.disk = disk
        self.limit = max(limit, 1)
    }

    /// How many are open.
    package var openCount: Int { open.withLock { $0.count } }

    /// Files that were flushed because they were let go.
    var flushCount: Int { flushes.load(ordering: .relaxed) }

    fileprivate func countFlush() { flushes.add(1, ordering: .relaxed) }

    /// Takes note that a file was opened, and lets others go if there are too many.
    func opened(_ file: PooledFile) {
        let victims = open.withLock { open -> [PooledFile] in
            open.append(file)
            var victims: [PooledFile] = []
            // Each gets one more round if it was used since the last: a clock.
            var looks = open.count * 2
            while open.count > limit, looks > 0 {
                looks -= 1
                let candidate = open.removeFirst()
                if candidate !== file, !candidate.takeUsed() {
                    victims.append(candidate)
                } else {
                    open.append(candidate)
                }
            }
            return victims
        }
        let kept = victims.filter { !$0.release() }
        guard !kept.isEmpty else { return }
        open.withLock { $0.append(contentsOf: kept) }
    }

    /// Forgets all files: whoever holds one goes on alone.
    func removeAll() { open.withLock { $0 = [] } }

    /// Forgets a file that will not be used again.
    func remove(_ file: PooledFile) {
        open.withLock { open in open.removeAll { $0 === file } }
    }
}

/// A file by its path, open while it is used.
package final class PooledFile: Sendable {
    private struct State: Sendable {
        var file: (any DiskFile)?
        var wasUsed = false
        /// Replaced or removed on the disk: the path means another file now.
        var isPinned = false
        /// Will not be used again: whoever holds the open file may read on, nobody opens it anew.
        var isDiscarded = false
        /// Written to since the last flush began.
        var isDirty = false
        /// How many are writing: until they are done the file stays open.
        var writerCount = 0
        /// A flush on letting it go failed: the next one who asks is told.
        var failure: DiskError?
    }

    package let path: String
    private let pool: FilePool
    private let state = Lock(State())
    /// Held by whoever flushes: a failure is known before the next one asks. Before `state`.
    private let flushing = Lock<Void>(())

    package init(path: String, pool: FilePool) {
        self.path = path
        self.pool = pool
    }

    /// A file that is open already.
    init(path: String, pool: FilePool, open file: any DiskFile) {
        self.path = path
        self.pool = pool
        state.withLock { $0.file = file }
        pool.opened(self)
    }

    /// Keeps the file open for whoever holds this, whatever becomes of its path.
    func pin() throws(DiskError) {
        try state.withLock { state throws(DiskError) in
            if state.file == nil { state.file = try open(state) }
            state.isPinned = true
        }
        pool.remove(self)
    }

    /// Whether its path may mean another file by now.
    var isPinned: Bool { state.withLock { $0.isPinned } }

    /// The file stays what its path says after all: the pool has it again.
    func unpin() {
        let isOpen = state.withLock { state in
            guard state.isPinned else { return false }
            state.isPinned = false
            return state.file != nil
        }
        if isOpen { pool.opened(self) }
    }

    /// The open file; good for as long as the caller holds it.
    package func file() throws(DiskError) -> any DiskFile { try file(writers: 0) }

    /// The open file, with so many more who write to it.
    private func file(writers: Int) throws(DiskError) -> any DiskFile {
        var isNew = false
        let file = try state.withLock { state throws(DiskError) -> any DiskFile in
            defer { if state.file != nil { state.writerCount += writers } }
            state.wasUsed = true
            if let file = state.file { return file }
            let file = try open(state)
            state.file = file
            isNew = true
            return file
        }
        if isNew { pool.opened(self) }
        return file
    }

    private func open(_ state: State) throws(DiskError) -> any DiskFile {
        // The path may be another file's by now.
        guard !state.isDiscarded else { throw .notFound(path: path) }
        return try pool.disk.open(path, .readWrite)
    }

    /// Makes the file, which must not exist.
    func create() throws(DiskError) {
        let file = try pool.disk.open(path, .create)
        state.withLock { state in
            state.file = file
            state.isDirty = true
        }
        pool.opened(self)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(DiskError) {
        let file = try file(writers: 1)
        defer {
            // Told behind the write, for a flush during it does not stand for it.
            state.withLock { state in
                state.isDirty = true
                state.writerCount -= 1
            }
        }
        try file.write(bytes, at: position)
    }

    /// Flushes what was written. An error means that it may be lost: never try again.
    func sync() throws(DiskError) {
        // A write-back may come to a segment that retention has removed meanwhile.
        if state.withLock({ $0.isDiscarded }) { return }
        let file = try file()
        try flushing.withLock { _ throws(DiskError) in
            let failure = state.withLock { state in
                state.isDirty = false
                return state.failure
            }
            if let failure { throw failure }
            try flush(file)
        }
    }

    /// Has the disk begin with what was written, where the file is open.
    func beginWriteOut() { state.withLock { $0.file }?.beginWriteOut() }

    private func flush(_ file: any DiskFile) throws(DiskError) {
        do throws(DiskError) { try file.sync() } catch {
            state.withLock { $0.failure = $0.failure ?? error }
            throw error
        }
    }

    func takeUsed() -> Bool {
        state.withLock { state in
            defer { state.wasUsed = false }
            return state.wasUsed
        }
    }

    /// Lets the open file go; false if somebody writes to it. What was not flushed is flushed
    /// first: another descriptor might never hear of a failure.
    func release() -> Bool { flushing.withLock { _ in letGo() } }

    private func letGo() -> Bool {
        var unflushed: (any DiskFile)?
        let isDone = state.withLock { state in
            guard !state.isPinned else { return true }
            guard state.writerCount == 0 else { return false }
            if state.isDirty { unflushed = state.file }
            state.isDirty = false
            state.file = nil
            return true
        }
        // The next one who asks for a flush is told of a failure.
        if let unflushed {
            pool.countFlush()
            try? flush(unflushed)
        }
        return isDone
    }

    /// Will not be used again, except by who holds it already.
    func discard() {
        pool.remove(self)
        state.withLock { $0.isDiscarded = true }
    }
}

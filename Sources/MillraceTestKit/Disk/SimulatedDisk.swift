package import LogModel
package import LogStorage
import Threads

/// A disk in memory that keeps, as real ones do, only what was synced: everything written since
/// may be lost, torn between sectors of 512 bytes, or arrive in another order, names apart from
/// contents. Deterministic; copies share their bytes.
///
/// A test watches each changing call with `onOperation`, takes a `copy()` there, and turns it
/// into what a machine finds after power loss (`crashPlan`, `crashState`) or after the process
/// alone died (`afterKill`).
package final class SimulatedDisk: Disk {
    struct State: Sendable {
        var inodes: [SimulatedNames.Inode: SimulatedInode] = [:]
        var names = SimulatedNames()
        var nextInode = SimulatedNames.root + 1
        /// Changing calls so far.
        var operationCount = 0
        /// The call at which the power goes.
        var powerLossAt: Int?
        var faults: [DiskFault] = []
        var capacity: Int64 = 1 << 40
        var locks: [String: String] = [:]
        /// Random numbers given out so far; a copy goes on behind them.
        var randomCount: UInt64 = 0
    }

    /// Runs before each changing call, with the call's number and its path.
    package typealias Observer =
        @Sendable (_ operation: DiskOperation, _ number: Int, _ path: String) -> Void

    let state: Lock<State>
    private struct Watch: Sendable {
        var observer: Observer?
    }

    private let watch = Lock(Watch())

    package init() {
        state = Lock(State())
    }

    init(_ state: State) {
        self.state = Lock(state)
    }

    // MARK: - What a test does to it

    package func randomNumber() -> UInt64 {
        let number = state.withLock { state in
            state.randomCount += 1
            return state.randomCount
        }
        var generator = SeededGenerator(seed: number)
        return generator.next()
    }

    /// Calls that change the disk, so far.
    package var operationCount: Int { state.withLock { $0.operationCount } }

    /// Has `observer` called before each changing call; nil ends that.
    package func onOperation(_ observer: Observer?) {
        watch.withLock { $0.observer = observer }
    }

    /// The power goes before the changing call of this number: it and all later calls fail.
    package func losePower(atOperation number: Int) {
        state.withLock { $0.powerLossAt = number }
    }

    /// Plans a failure.
    package func inject(_ fault: DiskFault) {
        state.withLock { $0.faults.append(fault) }
    }

    /// Takes back the planned failures.
    package func clearFaults() {
        state.withLock { $0.faults = [] }
    }

    /// The bytes that all files together may have.
    package func setCapacity(_ byteCount: Int64) {
        state.withLock { $0.capacity = byteCount }
    }

    /// The medium turns one bit of a file over, in what is durable and in what is cached.
    package func rot(_ path: String, at position: Int, bit: Int) {
        state.withLock { state in
            guard case .file(let inode)? = state.names.node(at: path) else {
                preconditionFailure("no file \(path) to rot")
            }
            if position < state.inodes[inode]?.durable.byteCount ?? 0 {
                state.inodes[inode]?.durable.flip(bit: bit, at: position)
            }
            state.inodes[inode]?.cached.flip(bit: bit, at: position)
        }
    }

    /// A disk with the same contents, durable and not; nothing is open or locked on it.
    package func copy() -> SimulatedDisk {
        var copied = state.withLock { $0 }
        copied.locks = [:]
        copied.powerLossAt = nil
        copied.faults = []
        copied.operationCount = 0
        return SimulatedDisk(copied)
    }

    /// What a new process finds after the old one was killed: all that was written, as durable or
    /// not as before.
    package func afterKill() -> SimulatedDisk { copy() }

    /// The process that held the locks died and the machine did not: what it wrote stays.
    package func releaseLocks() {
        state.withLock { $0.locks = [:] }
    }

    // MARK: - Calls of others

    /// Counts a changing call, lets the observer see the disk before it, and fails it if planned.
    func begin(_ operation: DiskOperation, _ path: String) throws(DiskError) {
        if let observer = watch.withLock({ $0.observer }) {
            observer(operation, operationCount, path)
        }
        try change(operation, path) { (_: inout State) throws(DiskError) in }
    }

    private func change(
        _ operation: DiskOperation,
        _ path: String,
        _ body: (inout State) throws(DiskError) -> Void
    ) throws(DiskError) {
        let result = state.withLock { state -> Result<Void, DiskError> in
            if let loss = state.powerLossAt, state.operationCount >= loss {
                return .failure(.powerIsOff(path))
            }
            state.operationCount += 1
            for index in state.faults.indices
            where state.faults[index].strikes(.operation(operation), path: path) {
                return .failure(.inputOutput(operation.rawValue, path))
            }
            return Result { () throws(DiskError) in try body(&state) }
        }
        try result.get()
    }

    /// Runs `body` on the state with typed errors.
    func withState<T: Sendable>(
        _ body: (inout State) throws(DiskError) -> T
    ) throws(DiskError) -> T {
        let result = state.withLock { state -> Result<T, DiskError> in
            Result { () throws(DiskError) in try body(&state) }
        }
        return try result.get()
    }
}

// MARK: - Disk

extension SimulatedDisk {
    package func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        guard case .create = mode else {
            let inode = try withState { state throws(DiskError) in try state.file(at: path) }
            return SimulatedFile(disk: self, inode: inode, path: path)
        }
        try begin(.create, path)
        let inode = try withState { state throws(DiskError) in
            guard state.names.node(at: path) == nil else { throw .exists(path: path) }
            return try state.createFile(at: path)
        }
        return SimulatedFile(disk: self, inode: inode, path: path)
    }

    package func createDirectory(_ path: String) throws(DiskError) {
        guard try kind(of: path) != .directory else { return }
        try begin(.createDirectory, path)
        try withState { state throws(DiskError) in
            guard state.names.node(at: path) == nil else { throw .exists(path: path) }
            let place = try state.place(of: path)
            let inode = state.makeInode()
            // The folder itself: empty for sure as soon as its name is.
            state.names.durable[inode] = [:]
            state.names.current[inode] = [:]
            state.names.apply(
                [.init(directory: place.directory, name: place.name, node: .directory(inode))],
                sequence: state.operationCount
            )
        }
    }

    package func list(_ path: String) throws(DiskError) -> [String] {
        try withState { state throws(DiskError) in
            guard case .directory(let inode)? = state.names.node(at: path) else {
                throw .notFound(path: path)
            }
            return (state.names.current[inode] ?? [:]).keys.sorted()
        }
    }

    package func kind(of path: String) throws(DiskError) -> DiskEntryKind? {
        state.withLock { state in
            switch state.names.node(at: path) {
            case .file: .file
            case .directory: .directory
            case nil: nil
            }
        }
    }

    package func rename(_ path: String, to newPath: String) throws(DiskError) {
        try begin(.rename, path)
        try withState { state throws(DiskError) in
            guard let node = state.names.node(at: path) else { throw .notFound(path: path) }
            if case .directory? = state.names.node(at: newPath) { throw .exists(path: newPath) }
            let old = try state.place(of: path)
            let new = try state.place(of: newPath)
            state.names.apply(
                [
                    .init(directory: old.directory, name: old.name, node: nil),
                    .init(directory: new.directory, name: new.name, node: node),
                ],
                sequence: state.operationCount
            )
        }
    }

    package func remove(_ path: String) throws(DiskError) {
        try begin(.remove, path)
        try withState { state throws(DiskError) in
            _ = try state.file(at: path)
            let place = try state.place(of: path)
            state.names.apply(
                [.init(directory: place.directory, name: place.name, node: nil)],
                sequence: state.operationCount
            )
        }
    }

    package func removeDirectory(_ path: String) throws(DiskError) {
        try begin(.removeDirectory, path)
        try withState { state throws(DiskError) in
            guard case .directory(let inode)? = state.names.node(at: path) else {
                throw .notFound(path: path)
            }
            guard state.names.current[inode]?.isEmpty != false else {
                throw .failed(
                    operation: "rmdir",
                    path: path,
                    errorNumber: 39,
                    message: "Directory not empty"
                )
            }
            let place = try state.place(of: path)
            state.names.apply(
                [.init(directory: place.directory, name: place.name, node: nil)],
                sequence: state.operationCount
            )
        }
    }

    package func syncDirectory(_ path: String) throws(DiskError) {
        try begin(.syncDirectory, path)
        try withState { state throws(DiskError) in
            guard case .directory(let inode)? = state.names.node(at: path) else {
                throw .notFound(path: path)
            }
            state.names.sync(inode)
        }
    }

    /// The simulated machine keeps no times of files.
    package func modificationTime(of path: String) throws(DiskError) -> Timestamp? { nil }

    package func setModificationTime(of path: String, to time: Timestamp) throws(DiskError) {}

    package func totalByteCount(at path: String) throws(DiskError) -> Int64 {
        state.withLock { $0.capacity }
    }

    package func freeByteCount(at path: String) throws(DiskError) -> Int64 {
        state.withLock { max(0, $0.capacity - $0.usedByteCount) }
    }

    package func lock(_ path: String, owner: String) throws(DiskError) -> any DiskLock {
        let holder = state.withLock { $0.locks[path] }
        if let holder { throw .locked(path: path, owner: holder) }
        let file = try kind(of: path) == nil ? open(path, .create) : open(path, .readWrite)
        try file.truncate(to: 0)
        var owner = owner
        let written = owner.withUTF8 { bytes in
            Result { () throws(DiskError) in
                try file.write(UnsafeRawBufferPointer(bytes), at: 0)
            }
        }
        try written.get()
        state.withLock { [owner] in $0.locks[path] = owner }
        return SimulatedLock(disk: self, path: path)
    }
}

extension SimulatedDisk.State {
    /// Of the files that have a name: a removed one gives its room back.
    var usedByteCount: Int64 {
        names.current.values.joined().reduce(0) { sum, entry in
            guard case .file(let inode) = entry.value else { return sum }
            return sum + Int64(inodes[inode]?.cached.byteCount ?? 0)
        }
    }

    mutating func makeInode() -> SimulatedNames.Inode {
        defer { nextInode += 1 }
        return nextInode
    }

    func file(at path: String) throws(DiskError) -> SimulatedNames.Inode {
        guard case .file(let inode)? = names.node(at: path) else { throw .notFound(path: path) }
        return inode
    }

    func place(
        of path: String
    ) throws(DiskError) -> (directory: SimulatedNames.Inode, name: String) {
        guard let place = names.place(of: path) else { throw .notFound(path: path) }
        return place
    }

    mutating func createFile(at path: String) throws(DiskError) -> SimulatedNames.Inode {
        let place = try place(of: path)
        let inode = makeInode()
        inodes[inode] = SimulatedInode()
        names.apply(
            [.init(directory: place.directory, name: place.name, node: .file(inode))],
            sequence: operationCount
        )
        return inode
    }
}

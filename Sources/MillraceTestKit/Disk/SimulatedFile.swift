import LogStorage
import Threads

/// An open file of a `SimulatedDisk`. It goes on naming its inode when the path is renamed or
/// removed, as an open file does.
final class SimulatedFile: DiskFile {
    private let disk: SimulatedDisk
    private let inode: SimulatedNames.Inode
    private let path: String

    init(disk: SimulatedDisk, inode: SimulatedNames.Inode, path: String) {
        self.disk = disk
        self.inode = inode
        self.path = path
    }

    func read(
        into bytes: UnsafeMutableRawBufferPointer,
        at position: Int64
    ) throws(DiskError) -> Int {
        // SAFETY: the caller lends the buffer for the call; no one else sees it.
        nonisolated(unsafe) let bytes = bytes
        return try disk.withState { [inode, path] state throws(DiskError) in
            if let loss = state.powerLossAt, state.operationCount >= loss {
                throw .powerIsOff(path)
            }
            for index in state.faults.indices
            where state.faults[index].strikes(.read, path: path) {
                throw .inputOutput("read", path)
            }
            return state.inodes[inode]?.cached.read(into: bytes, at: Int(position)) ?? 0
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(DiskError) {
        try disk.begin(.write, path)
        // SAFETY: as above.
        nonisolated(unsafe) let bytes = bytes
        try disk.withState { [inode, path] state throws(DiskError) in
            let end = Int(position) + bytes.count
            let growth = max(0, end - (state.inodes[inode]?.cached.byteCount ?? 0))
            let room = max(0, state.capacity - state.usedByteCount)
            let missing = max(0, growth - Int(room))
            let fitting = UnsafeRawBufferPointer(
                rebasing: bytes[..<max(0, bytes.count - missing)]
            )
            if !fitting.isEmpty {
                let sequence = state.operationCount
                state.inodes[inode]?.write(fitting, at: Int(position), sequence: sequence)
            }
            guard missing == 0 else { throw .full(path: path) }
        }
    }

    func truncate(to byteCount: Int64) throws(DiskError) {
        try disk.begin(.truncate, path)
        try disk.withState { [inode] state throws(DiskError) in
            let sequence = state.operationCount
            state.inodes[inode]?.truncate(to: Int(byteCount), sequence: sequence)
        }
    }

    func byteCount() throws(DiskError) -> Int64 {
        try disk.withState { [inode] state throws(DiskError) in
            Int64(state.inodes[inode]?.cached.byteCount ?? 0)
        }
    }

    func sync() throws(DiskError) {
        do {
            try disk.begin(.sync, path)
        } catch {
            if case .failed(_, _, DiskError.ioErrorNumber, _) = error {
                disk.state.withLock { [inode] in $0.inodes[inode]?.loseUnsynced() }
            }
            throw error
        }
        disk.state.withLock { [inode] in $0.inodes[inode]?.sync() }
    }

    func close() {}
}

/// A held lock of a `SimulatedDisk`.
final class SimulatedLock: DiskLock {
    private let disk: SimulatedDisk
    private let path: String

    init(disk: SimulatedDisk, path: String) {
        self.disk = disk
        self.path = path
    }

    func close() {
        disk.state.withLock { [path] in $0.locks[path] = nil }
    }
}

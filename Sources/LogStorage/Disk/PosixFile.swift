import CDisk
import Glibc
import Synchronization

/// A folder by its descriptor: what lies in it is reached whatever becomes of its name.
final class PosixFolder: Sendable {
    /// As it was given.
    let path: String
    private let descriptor: Int32

    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { Glibc.close(descriptor) }

    /// Where a path at or below the folder's lies, from its descriptor; nil for other paths.
    func place(of path: String) -> (folder: Int32, name: String)? {
        guard path.hasPrefix(self.path) else { return nil }
        let rest = path.dropFirst(self.path.count)
        guard rest.isEmpty || rest.hasPrefix("/") || self.path.hasSuffix("/") else { return nil }
        let name = rest.drop { $0 == "/" }
        return (descriptor, name.isEmpty ? "." : String(name))
    }

    /// Nothing can be made in it any more, and nothing found.
    var isRemoved: Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_nlink == 0
    }
}

/// A file by its descriptor, closed at the latest when nobody holds it any more.
final class PosixFile: DiskFile {
    let descriptor: Int32
    private let path: String
    private let root: PosixFolder?
    private let isClosed = Atomic(false)

    init(descriptor: Int32, path: String, root: PosixFolder? = nil) {
        self.descriptor = descriptor
        self.path = path
        self.root = root
    }

    deinit { if !isClosed.load(ordering: .relaxed) { Glibc.close(descriptor) } }

    func read(
        into bytes: UnsafeMutableRawBufferPointer,
        at position: Int64
    ) throws(DiskError) -> Int {
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            let count = pread(descriptor, base + done, bytes.count - done, Int(position) + done)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw PosixDisk.error("pread", path)
            }
            done += count
        }
        return done
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(DiskError) {
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            let count = pwrite(descriptor, base + done, bytes.count - done, Int(position) + done)
            if count < 0 {
                if errno == EINTR { continue }
                throw PosixDisk.error("pwrite", path)
            }
            done += count
        }
    }

    func truncate(to byteCount: Int64) throws(DiskError) {
        while ftruncate(descriptor, Int(byteCount)) != 0 {
            if errno != EINTR { throw PosixDisk.error("ftruncate", path) }
        }
    }

    func byteCount() throws(DiskError) -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw PosixDisk.error("fstat", path) }
        return Int64(status.st_size)
    }

    func sync() throws(DiskError) {
        // Not even an interrupted flush is tried again: pages may already count as clean.
        guard fdatasync(descriptor) == 0 else { throw PosixDisk.error("fdatasync", path) }
    }

    func beginWriteOut() { millrace_begin_write_out(descriptor) }

    func requireNamed() throws(DiskError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw PosixDisk.error("fstat", path) }
        // Some file systems count no names.
        guard status.st_nlink == 0, !isAtItsPath(status) else { return }
        throw .removed(path: root.flatMap { $0.isRemoved ? $0.path : nil } ?? path)
    }

    private func isAtItsPath(_ opened: stat) -> Bool {
        var there = stat()
        let (folder, name) = root?.place(of: path) ?? (AT_FDCWD, path)
        return fstatat(folder, name, &there, 0) == 0
            && there.st_dev == opened.st_dev && there.st_ino == opened.st_ino
    }

    func close() {
        if !isClosed.exchange(true, ordering: .relaxed) { Glibc.close(descriptor) }
    }
}

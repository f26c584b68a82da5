import Glibc
package import LogModel

/// Everything that the log asks of a file system: one call per batch, flush or file, never per
/// record. `PosixDisk` is the machine's; `SimulatedDisk` (MillraceTestKit) loses, tears and
/// reorders what was not flushed.
///
/// Paths are as given at start, joined with "/". A name that was created, renamed or removed is
/// durable only after `syncDirectory` of its folder; bytes only after `DiskFile.sync`.
package protocol Disk: Sendable {
    /// Opens a file. `.create` fails if it exists already.
    func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile
    /// Creates one folder; its parent exists. Succeeds if it exists already.
    func createDirectory(_ path: String) throws(DiskError)
    /// The names in a folder, sorted; no "." and "..".
    func list(_ path: String) throws(DiskError) -> [String]
    /// What a path names; nil for nothing.
    func kind(of path: String) throws(DiskError) -> DiskEntryKind?
    /// The folders above what a path leads to, or would if it were made, the nearest first.
    func folders(above path: String) -> [String]
    /// The length of a file in bytes; nil where there is none.
    func byteCount(of path: String) throws(DiskError) -> Int64?
    /// Gives a file or folder another name, replacing a file of that name in one step.
    func rename(_ path: String, to newPath: String) throws(DiskError)
    /// Removes a file.
    func remove(_ path: String) throws(DiskError)
    /// Removes an empty folder; of one that a link stands for, the link.
    func removeDirectory(_ path: String) throws(DiskError)
    /// Makes the names in a folder durable.
    func syncDirectory(_ path: String) throws(DiskError)
    /// When the content of a file was last changed; nil where the file system does not say.
    func modificationTime(of path: String) throws(DiskError) -> Timestamp?
    /// Has a file say that it was last written then; nothing where files have no times.
    func setModificationTime(of path: String, to time: Timestamp) throws(DiskError)
    /// Bytes that may still be written.
    func freeByteCount(at path: String) throws(DiskError) -> Int64
    /// Bytes that may be written in all.
    func totalByteCount(at path: String) throws(DiskError) -> Int64
    /// Makes a file of so many bytes that nobody reads, for the room that it takes. Fails where the
    /// file system cannot promise any; on a disk without end it does nothing.
    func reserve(_ path: String, _ byteCount: Int64) throws(DiskError)
    /// Takes the exclusive lock of `path` (a file, created if needed) and writes `owner` into it.
    /// Fails with `.locked(owner:)` while another process holds it. Released by `close` or death.
    func lock(_ path: String, owner: String) throws(DiskError) -> any DiskLock
    /// Takes the same lock without writing anything, for a reader who must not or cannot write;
    /// nil where the file system lets nobody take it.
    func lockForReading(_ path: String) throws(DiskError) -> (any DiskLock)?
    /// The same disk, on which `path` and what lies below mean the folder that is there now, for as
    /// long as this lives: moved, it is the same one; removed, `.removed` is thrown, and what lies
    /// at its path by then is never touched.
    func rooted(at path: String) throws(DiskError) -> any Disk
    /// A number that nobody can guess, for what tells two uses of a file apart.
    func randomNumber() -> UInt64
}

extension Disk {
    package func lockForReading(_ path: String) throws(DiskError) -> (any DiskLock)? { nil }

    package func rooted(at path: String) throws(DiskError) -> any Disk { self }

    package func reserve(_ path: String, _ byteCount: Int64) throws(DiskError) {}

    package func folders(above path: String) -> [String] {
        let parts = path.split(separator: "/")
        let root = path.hasPrefix("/") ? "/" : ""
        return parts.indices.dropFirst().reversed().map { end in
            root + parts[..<end].joined(separator: "/")
        }
    }

    package func byteCount(of path: String) throws(DiskError) -> Int64? {
        guard try kind(of: path) == .file else { return nil }
        let file = try open(path, .read)
        defer { file.close() }
        return try file.byteCount()
    }
}

/// An open file. Reads and writes name their position; any thread may call.
package protocol DiskFile: AnyObject, Sendable {
    /// Reads at `position` until `bytes` is full or the file ends; returns how many were read.
    func read(
        into bytes: UnsafeMutableRawBufferPointer,
        at position: Int64
    ) throws(DiskError) -> Int
    /// Writes all of `bytes` at `position`, or throws; after an error any part may be written.
    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(DiskError)
    /// Cuts or extends (with zeros) to `byteCount`.
    func truncate(to byteCount: Int64) throws(DiskError)
    /// The length in bytes.
    func byteCount() throws(DiskError) -> Int64
    /// Makes all bytes written so far durable (fdatasync). An error means that they may be lost
    /// for good: never retry, stop acknowledging.
    func sync() throws(DiskError)
    /// Begins to write out what was written so far and does not wait: a `sync` has less left to do.
    func beginWriteOut()
    /// Throws `.removed` where the file has no name any more: what was written to it goes with the
    /// last who has it open.
    func requireNamed() throws(DiskError)
    /// Closes; further calls are errors of the program.
    func close()
}

extension DiskFile {
    package func beginWriteOut() {}

    package func requireNamed() throws(DiskError) {}
}

/// A held lock.
package protocol DiskLock: AnyObject, Sendable {
    func close()
}

package enum DiskOpenMode: Sendable {
    case read
    case readWrite
    case create
}

package enum DiskEntryKind: Sendable, Equatable {
    case file
    case directory
}

/// A failed call on the disk.
package enum DiskError: Error, Equatable, Sendable {
    case notFound(path: String)
    case exists(path: String)
    /// No space, or a quota is used up; or the file may not become larger, which no room helps.
    case full(path: String, isLargest: Bool = false)
    /// Another process holds the lock; `owner` is what it wrote into the file.
    case locked(path: String, owner: String)
    /// The folder or file was there when it was opened, and is nowhere now.
    case removed(path: String)
    /// Anything else, with the operating system's words.
    case failed(operation: String, path: String, errorNumber: Int32, message: String)
}

extension DiskError {
    /// Why a file that has all the size it may have does not grow, with the system's words.
    package static let largestWords =
        "the process's limit (ulimit -f) or the file system allows no larger file "
        + "(\(String(cString: strerror(EFBIG))))"

    /// Whether the bytes are lost, as with a bad sector: to be met like a damaged file.
    var saysUnreadable: Bool {
        guard case .failed(_, _, let errorNumber, _) = self else { return false }
        return errorNumber == EIO
    }

    /// Whether the same call may succeed later, nothing being wrong with what lies there: there was
    /// no room, no memory, or no descriptor.
    var isPassing: Bool {
        switch self {
        case .full: true
        case .failed(_, _, let errorNumber, _):
            [EMFILE, ENFILE, ENOMEM, EINTR].contains(errorNumber)
        default: false
        }
    }

    /// Whether a flush failed before it began, for want of a descriptor: nothing is lost by it.
    var isUnopened: Bool {
        guard case .failed("open", _, _, _) = self else { return false }
        return isPassing
    }

    /// Whether nothing can be written there at all: by this user, or by anybody.
    package var saysReadOnly: Bool {
        guard case .failed(_, _, let errorNumber, _) = self else { return false }
        return [EROFS, EACCES, EPERM].contains(errorNumber)
    }
}

extension DiskError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notFound(let path): "\(path) does not exist"
        case .exists(let path): "\(path) exists already"
        case .full(let path, let isLargest):
            isLargest ? "\(path): \(Self.largestWords)" : "no space is left for \(path)"
        case .locked(let path, let owner): "\(path) is locked by \(owner)"
        case .removed(let path):
            "\(path) was removed while it was open, or moved to another disk: "
                + "what was not stored by then is lost"
        case .failed(let operation, let path, _, let message):
            "\(operation) of \(path) failed: \(message)"
        }
    }
}

import FileOwner
import Foundation
import Glibc
import Terminal

/// Who builds in the folder that the jobs share, or runs what was built there: two jobs may have
/// targets of one name, such as copies of one job, and the results of one are then in the place of
/// the other's. The package manager's own lock ends with its build, before anything is run.
final class BuildLock {
    private let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Waits until nobody else has it. Let go with the value, with the process, or when that
    /// becomes another program.
    ///
    /// - Parameter tell: called with who has it, where somebody has.
    static func take(
        in folder: String,
        _ tell: (String) -> Void
    ) throws(CommandFailure) -> BuildLock {
        try? FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true
        )
        let path = "\(folder)/millrace-build.lock"
        var descriptor = FileOwner.make(path, O_RDWR, mode: 0o644)
        if descriptor < 0, errno == EEXIST { descriptor = open(path, O_RDWR | O_CLOEXEC) }
        guard descriptor >= 0 else { throw failure(path) }
        let lock = BuildLock(descriptor)
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            tell(holder(descriptor))
            while flock(descriptor, LOCK_EX) != 0 {
                guard errno == EINTR else { throw failure(path) }
            }
        }
        // The number is for the words of those who wait.
        var number = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, &number, number.count, 0)
        return lock
    }

    private static func holder(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 20)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        let digits = bytes.prefix(max(count, 0)).prefix { $0 != UInt8(ascii: "\n") }
        let number = Int32(String(decoding: digits, as: UTF8.self))
        return number.map { "process \($0)" } ?? "another process"
    }

    private static func failure(_ path: String) -> CommandFailure {
        CommandFailure(
            "the build folder of the jobs cannot be used",
            place: path,
            reason: String(cString: strerror(errno)),
            next: "give another folder: MILLRACE_BUILD=DIR in front of the same command"
        )
    }
}

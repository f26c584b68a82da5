import Glibc

/// Asks whether a Kafka broker runs on a directory: it holds a POSIX record lock on `.lock`, as
/// Java's `FileChannel.tryLock` takes it. Asking neither takes nor writes anything.
enum BrokerLock {
    static let fileName = ".lock"

    /// The holder of the lock on `path`; nil if nobody holds it or there is no such file.
    static func holder(of path: String) -> Int32? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        guard fcntl(descriptor, F_GETLK, &lock) == 0, lock.l_type != Int16(F_UNLCK) else {
            return nil
        }
        return lock.l_pid
    }
}

import Glibc

/// Asks whether a Kafka broker runs on a directory: it holds a POSIX record lock on `.lock`, as
/// Java's `FileChannel.tryLock` takes it. Asking neither takes nor writes anything.
enum BrokerLock {
    static let fileName = ".lock"

    /// The process that holds the lock on `path`, 0 where it has no number here; nil if nobody does
    /// or there is no such file.
    static func holder(of path: String) throws(KafkaDirectoryError) -> Int32? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw cannotAsk(path)
        }
        defer { close(descriptor) }
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        guard fcntl(descriptor, F_GETLK, &lock) == 0 else { throw cannotAsk(path) }
        return lock.l_type == Int16(F_UNLCK) ? nil : max(0, lock.l_pid)
    }

    private static func cannotAsk(_ path: String) -> KafkaDirectoryError {
        .unreadable("\(path) cannot be asked for its lock: \(String(cString: strerror(errno)))")
    }
}

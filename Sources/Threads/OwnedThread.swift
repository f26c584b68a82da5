import Glibc

/// A thread of the operating system that runs one function and is joined by its owner. For work
/// that blocks on files and stores, which the cooperative pool must not.
package final class OwnedThread: Sendable {
    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private let handle = Lock<pthread_t?>(nil)

    /// Starts the thread.
    package init(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Box(body)).toOpaque()
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                // SAFETY: the pointer is the box retained above, released exactly here.
                Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            },
            box
        )
        guard result == 0 else { Self.endWithoutThread(result) }
        handle.withLock { $0 = thread }
    }

    /// Nothing can go on without its threads: the process ends as by a kill, with a word.
    private static func endWithoutThread(_ error: Int32) -> Never {
        let words =
            "error: the system starts no more threads for this process\n"
            + "  why: \(String(cString: strerror(error)))\n"
            + "  next: allow it more processes and memory (ulimit -u, pids.max and memory.max of "
            + "its cgroup), then the same command: nothing that was stored is lost\n"
        _ = words.withCString { write(STDERR_FILENO, $0, strlen($0)) }
        _exit(1)
    }

    /// Waits for the function to return. A second call returns at once.
    package func join() {
        let thread = handle.withLock { handle in
            defer { handle = nil }
            return handle
        }
        if let thread { pthread_join(thread, nil) }
    }
}

import Glibc
import Terminal

/// Waits for a file descriptor to have something to read, or for a signal.
struct InputWait {
    enum Outcome {
        /// There is something to read, or the end.
        case ready
        /// There was nothing for as long as it may take.
        case pause
        /// A signal came.
        case stop
    }

    private let descriptor: Int32
    /// Has something to read once a signal came.
    private let interrupt: Int32
    /// A file on a disk always has something to read.
    private let isFile: Bool

    init(descriptor: Int32, interrupt: Int32) {
        self.descriptor = descriptor
        self.interrupt = interrupt
        var status = stat()
        isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Waits until `limit` is over; without one, as long as it takes.
    func wait(atMost limit: Duration?) -> Outcome {
        var watched = [pollfd(fd: interrupt, events: Int16(POLLIN), revents: 0)]
        if !isFile { watched.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)) }
        // Rounded up: a limit that is not over is not taken for one that is.
        let milliseconds = limit.map { Int32(clamping: Int64(($0.seconds * 1000).rounded(.up))) }
        let count = poll(&watched, nfds_t(watched.count), isFile ? 0 : milliseconds ?? -1)
        if watched[0].revents != 0 { return .stop }
        return isFile || count != 0 ? .ready : .pause
    }
}

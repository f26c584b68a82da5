import DirectoryAccess
import Glibc
import Terminal

/// The terminal of this process while it shows nothing of what is typed. Its keys for signals do
/// what they always do, but for that which stops a process: a shell would show the rest. How it was
/// before, it is again at the end.
struct SilentTerminal: ~Copyable {
    private let descriptor: Int32
    private let before: termios

    private init(_ descriptor: Int32, before: termios) {
        self.descriptor = descriptor
        self.before = before
    }

    /// Silent from here on.
    static func begin() throws(CommandFailure) -> SilentTerminal {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
        let descriptor = terminal >= 0 ? terminal : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
        guard descriptor >= 0 else { throw failure() }
        var before = termios()
        guard tcgetattr(descriptor, &before) == 0 else { throw failure(closing: descriptor) }
        var settings = before
        settings.c_lflag &= ~tcflag_t(ECHO)
        settings.c_lflag |= tcflag_t(ICANON | ISIG | ECHONL)
        // On Linux 0 is no key.
        withUnsafeMutableBytes(of: &settings.c_cc) { $0[Int(VSUSP)] = 0 }
        guard tcsetattr(descriptor, TCSAFLUSH, &settings) == 0 else {
            throw failure(closing: descriptor)
        }
        return SilentTerminal(descriptor, before: before)
    }

    deinit {
        var settings = before
        tcsetattr(descriptor, TCSAFLUSH, &settings)
        close(descriptor)
    }

    /// A line with its end, or what there is of one before the end of the input; nil where a signal
    /// came first. More than `byteLimit` bytes are not read.
    func line(
        _ prompt: String,
        byteLimit: Int,
        until signals: SignalListener
    ) throws(CommandFailure) -> [UInt8]? {
        let (terminal, former) = (descriptor, before)
        signals.beforeEnd {
            var settings = former
            tcsetattr(terminal, TCSAFLUSH, &settings)
        }
        defer { signals.beforeEnd(nil) }
        TextOutput(descriptor: descriptor).write(prompt)
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: byteLimit)
        while text.count < byteLimit, text.last != UInt8(ascii: "\n") {
            var watched = [
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&watched, 2, -1) >= 0 || errno == EINTR else { throw Self.failure() }
            guard signals.request == nil else {
                TextOutput(descriptor: descriptor).write("\n")
                return nil
            }
            guard watched[0].revents != 0 else { continue }
            let count = read(descriptor, &piece, byteLimit - text.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure() }
            if count == 0 { break }
            text += piece.prefix(count)
        }
        return text
    }

    private static func failure(closing descriptor: Int32? = nil) -> CommandFailure {
        let reason = String(cString: strerror(errno))
        if let descriptor { close(descriptor) }
        return CommandFailure(
            "the password cannot be read",
            place: "the terminal",
            reason: reason,
            next: "give it on standard input, or as a --password-file"
        )
    }
}

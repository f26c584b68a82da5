#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif
import Synchronization

/// Text to a file descriptor, whole and in order, without a buffer.
package struct TextOutput: Sendable {
    package let descriptor: Int32

    package init(descriptor: Int32) { self.descriptor = descriptor }

    package static let standard = TextOutput(descriptor: 1)
    package static let error = TextOutput(descriptor: 2)

    /// Why the standard output took no more, as the system's error number; 0 if it did, or if its
    /// reader went away, which is the reader's choice.
    private static let standardError = Atomic<Int32>(0)

    /// What became of the standard output, for a person; nil if all of it was written, or nobody
    /// wants more.
    package static var standardFailure: String? {
        let number = standardError.load(ordering: .relaxed)
        return number == 0 ? nil : String(cString: strerror(number))
    }

    /// Takes the numbers 0, 1 and 2 where the caller left them closed, so that no file that is
    /// opened later gets one of them, and is written into as output. What goes to a closed output
    /// fails, as it should.
    package static func takeStandardDescriptors() {
        // The lowest free number is given: from 0 up each of the three is open when the next is
        // looked at.
        for number in Int32(0)...2 where fcntl(number, F_GETFD) < 0 {
            _ = open("/dev/null", number == 0 ? O_WRONLY : O_RDONLY)
        }
    }

    /// Whether a person reads it.
    package var isTerminal: Bool { isatty(descriptor) == 1 }

    /// Whether the terminal can do no more than print a line after the other.
    package static var isDumb: Bool {
        guard let name = getenv("TERM") else { return true }
        return name.pointee == 0 || strcmp(name, "dumb") == 0
    }

    /// Whether what is written here may have colours: a person reads it, and wants some.
    /// `NO_COLOR` of any text is the wish for none (no-color.org).
    package var hasColors: Bool {
        if let wish = getenv("NO_COLOR"), wish.pointee != 0 { return false }
        return isTerminal && !Self.isDumb
    }

    /// How many characters fit into a line of the terminal; nil where it does not tell.
    package var columnCount: Int? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// `text` with the word in colour that says what kind of message it is.
    package static func coloured(_ text: String) -> String {
        for (word, colour) in [("error:", 31), ("warning:", 33)] where text.hasPrefix(word) {
            return "\u{1B}[1;\(colour)m\(word)\u{1B}[0m\(text.dropFirst(word.count))"
        }
        return text
    }

    /// Writes all of `text`; false where the reader is gone or the file takes no more.
    @discardableResult
    package func write(_ text: String) -> Bool {
        var text = descriptor == 2 && hasColors ? Self.coloured(text) : text
        return text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
    }

    /// Writes all of `bytes`; false where the reader is gone or the file takes no more, or where
    /// the reader stalls while `interrupt` has something to read. An output that does not wait by
    /// itself (O_NONBLOCK, as another process that has it may have set) is waited for all the same.
    @discardableResult
    package func write(_ bytes: UnsafeRawBufferPointer, until interrupt: Int32? = nil) -> Bool {
        var written = 0
        // What is waited for: room in the output, or something to read.
        var watched: [pollfd]?
        if let interrupt, !isFile {
            watched = [
                pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: interrupt, events: Int16(POLLIN), revents: 0),
            ]
        }
        while written < bytes.count {
            var rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
            if watched != nil {
                guard Self.canTakeMore(&watched) else { return false }
                rest = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.pieceByteCount))
            }
            let count = systemWrite(descriptor, rest)
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN {
                    // With something that interrupts, both are waited for at the next turn.
                    if watched == nil { waitForRoom() }
                    continue
                }
                if descriptor == 1, errno != EPIPE {
                    Self.standardError.store(errno, ordering: .relaxed)
                }
                return false
            }
            written += count
        }
        return true
    }

    /// A pipe that can be written to takes this much without waiting: POSIX's PIPE_BUF on Linux.
    private static let pieceByteCount = 4096

    /// A file on a disk never waits for a reader.
    private var isFile: Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Whether nobody will read what is written from now on: a pipe's other end was closed, a
    /// terminal hung up. A file has no such end.
    package var hasLostReader: Bool {
        var output = pollfd(fd: descriptor, events: 0, revents: 0)
        return poll(&output, 1, 0) > 0 && output.revents & Int16(POLLERR | POLLHUP) != 0
    }

    /// Waits until something can be written, or an error is there to be found.
    private func waitForRoom() {
        var output = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        while poll(&output, 1, -1) < 0, errno == EINTR {}
    }

    /// Waits until something can be written; false if there is something to read first.
    private static func canTakeMore(_ watched: inout [pollfd]?) -> Bool {
        guard var pair = watched.take(), pair.count == 2 else { return true }
        defer { watched = pair }
        while poll(&pair, 2, -1) < 0, errno == EINTR {}
        // An error of the output is the writing's to find.
        return pair[0].revents != 0 || pair[1].revents == 0
    }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}

/// Bytes to a file descriptor in large writes, for output that can be long. Owned by one thread.
///
/// What is left is written when its owner lets it go, so an error on the way takes nothing of what
/// was appended before it.
package struct BufferedOutput: ~Copyable {
    private var bytes: [UInt8] = []
    private let output: TextOutput
    private let limit: Int
    /// Where something to read ends the waiting for a reader that stalls.
    package var interrupt: Int32?
    /// The reader is gone: what is appended from now on is dropped.
    package private(set) var isBroken = false

    package init(_ output: TextOutput, byteLimit: Int = 1 << 16) {
        self.output = output
        limit = byteLimit
        bytes.reserveCapacity(byteLimit + 4096)
    }

    deinit {
        if !isBroken { _ = bytes.withUnsafeBytes { output.write($0, until: interrupt) } }
    }

    package mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
        if bytes.count >= limit { flush() }
    }

    package mutating func append(_ more: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: more)
        if bytes.count >= limit { flush() }
    }

    /// Looks whether its reader is still there, which a writing would find: for who waits for more
    /// to write.
    package mutating func lookForReader() {
        if output.hasLostReader { isBroken = true }
    }

    package mutating func flush() {
        if !isBroken { isBroken = !bytes.withUnsafeBytes { output.write($0, until: interrupt) } }
        bytes.removeAll(keepingCapacity: true)
    }
}

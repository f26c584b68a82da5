import Glibc
import LogModel
import Terminal

/// Lines of a file descriptor, without their line feeds, lent one by one. A line that is longer
/// than a record can be is refused before it fills the memory.
struct LineReader: ~Copyable {
    private let descriptor: Int32
    private let name: String
    private var buffer: UnsafeMutableRawBufferPointer
    /// The bytes of the buffer that are read and not given out.
    private var unread = 0..<0
    private var isAtEnd = false
    private let lineByteLimit: Int
    private var lineCount = 0

    init(
        descriptor: Int32,
        name: String,
        byteCount: Int = 1 << 20,
        lineByteLimit: Int = BatchLimit.byteCount
    ) {
        self.descriptor = descriptor
        self.name = name
        self.lineByteLimit = lineByteLimit
        buffer = .allocate(byteCount: byteCount, alignment: 64)
    }

    deinit { buffer.deallocate() }

    /// The next line, valid until the next call; nil at the end. A last line without a line feed
    /// counts.
    mutating func next() throws(CommandFailure) -> UnsafeRawBufferPointer? {
        var searched = 0
        while true {
            let rest = UnsafeRawBufferPointer(rebasing: buffer[unread])
            let tail = UnsafeRawBufferPointer(rebasing: rest[searched...])
            if let base = tail.baseAddress, let feed = memchr(base, 10, tail.count) {
                let count = searched + (UnsafeRawPointer(feed) - base)
                try accept(count)
                unread = (unread.lowerBound + count + 1)..<unread.upperBound
                return UnsafeRawBufferPointer(rebasing: rest[..<count])
            }
            if isAtEnd {
                try accept(rest.count)
                unread = unread.upperBound..<unread.upperBound
                return rest.isEmpty ? nil : rest
            }
            searched = rest.count
            try checkLength(searched)
            try fill()
        }
    }

    private mutating func accept(_ byteCount: Int) throws(CommandFailure) {
        try checkLength(byteCount)
        lineCount += 1
    }

    private func checkLength(_ byteCount: Int) throws(CommandFailure) {
        guard byteCount > lineByteLimit else { return }
        throw CommandFailure(
            "line \(grouped(lineCount + 1)) is too long for a record",
            place: name,
            reason: "it has more than the \(grouped(lineByteLimit)) bytes that a record can have"
        )
    }

    /// Moves what is unread to the front and reads behind it.
    private mutating func fill() throws(CommandFailure) {
        let kept = unread.count
        if kept == buffer.count {
            let larger = UnsafeMutableRawBufferPointer.allocate(
                byteCount: buffer.count * 2,
                alignment: 64
            )
            larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
            buffer.deallocate()
            buffer = larger
        } else if unread.lowerBound > 0, let base = buffer.baseAddress {
            memmove(base, base + unread.lowerBound, kept)
        }
        unread = 0..<kept
        guard let base = buffer.baseAddress else { return }
        let count = read(descriptor, base + kept, buffer.count - kept)
        if count < 0 {
            if errno == EINTR { return }
            throw CommandFailure(
                "cannot read the input",
                place: name,
                reason: String(cString: strerror(errno))
            )
        }
        if count == 0 { isAtEnd = true }
        unread = 0..<(kept + count)
    }
}

import Glibc
import LogModel
import Terminal

/// Lines of a file descriptor, without what ends them, lent one by one. A line that is longer than
/// a record can be is refused before it fills the memory.
///
/// The owner takes lines until there is none, and fills: only filling reads, and may wait.
struct LineReader: ~Copyable {
    private let descriptor: Int32
    private let name: String
    /// What ends a line: a line feed, or other bytes, of which there is one at least.
    private let delimiter: [UInt8]
    private var buffer: UnsafeMutableRawBufferPointer
    /// The bytes of the buffer that are read and not given out.
    private var unread = 0..<0
    /// How many of them are known to hold no line's end.
    private var searchedCount = 0
    /// Everything was read. Lines may be left.
    private(set) var isAtEnd = false
    private let lineByteLimit: Int
    /// The command that raises it.
    private let raising: String?
    /// Lines that were given out.
    private(set) var lineCount = 0

    init(
        descriptor: Int32,
        name: String,
        delimiter: [UInt8] = [10],
        byteCount: Int = 1 << 20,
        lineByteLimit: Int = BatchLimit.byteCount,
        raising: String? = nil
    ) {
        self.descriptor = descriptor
        precondition(!delimiter.isEmpty, "something ends a line")
        self.name = name
        self.delimiter = delimiter
        self.lineByteLimit = lineByteLimit
        self.raising = raising
        buffer = .allocate(byteCount: byteCount, alignment: 64)
    }

    deinit { buffer.deallocate() }

    /// The next line of what was read, valid until the next call; nil where no whole line is left.
    /// At the end, a last line that nothing ends counts.
    mutating func next() throws(CommandFailure) -> UnsafeRawBufferPointer? {
        let rest = UnsafeRawBufferPointer(rebasing: buffer[unread])
        if let count = rest.firstIndex(of: delimiter, from: searchedCount) {
            try accept(count)
            unread = (unread.lowerBound + count + delimiter.count)..<unread.upperBound
            searchedCount = 0
            return UnsafeRawBufferPointer(rebasing: rest[..<count])
        }
        guard isAtEnd else {
            // Of what ends the line, a part may be there.
            searchedCount = max(0, rest.count - (delimiter.count - 1))
            try checkLength(searchedCount)
            return nil
        }
        try accept(rest.count)
        unread = unread.upperBound..<unread.upperBound
        searchedCount = 0
        return rest.isEmpty ? nil : rest
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
                + (raising == nil ? "" : " in this topic"),
            next: raising
        )
    }

    /// Moves what is unread to the front and reads behind it.
    mutating func fill() throws(CommandFailure) {
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

extension UnsafeRawBufferPointer {
    /// Where `pattern`, of one byte at least, first begins from `start` on.
    func firstIndex(of pattern: [UInt8], from start: Int = 0) -> Int? {
        guard let first = pattern.first else { return nil }
        var start = start
        while start + pattern.count <= count, let base = baseAddress,
            let found = memchr(base + start, Int32(first), count - start)
        {
            let index = UnsafeRawPointer(found) - base
            if UnsafeRawBufferPointer(rebasing: self[index...]).starts(with: pattern) {
                return index
            }
            start = index + 1
        }
        return nil
    }
}

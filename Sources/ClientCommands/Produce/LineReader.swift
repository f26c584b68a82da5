import Glibc
import LogModel
import Terminal

/// Lines of a file descriptor, without what ends them, lent one by one; or records that tell their
/// lengths. One that is longer than a record can be is refused before it fills the memory.
///
/// The owner takes lines until there is none, and fills: only filling reads, and may wait.
struct LineReader: ~Copyable {
    /// How the end of a line is known.
    enum End {
        /// These bytes are it, of which there is one at least.
        case delimiter([UInt8])
        /// The lengths in front of its parts tell it: `LengthPrefixedRecord`.
        case lengths
    }

    private let descriptor: Int32
    private let name: String
    private let end: End
    private var buffer: UnsafeMutableRawBufferPointer
    /// The bytes of the buffer that are read and not given out.
    private var unread = 0..<0
    /// How many of them are known to hold no line's end.
    private var searchedCount = 0
    /// Everything was read. Lines may be left.
    private(set) var isAtEnd = false
    private let lineByteLimit: Int
    private let room: RecordRoom
    /// Lines that were given out.
    private(set) var lineCount = 0

    init(
        descriptor: Int32,
        name: String,
        end: End = .delimiter([10]),
        byteCount: Int = 1 << 20,
        lineByteLimit: Int = BatchLimit.byteCount,
        room: RecordRoom
    ) {
        self.descriptor = descriptor
        if case .delimiter(let bytes) = end {
            precondition(!bytes.isEmpty, "something ends a line")
        }
        self.name = name
        self.end = end
        self.lineByteLimit = lineByteLimit
        self.room = room
        buffer = .allocate(byteCount: byteCount, alignment: 64)
    }

    deinit { buffer.deallocate() }

    /// The next line of what was read, valid until the next call; nil where no whole line is left.
    /// At the end, a last line that nothing ends counts.
    mutating func next() throws(CommandFailure) -> UnsafeRawBufferPointer? {
        switch end {
        case .delimiter(let bytes): try nextLine(endedBy: bytes)
        case .lengths: try nextRecord()
        }
    }

    /// The next record with its lengths; what is left of one at the end is refused.
    private mutating func nextRecord() throws(CommandFailure) -> UnsafeRawBufferPointer? {
        let rest = UnsafeRawBufferPointer(rebasing: buffer[unread])
        let needed: Int?
        do {
            needed = try LengthPrefixedRecord.byteCount(of: rest, limit: lineByteLimit)
        } catch {
            switch error {
            case .length(let length):
                throw CommandFailure(
                    "record \(grouped(lineCount + 1)) has a length of \(length)",
                    place: name,
                    reason: "a length is that of the bytes behind it, or -1, which is null; the "
                        + "input is of another form, or an earlier length is wrong"
                )
            case .tooLong(let byteCount):
                throw room.refusal(ofLengths: byteCount, at: place("record"))
            }
        }
        guard let count = needed, count <= rest.count else {
            guard isAtEnd, !rest.isEmpty else { return nil }
            throw CommandFailure(
                "record \(grouped(lineCount + 1)) is cut off",
                place: name,
                reason: "the input ends before the record does"
            )
        }
        lineCount += 1
        unread = (unread.lowerBound + count)..<unread.upperBound
        return UnsafeRawBufferPointer(rebasing: rest[..<count])
    }

    private mutating func nextLine(
        endedBy delimiter: [UInt8]
    ) throws(CommandFailure) -> UnsafeRawBufferPointer? {
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
        guard byteCount <= lineByteLimit else {
            throw room.refusal(ofLine: place("line"), beyond: lineByteLimit)
        }
    }

    /// Of what comes next.
    private func place(_ unit: String) -> InputPlace {
        InputPlace(unit: unit, number: lineCount + 1, input: name)
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
            // Of an input that does not wait by itself, the owner waits for more.
            if errno == EINTR || errno == EAGAIN { return }
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

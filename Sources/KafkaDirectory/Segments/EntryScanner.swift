package import LogModel
package import LogStorage

/// Reads what stands in a segment file one after the other, in large reads, all formats mixed.
///
/// Nothing that it lends has an impossible length or offset, and every checksum was verified.
package struct EntryScanner: ~Copyable {
    private let file: any DiskFile
    package let end: Int64
    private var buffer: UnsafeMutableRawBufferPointer
    /// Where in the file `buffer` begins, and how much of it was read.
    private var bufferPosition: Int64 = 0
    private var bufferedByteCount = 0
    /// Where the next entry begins.
    package private(set) var position: Int64 = 0

    private static let readByteCount: Int64 = 1 << 20
    /// Larger entries are damage: no log accepts them.
    private static let entryByteLimit = Int64(BatchLimit.byteCount)
    /// Offset, length, checksum or epoch, and the magic, which has its place in all formats.
    private static let prefixByteCount = RecordBatchLayout.magic + 1
    /// How many bytes of candidates a search for the next entry may sum up.
    package static let searchByteBudget = 256 << 20
    private let searchByteBudget: Int

    /// What stands at the position.
    package enum Step {
        case entry(StoredEntry)
        case end
        /// Why it is none, in words.
        case bad(String)
    }

    package init(
        file: any DiskFile,
        to end: Int64,
        searchByteBudget: Int = Self.searchByteBudget
    ) {
        self.file = file
        self.searchByteBudget = searchByteBudget
        self.end = end
        let byteCount = min(Self.readByteCount, max(end, 64))
        buffer = .allocate(byteCount: Int(byteCount), alignment: 4096)
    }

    deinit { buffer.deallocate() }

    /// The entry at the position; valid until the next call.
    package mutating func next() throws(DiskError) -> Step {
        guard position < end else { return .end }
        let left = end - position
        guard left >= Int64(Self.prefixByteCount), try load(Int64(Self.prefixByteCount)) else {
            return .bad("\(left) bytes, too few for a batch")
        }
        let prefix = loaded
        let length: Int32 = Self.integer(prefix, at: RecordBatchLayout.length)
        guard length >= RecordBatchLayout.minimumLength else {
            return .bad("a length of \(length)")
        }
        let byteCount = Int64(length) + Int64(RecordBatchLayout.lengthPrefixByteCount)
        let magic = prefix[RecordBatchLayout.magic]
        guard magic <= RecordBatchLayout.magicValue else { return .bad("magic \(magic)") }
        guard byteCount <= Self.entryByteLimit else { return .bad("a length of \(length)") }
        guard byteCount <= left, try load(byteCount) else {
            return .bad("a batch of \(byteCount) bytes of which \(left) are there")
        }
        let bytes = UnsafeRawBufferPointer(rebasing: loaded[..<Int(byteCount)])
        do throws(RecordBatchError) {
            return magic == RecordBatchLayout.magicValue
                ? try Self.batch(bytes) : try Self.message(bytes)
        } catch { return .bad("\(error)") }
    }

    /// Steps behind the entry that `next` returned.
    package mutating func advance(by byteCount: Int) { position += Int64(byteCount) }

    /// The offset that stands `byteCount` bytes behind the position; nil where the file ends.
    /// What was lent stays valid.
    package func offset(behind byteCount: Int) throws(DiskError) -> Offset? {
        let place = position + Int64(byteCount)
        guard end - place >= Int64(Self.prefixByteCount) else { return nil }
        var bytes = UInt64(0)
        let file = file
        let read = withUnsafeMutableBytes(of: &bytes) { buffer in
            Result { () throws(DiskError) in try file.read(into: buffer, at: place) }
        }
        guard try read.get() == 8 else { return nil }
        return Offset(Int64(bitPattern: UInt64(bigEndian: bytes)))
    }

    /// Whether everything from the position on is zeros, as files allocated in advance have it.
    /// Fewer of them may be the beginning of a batch.
    package mutating func isZeroToEnd() throws(DiskError) -> Bool {
        let start = position
        guard end - position >= Int64(RecordBatchLayout.lengthPrefixByteCount) else { return false }
        defer { position = start }
        while position < end {
            guard try load(1) else { return false }
            let window = loaded
            guard window.allSatisfy({ $0 == 0 }) else { return false }
            position += Int64(window.count)
        }
        return true
    }

    /// Steps behind something damaged whose length is whole, that is leads to the next whole entry
    /// or to the end; false where it does not, and nothing changes.
    package mutating func passDamage() throws(DiskError) -> Bool {
        let left = end - position
        guard left >= Int64(Self.prefixByteCount), try load(Int64(Self.prefixByteCount)) else {
            return false
        }
        let length: Int32 = Self.integer(loaded, at: RecordBatchLayout.length)
        let byteCount = Int64(length) + Int64(RecordBatchLayout.lengthPrefixByteCount)
        guard length >= RecordBatchLayout.minimumLength, byteCount <= left else { return false }
        position += byteCount
        if case .bad = try next() {
            position -= byteCount
            return false
        }
        return true
    }

    /// What a search for the next whole entry came to.
    package enum Search {
        /// It begins at the position.
        case found
        case nothing
        /// There are too many bytes that could be one: whether one follows is not known.
        case gaveUp
    }

    /// Looks behind the position for a whole entry at or after `minimum`, and moves to it.
    package mutating func findNext(atLeast minimum: Offset) throws(DiskError) -> Search {
        var budget = searchByteBudget
        position += 1
        while end - position >= Int64(Self.prefixByteCount), try load(Int64(Self.prefixByteCount)) {
            let window = loaded
            let last = window.count - Self.prefixByteCount
            let hit = (0...last).first { Self.isPlausible(window, at: $0, atLeast: minimum) }
            guard let hit else {
                position += Int64(last + 1)
                continue
            }
            position += Int64(hit)
            // The window is gone once `next` reads on.
            let length = Int(Self.integer(window, at: hit + RecordBatchLayout.length) as Int32)
            if case .entry(let entry) = try next(), entry.firstOffset >= minimum { return .found }
            if Int64(length) <= end - position { budget -= length }
            guard budget > 0 else { return .gaveUp }
            position += 1
        }
        return .nothing
    }

    /// Whether the bytes at `index` may begin an entry: a known magic, a length that a batch has,
    /// and an offset not far behind the one wanted.
    private static func isPlausible(
        _ window: UnsafeRawBufferPointer,
        at index: Int,
        atLeast minimum: Offset
    ) -> Bool {
        guard window[index + RecordBatchLayout.magic] <= RecordBatchLayout.magicValue else {
            return false
        }
        let length: Int32 = integer(window, at: index + RecordBatchLayout.length)
        guard length >= RecordBatchLayout.minimumLength, Int64(length) <= entryByteLimit else {
            return false
        }
        let offset: Int64 = integer(window, at: index)
        return offset >= minimum.rawValue && offset - minimum.rawValue <= Int64(Int32.max)
    }

    private static func batch(_ bytes: UnsafeRawBufferPointer) throws(RecordBatchError) -> Step {
        let batch = try RecordBatchView(bytes)
        try batch.verifyChecksum()
        _ = try batch.codec()
        let (last, overflow) = batch.baseOffset.rawValue.addingReportingOverflow(
            Int64(batch.lastOffsetDelta)
        )
        guard batch.baseOffset.rawValue >= 0, batch.lastOffsetDelta >= 0, !overflow,
            last < Int64.max
        else {
            return .bad(
                "base offset \(batch.baseOffset.rawValue) with a last offset delta of "
                    + "\(batch.lastOffsetDelta)"
            )
        }
        guard batch.recordCount >= 0 else { return .bad("a record count of \(batch.recordCount)") }
        return .entry(.batch(batch))
    }

    private static func message(_ bytes: UnsafeRawBufferPointer) throws(RecordBatchError) -> Step {
        try LegacyMessage.verifyChecksum(bytes)
        let message = try LegacyMessage(bytes)
        guard message.offset.rawValue >= 0, message.offset.rawValue < Int64.max else {
            return .bad("offset \(message.offset.rawValue)")
        }
        return .entry(.message(message, byteCount: bytes.count))
    }

    private static func integer<Integer: FixedWidthInteger>(
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int
    ) -> Integer {
        Integer(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Integer.self))
    }

    private var loaded: UnsafeRawBufferPointer {
        let start = Int(position - bufferPosition)
        return UnsafeRawBufferPointer(
            rebasing: UnsafeRawBufferPointer(buffer)[start..<bufferedByteCount]
        )
    }

    /// Makes at least `count` bytes from the position on available; false if the file lacks them.
    private mutating func load(_ count: Int64) throws(DiskError) -> Bool {
        let start = position - bufferPosition
        if start >= 0, start <= bufferedByteCount, Int64(bufferedByteCount) - start >= count {
            return true
        }
        if Int(count) > buffer.count {
            buffer.deallocate()
            buffer = .allocate(byteCount: Int(count), alignment: 4096)
        }
        bufferPosition = position
        bufferedByteCount = 0
        let wanted = min(Int64(buffer.count), end - position)
        bufferedByteCount = try file.read(
            into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(wanted)]),
            at: position
        )
        return bufferedByteCount >= Int(count)
    }
}

import Bytes
import LogModel

/// A segment's offset index and time index, in memory; written to their files when the segment is
/// closed, and made anew from the log where a file is missing or makes no sense.
///
///     .index      4 bytes offset relative to the base, 4 bytes position of its batch
///     .timeindex  8 bytes largest timestamp so far, 4 bytes relative offset of its batch's end
struct SegmentIndex: Equatable, Sendable {
    struct OffsetEntry: Equatable, Sendable {
        var offset: Offset
        var position: Int64
    }

    struct TimeEntry: Equatable, Sendable {
        var timestamp: Timestamp
        var offset: Offset
    }

    private(set) var offsets: [OffsetEntry] = []
    private(set) var times: [TimeEntry] = []
    /// The largest timestamp of the segment, and the last offset of the first batch that has it.
    private(set) var largestTimestamp = Timestamp.none
    private(set) var largestTimestampOffset = Offset.zero
    private var bytesSinceEntry: Int64 = 0

    /// Takes note of a batch at `position`; an entry is due once `interval` bytes went by.
    mutating func note(_ batch: RecordBatchView, at position: Int64, interval: Int64) {
        if batch.maxTimestamp > largestTimestamp {
            largestTimestamp = batch.maxTimestamp
            largestTimestampOffset = batch.lastOffset
        }
        // The file has 4 bytes for a position: what lies behind is found by reading on.
        if bytesSinceEntry > interval, position <= Int64(Int32.max) {
            offsets.append(OffsetEntry(offset: batch.lastOffset, position: position))
            appendTime()
            bytesSinceEntry = 0
        }
        bytesSinceEntry += Int64(batch.byteCount)
    }

    /// Adds the last time entry, as a roll or a close does; whether there was one to add.
    @discardableResult
    mutating func finish() -> Bool { appendTime() }

    @discardableResult
    private mutating func appendTime() -> Bool {
        guard largestTimestamp > (times.last?.timestamp ?? .none) else { return false }
        times.append(TimeEntry(timestamp: largestTimestamp, offset: largestTimestampOffset))
        return true
    }

    /// Where to begin to look for the batch that holds `offset`.
    func position(for offset: Offset) -> Int64 { entry(for: offset)?.position ?? 0 }

    /// The last entry at or before `offset`; nil: the segment's first batch.
    func entry(for offset: Offset) -> OffsetEntry? {
        var low = 0
        var high = offsets.count
        while low < high {
            let middle = (low + high) / 2
            if offsets[middle].offset <= offset { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : offsets[low - 1]
    }

    /// The last known begin of a batch at or before `position`; 0 for the segment's first.
    func position(before position: Int64) -> Int64 {
        var low = 0
        var high = offsets.count
        while low < high {
            let middle = (low + high) / 2
            if offsets[middle].position <= position { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? 0 : offsets[low - 1].position
    }

    /// The last entry before `timestamp`: up to the batch that it names all records are earlier.
    func time(before timestamp: Timestamp) -> TimeEntry? {
        times.last { $0.timestamp < timestamp }
    }

    // MARK: Files

    func encodedOffsets(base: Offset) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(offsets.count * 8)
        for entry in offsets {
            append(Int32(truncatingIfNeeded: base.distance(to: entry.offset)), to: &bytes)
            append(Int32(truncatingIfNeeded: entry.position), to: &bytes)
        }
        return bytes
    }

    func encodedTimes(base: Offset) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(times.count * 12)
        for entry in times {
            append(entry.timestamp.rawValue, to: &bytes)
            append(Int32(truncatingIfNeeded: base.distance(to: entry.offset)), to: &bytes)
        }
        return bytes
    }

    /// The index in two files; nil if they cannot be those of a segment of `byteCount` bytes.
    init?(offsets offsetBytes: [UInt8], times timeBytes: [UInt8], base: Offset, byteCount: Int64) {
        guard let offsets = Self.offsets(in: offsetBytes, base: base, byteCount: byteCount),
            let times = Self.times(in: timeBytes, base: base)
        else { return nil }
        self.offsets = offsets
        self.times = times
        largestTimestamp = times.last?.timestamp ?? .none
        largestTimestampOffset = times.last?.offset ?? base
        bytesSinceEntry = byteCount - (offsets.last?.position ?? 0)
    }

    /// The entries of an offset index; nil where one cannot be: out of order, behind the end, or
    /// of the first batch, which has none. So zeros are no entries.
    static func offsets(in bytes: [UInt8], base: Offset, byteCount: Int64) -> [OffsetEntry]? {
        guard bytes.count % 8 == 0 else { return nil }
        var entries: [OffsetEntry] = []
        entries.reserveCapacity(bytes.count / 8)
        for start in stride(from: 0, to: bytes.count, by: 8) {
            let relative: Int32 = integer(bytes, at: start)
            let position: Int32 = integer(bytes, at: start + 4)
            let entry = OffsetEntry(
                offset: base.advanced(by: Int64(relative)),
                position: Int64(position)
            )
            guard relative >= 0, entry.position > entries.last?.position ?? 0,
                entry.position < byteCount, entries.last.map({ $0.offset < entry.offset }) ?? true
            else { return nil }
            entries.append(entry)
        }
        return entries
    }

    /// The entries of a time index; nil where one cannot be: both numbers grow.
    static func times(in bytes: [UInt8], base: Offset) -> [TimeEntry]? {
        guard bytes.count % 12 == 0 else { return nil }
        var entries: [TimeEntry] = []
        entries.reserveCapacity(bytes.count / 12)
        for start in stride(from: 0, to: bytes.count, by: 12) {
            let timestamp: Int64 = integer(bytes, at: start)
            let relative: Int32 = integer(bytes, at: start + 8)
            let entry = TimeEntry(
                timestamp: Timestamp(timestamp),
                offset: base.advanced(by: Int64(relative))
            )
            guard relative >= 0, entry.timestamp > entries.last?.timestamp ?? .none,
                entries.last.map({ $0.offset < entry.offset }) ?? true
            else { return nil }
            entries.append(entry)
        }
        return entries
    }

    /// The index up to a byte of the segment, to go on from there: what tells of later batches is
    /// dropped. Where the batch begins that is to be noted next.
    mutating func rewind(before byteCount: Int64) -> Int64 {
        while let last = offsets.last, last.position >= byteCount { offsets.removeLast() }
        let known = offsets.last
        while let last = times.last, known.map({ last.offset > $0.offset }) ?? true {
            times.removeLast()
        }
        largestTimestamp = times.last?.timestamp ?? .none
        largestTimestampOffset = times.last?.offset ?? .zero
        bytesSinceEntry = 0
        return known?.position ?? 0
    }

    init() {}

    private static func integer<Integer: FixedWidthInteger>(
        _ bytes: [UInt8],
        at start: Int
    ) -> Integer {
        bytes.withUnsafeBytes { raw in
            Integer(bigEndian: raw.loadUnaligned(fromByteOffset: start, as: Integer.self))
        }
    }

    private func append<Integer: FixedWidthInteger>(_ value: Integer, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}

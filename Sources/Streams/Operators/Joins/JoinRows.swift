import LogModel
import StateStores

/// What one side of a join of two streams keeps, by spans of time, then keys, times and arrival.
///
///     byte 0  1
///          1  the span: the time divided by what a span takes, 8 bytes
///          9  the key, escaped
///             the time, 8 bytes; a number that tells entries of one key and time apart, 8 bytes
///
/// Records of a key around a time lie in two spans at most, for a span is as long as the join's
/// window. What is too old lies at the front: nothing finds it any more, and whole spans of it
/// leave the store between transactions. No record of the changelog says so. It tells how old the
/// newest entry is, which says the same, and is itself cut off behind what is too old.
@usableFromInline
final class JoinRows {
    private let handle: StoreHandle
    /// How many milliseconds a span takes.
    private let width: Int64
    private let entry = KeyScratch()
    private let from = KeyScratch()
    private let to = KeyScratch()
    /// The number of the entry whose key is in `entry`, and the hash of that.
    @exclusivity(unchecked) private var prepared: (number: Int64, hash: UInt64) = (0, 0)
    /// The span that was asked for last, and where it begins.
    @exclusivity(unchecked) private var latest: (span: Int64, start: Int64) = (0, 0)

    @usableFromInline
    init(_ handle: StoreHandle, width: Int64) {
        self.handle = handle
        self.width = max(1, width)
    }

    /// The span of a time that is not negative: mostly that of the time before.
    private func span(of time: Int64) -> Int64 {
        if time >= latest.start, time &- latest.start < width { return latest.span }
        let span = time / width
        latest = (span, span * width)
        return span
    }

    /// Asks early for the place of an entry of an escaped key and a time, which is not negative;
    /// `putPrepared` puts it. Refuses a key that is too long for that, before anything is done.
    func prepare(_ escapedKey: UnsafeRawBufferPointer, at time: Int64, number: Int64) throws {
        begin(entry, span: span(of: time), escapedKey)
        entry.sink.pointee.append(time: time)
        entry.sink.pointee.append(time: number)
        try handle.requireShort(entry.bytes)
        prepared = (number, KeyHash.hash(entry.bytes))
        handle.store.table.pointee.prefetch(hash: prepared.hash)
    }

    /// Puts the value of the entry that was prepared last.
    func putPrepared(at time: Int64, number: Int64, value: UnsafeRawBufferPointer) throws {
        assert(number == prepared.number)
        let slot = try handle.store.slot(for: entry.bytes, hash: prepared.hash)
        try handle.put(slot, key: entry.bytes, value: value, timestamp: Timestamp(time))
    }

    /// Calls `body` with the entries of an escaped key from a time through another, neither of them
    /// negative, in their order. It may put and remove entries.
    @usableFromInline
    func forEach(
        _ escapedKey: UnsafeRawBufferPointer,
        from first: Int64,
        through last: Int64,
        _ body: (_ time: Int64, _ value: UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard first <= last else { return }
        let lastSpan = span(of: last)
        let firstSpan = first >= latest.start ? lastSpan : first / width
        for span in firstSpan...lastSpan {
            begin(from, span: span, escapedKey)
            from.sink.pointee.append(time: first)
            begin(to, span: span, escapedKey)
            to.sink.pointee.append(time: last)
            // Behind every number, of which none is the largest.
            to.sink.pointee.append(time: .max)
            let length = to.bytes.count
            try handle.store.range(from: from.bytes, to: to.bytes) { key, value, _ in
                guard key.count == length else { return true }
                try body(key.time(at: length - 16), value)
                return true
            }
        }
    }

    /// Lets the spans go, from one on, that end at a time or before. Between transactions.
    ///
    /// - Returns: the first span that may have entries.
    func discard(from first: Int64, through last: Int64) throws -> Int64 {
        guard last >= 0 else { return first }
        // All of a span is too old if the next one begins at or before what is first kept.
        let next = last == .max ? last / width : (last + 1) / width
        guard next > first else { return first }
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        begin(from, span: first, none)
        begin(to, span: next, none)
        return try handle.store.discard(from: from.bytes, to: to.bytes) ? next : first
    }

    @inline(__always)
    private func begin(
        _ scratch: KeyScratch,
        span: Int64,
        _ escapedKey: UnsafeRawBufferPointer
    ) {
        scratch.sink.pointee.removeAll()
        scratch.sink.pointee.append(KeySpace.entry)
        scratch.sink.pointee.append(time: span)
        scratch.sink.pointee.append(contentsOf: escapedKey)
    }
}

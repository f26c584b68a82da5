import LogModel
import StateStores

/// The records of a left or outer join that have no partner yet, by time, right before left.
///
/// An entry of its store is 1, the time, 0 (right) or 1 (left), the escaped key, a number.
@usableFromInline
final class WaitingRecords {
    private let handle: StoreHandle
    private let window: JoinWindow
    private let from = KeyScratch()
    private let to = KeyScratch()
    private let leaving = KeyScratch()
    private let clock: WindowClock
    /// No record waits from before this time.
    private var earliest = Int64.min

    @usableFromInline
    init(_ handle: StoreHandle, _ window: JoinWindow, _ clock: WindowClock) {
        self.handle = handle
        self.window = window
        self.clock = clock
        handle.task.hooks.onRewind { [unowned self] in earliest = .min }
    }

    /// The time that tells whether it is worth looking: that of the last record looked at, or of
    /// an older one that came since. Part of the join's clock; `none` where nothing waits.
    private var looked: Int64 {
        get { clock.closedThrough == WindowClock.none ? .max : clock.closedThrough }
        set { clock.closedThrough = newValue == .max ? WindowClock.none : newValue }
    }

    @usableFromInline
    func add(
        _ escaped: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer,
        at time: Int64,
        isLeft: Bool,
        _ sequence: Int64
    ) throws {
        put(escaped, at: time, isLeft: isLeft, in: from)
        from.sink.pointee.append(time: sequence)
        try handle.put(key: from.bytes, value: value, timestamp: Timestamp(max(0, time)))
        earliest = min(earliest, time)
        looked = min(looked, time)
    }

    /// Removes the records of a key, time and side: they have a partner.
    @usableFromInline
    func remove(_ escaped: UnsafeRawBufferPointer, at time: Int64, isLeft: Bool) throws {
        guard time >= earliest else { return }
        put(escaped, at: time, isLeft: isLeft, in: from)
        let length = from.bytes.count + 8
        to.sink.pointee.removeAll()
        to.sink.pointee.append(contentsOf: from.bytes)
        to.sink.pointee.append(time: .max)
        try handle.store.range(from: from.bytes, to: to.bytes) { entry, _, timestamp in
            guard entry.count == length else { return true }
            try handle.put(key: entry, value: nil, timestamp: timestamp)
            return true
        }
    }

    /// Takes out the records whose window and grace are over at a stream time, and gives them to
    /// `body` in their order. Nothing is looked for while the window of the one looked at last is
    /// open, seen from the side of the record at hand (Kafka Streams' rule).
    @usableFromInline
    func release(
        streamTime: Int64,
        triggeredByLeft: Bool,
        _ body: (
            _ escapedKey: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ time: Int64,
            _ number: Int64, _ isLeft: Bool
        ) throws -> Void
    ) throws {
        guard isOver(looked, isLeft: triggeredByLeft, at: streamTime) else { return }
        looked = .max
        from.sink.pointee.removeAll()
        from.sink.pointee.append(KeySpace.entry)
        // Keys that were removed stay in the index until a checkpoint: they are not walked again.
        if earliest > .min { from.sink.pointee.append(time: earliest) }
        var firstKept = Int64.max
        var isOpen = (left: false, right: false)
        try handle.store.range(from: from.bytes, to: nil) { entry, value, timestamp in
            guard entry.count >= 20, entry[0] == KeySpace.entry else { return false }
            let (time, isLeft) = (entry.time(at: 1), entry[9] == 1)
            looked = time
            if isOpen.left, isOpen.right { return false }
            guard isOver(time, isLeft: isLeft, at: streamTime) else {
                firstKept = min(firstKept, time)
                if isLeft { isOpen.left = true } else { isOpen.right = true }
                return true
            }
            leaving.sink.pointee.removeAll()
            leaving.sink.pointee.append(contentsOf: value)
            let escaped = UnsafeRawBufferPointer(rebasing: entry[10..<(entry.count - 8)])
            try handle.put(key: entry, value: nil, timestamp: timestamp)
            try body(escaped, leaving.bytes, time, entry.time(at: entry.count - 8), isLeft)
            return true
        }
        earliest = firstKept
    }

    /// Whether no partner can come any more for a record of a time and side.
    private func isOver(_ time: Int64, isLeft: Bool, at streamTime: Int64) -> Bool {
        window.end(of: time, isLeft: isLeft) < streamTime
    }

    private func put(
        _ escaped: UnsafeRawBufferPointer,
        at time: Int64,
        isLeft: Bool,
        in scratch: KeyScratch
    ) {
        scratch.sink.pointee.removeAll()
        scratch.sink.pointee.append(KeySpace.entry)
        scratch.sink.pointee.append(time: time)
        scratch.sink.pointee.append(isLeft ? 1 : 0)
        scratch.sink.pointee.append(contentsOf: escaped)
    }
}

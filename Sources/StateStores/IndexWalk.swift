import CChecksum

/// A way through a part of an ordered index, up or down, that goes on in order when keys are
/// inserted meanwhile: those ahead of it are met, those behind it are not.
struct IndexWalk {
    private let index: UnsafeMutablePointer<OrderedIndex>
    private let table: UnsafeMutablePointer<KeyValueTable>
    private let from: UnsafeRawBufferPointer?
    private let to: UnsafeRawBufferPointer?
    private let isReversed: Bool
    private var position: OrderedIndex.Position?
    private var version: UInt64
    /// The slots of this many keys ahead are asked for: none before the first step, which a read
    /// of one key does not take.
    private var lookAhead = 0
    private static let lookAheadLimit = 4
    /// The key that the walk has come to, nil behind the last one.
    private(set) var record: IndexRecord?

    /// A walk over the keys with from <= key < to, at the first it meets; their slots are asked
    /// for in `table`.
    @inline(__always)
    init(
        _ index: UnsafeMutablePointer<OrderedIndex>,
        _ table: UnsafeMutablePointer<KeyValueTable>,
        from: UnsafeRawBufferPointer?,
        to: UnsafeRawBufferPointer?,
        isReversed: Bool
    ) {
        self.index = index
        self.table = table
        self.from = from
        self.to = to
        self.isReversed = isReversed
        position =
            isReversed
            ? index.pointee.last(below: to)
            : index.pointee.first(notBelow: from) { table.pointee.prefetch(hash: $0) }
        version = index.pointee.version
        record = recordInBounds()
    }

    /// The hash of the key that the walk has come to.
    var hash: UInt64 {
        guard let position else { preconditionFailure("a walk has ended") }
        return index.pointee.hash(position)
    }

    /// Goes on behind `record`, which the walk is at.
    @inline(__always)
    mutating func step(behind record: IndexRecord) {
        guard version == index.pointee.version, let position else {
            return resume(behind: record.key)
        }
        self.position =
            isReversed ? index.pointee.previous(position) : index.pointee.next(position)
        self.record = recordInBounds()
        prefetch()
    }

    /// Asks for what the keys ahead in the same leaf need.
    @inline(__always)
    private mutating func prefetch() {
        guard let position else { return }
        repeat {
            if lookAhead < Self.lookAheadLimit { lookAhead &+= 1 }
            let ahead = position.index &+ (isReversed ? 0 &- lookAhead : lookAhead)
            guard ahead >= 0, ahead < position.leaf.count else { return }
            millrace_prefetch(position.leaf.records[ahead].base)
            table.pointee.prefetch(hash: position.leaf.hashes[ahead])
        } while lookAhead < Self.lookAheadLimit
    }

    /// Goes on behind `key`, which the walk was before: it is not in the index, or has just come.
    mutating func resume(behind key: UnsafeRawBufferPointer) {
        guard version != index.pointee.version else { return }
        version = index.pointee.version
        position = isReversed ? index.pointee.last(below: key) : index.pointee.first(above: key)
        record = recordInBounds()
    }

    /// Whether the walk comes to `key` no later than to `other`.
    func orders(_ key: UnsafeRawBufferPointer, before other: UnsafeRawBufferPointer) -> Bool {
        let order = KeyOrder.compare(key, other)
        return isReversed ? order > 0 : order < 0
    }

    @inline(__always)
    private func recordInBounds() -> IndexRecord? {
        guard let position else { return nil }
        let record = index.pointee.record(position)
        if isReversed {
            if let from, KeyOrder.compare(record.key, from) < 0 { return nil }
        } else {
            if let to, KeyOrder.compare(record.key, to) >= 0 { return nil }
        }
        return record
    }
}

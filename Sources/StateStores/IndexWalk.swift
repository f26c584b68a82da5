/// A way through a part of an ordered index, up or down, that goes on in order when keys are
/// inserted meanwhile: those ahead of it are met, those behind it are not.
struct IndexWalk {
    private let index: UnsafeMutablePointer<OrderedIndex>
    private let from: UnsafeRawBufferPointer?
    private let to: UnsafeRawBufferPointer?
    private let isReversed: Bool
    private var position: OrderedIndex.Position?
    private var version: UInt64
    /// The key that the walk has come to, nil behind the last one.
    private(set) var record: IndexRecord?

    /// A walk over the keys with from <= key < to, at the first it meets.
    @inline(__always)
    init(
        _ index: UnsafeMutablePointer<OrderedIndex>,
        from: UnsafeRawBufferPointer?,
        to: UnsafeRawBufferPointer?,
        isReversed: Bool
    ) {
        self.index = index
        self.from = from
        self.to = to
        self.isReversed = isReversed
        position =
            isReversed ? index.pointee.last(below: to) : index.pointee.first(notBelow: from)
        version = index.pointee.version
        record = recordInBounds()
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

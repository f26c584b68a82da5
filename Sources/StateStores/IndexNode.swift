/// A key of an ordered index where it lies for as long as it is used.
///
///     byte  0  the key's full hash
///           8  length of the key, 2 bytes
///          10  what uses the record: 1 a leaf, 2 an inner node
///          12  the key
struct IndexRecord {
    let base: UnsafeMutableRawPointer

    enum Use {
        static let entry: UInt8 = 1
        static let separator: UInt8 = 2
    }

    static func byteCount(keyByteCount: Int) -> Int { 12 + keyByteCount }

    func initialize(_ key: UnsafeRawBufferPointer, hash: UInt64) {
        base.storeBytes(of: hash, as: UInt64.self)
        base.storeBytes(of: UInt16(key.count), toByteOffset: 8, as: UInt16.self)
        uses = Use.entry
        if let from = key.baseAddress { (base + 12).copyMemory(from: from, byteCount: key.count) }
    }

    var hash: UInt64 { base.load(as: UInt64.self) }

    var uses: UInt8 {
        get { base.load(fromByteOffset: 10, as: UInt8.self) }
        nonmutating set { base.storeBytes(of: newValue, toByteOffset: 10, as: UInt8.self) }
    }

    var key: UnsafeRawBufferPointer {
        let count = Int(base.load(fromByteOffset: 8, as: UInt16.self))
        return UnsafeRawBufferPointer(start: base + 12, count: count)
    }
}

/// A node of an ordered index. A leaf holds keys; an inner node holds separators, each the lowest
/// key that may lie in the child behind it.
///
///     byte     0  how many keys or separators, 2 bytes
///              4  the skip, 2 bytes
///              8  a leaf's neighbours, before and after
///             64  their heads, 8 bytes each
///            576  their records, 8 bytes each
///           1088  an inner node's children, one more than its separators
///
/// Every key that belongs into a node begins with the same `skip` bytes, because those around the
/// node do. A *head* is the 8 bytes behind them: nearly every comparison ends there, also where
/// all keys of a store begin alike.
struct IndexNode: Equatable {
    let base: UnsafeMutableRawPointer

    static let capacity = 64
    static let leafByteCount = 64 + capacity * 16
    static let innerByteCount = leafByteCount + (capacity + 1) * 8
    /// A skip grows when this many bytes of the heads would no longer tell keys apart.
    private static let skipStep = 4

    /// Prepares the memory of a node without keys.
    func initialize(skip: Int, isLeaf: Bool) {
        count = 0
        self.skip = skip
        previous = nil
        next = nil
        (base + 64).bindMemory(to: UInt64.self, capacity: Self.capacity)
        (base + 576).bindMemory(to: IndexRecord.self, capacity: Self.capacity)
        if !isLeaf {
            (base + 1088).bindMemory(to: IndexNode.self, capacity: Self.capacity + 1)
        }
    }

    var count: Int {
        get { Int(base.load(as: UInt16.self)) }
        nonmutating set {
            base.storeBytes(of: UInt16(truncatingIfNeeded: newValue), as: UInt16.self)
        }
    }

    private(set) var skip: Int {
        get { Int(base.load(fromByteOffset: 4, as: UInt16.self)) }
        nonmutating set {
            base.storeBytes(
                of: UInt16(truncatingIfNeeded: newValue),
                toByteOffset: 4,
                as: UInt16.self
            )
        }
    }

    var previous: IndexNode? {
        get { base.load(fromByteOffset: 8, as: IndexNode?.self) }
        nonmutating set { base.storeBytes(of: newValue, toByteOffset: 8, as: IndexNode?.self) }
    }

    var next: IndexNode? {
        get { base.load(fromByteOffset: 16, as: IndexNode?.self) }
        nonmutating set { base.storeBytes(of: newValue, toByteOffset: 16, as: IndexNode?.self) }
    }

    // SAFETY of the three: `initialize` has bound the memory to these types.
    var heads: UnsafeMutablePointer<UInt64> { (base + 64).assumingMemoryBound(to: UInt64.self) }

    var records: UnsafeMutablePointer<IndexRecord> {
        (base + 576).assumingMemoryBound(to: IndexRecord.self)
    }

    var children: UnsafeMutablePointer<IndexNode> {
        (base + 1088).assumingMemoryBound(to: IndexNode.self)
    }

    // MARK: Search

    /// The first key that is not below `key`, and whether it is that key.
    @inline(__always)
    func search(_ key: UnsafeRawBufferPointer) -> (index: Int, isEqual: Bool) {
        let heads = heads
        let head = KeyOrder.head(key, after: skip)
        let count = count
        var low = 0
        var length = count
        // The shape of a binary search without a branch to predict.
        while length > 1 {
            let half = length &>> 1
            low = heads[low &+ half &- 1] < head ? low &+ half : low
            length &-= half
        }
        if length == 1, heads[low] < head { low &+= 1 }
        guard low < count, heads[low] == head else { return (low, false) }
        return searchAlike(key, head, from: low)
    }

    /// The same among keys whose heads are equal, beginning with the first of them.
    private func searchAlike(
        _ key: UnsafeRawBufferPointer,
        _ head: UInt64,
        from first: Int
    ) -> (index: Int, isEqual: Bool) {
        let order = KeyOrder.compare(records[first].key, key)
        if order >= 0 { return (first, order == 0) }
        var low = first + 1
        var high = count
        while low < high {
            let middle = (low + high) / 2
            guard heads[middle] == head else {
                high = middle
                continue
            }
            let order = KeyOrder.compare(records[middle].key, key)
            if order == 0 { return (middle, true) }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, false)
    }

    // MARK: Change

    /// Puts a record at `index`.
    @inline(__always)
    func insert(_ record: IndexRecord, at index: Int) {
        let moved = count &- index
        (heads + index + 1).update(from: heads + index, count: moved)
        (records + index + 1).update(from: records + index, count: moved)
        heads[index] = KeyOrder.head(record.key, after: skip)
        records[index] = record
        count &+= 1
    }

    /// Puts a separator at `index`, and the child behind it.
    func insert(_ separator: IndexRecord, at index: Int, child: IndexNode) {
        (children + index + 2).update(from: children + index + 1, count: count - index)
        children[index + 1] = child
        insert(separator, at: index)
    }

    /// Takes out the record at `index`.
    @inline(__always)
    func remove(at index: Int) {
        let moved = count &- index &- 1
        (heads + index).update(from: heads + index + 1, count: moved)
        (records + index).update(from: records + index + 1, count: moved)
        count &-= 1
    }

    /// Takes out the separator at `index`, and the child behind it.
    func removeSeparator(at index: Int) {
        (children + index + 1).update(from: children + index + 2, count: count - index - 1)
        remove(at: index)
    }

    /// Copies records of a node with the same skip behind those of this one.
    func append(_ other: IndexNode, from first: Int) {
        let copied = other.count - first
        (heads + count).update(from: other.heads + first, count: copied)
        (records + count).update(from: other.records + first, count: copied)
        count += copied
    }

    /// Brings the heads to another skip.
    func setSkip(_ newSkip: Int) {
        guard newSkip != skip else { return }
        skip = newSkip
        for index in 0..<count { heads[index] = KeyOrder.head(records[index].key, after: newSkip) }
    }

    /// Lets the skip grow to what the keys around the node allow, where it pays.
    func growSkip(low: IndexRecord?, high: IndexRecord?) {
        let allowed = Self.skip(low: low, high: high)
        if allowed >= skip + Self.skipStep { setSkip(allowed) }
    }

    /// How many bytes all keys from `low` up to `high` begin with.
    static func skip(low: IndexRecord?, high: IndexRecord?) -> Int {
        guard let low, let high else { return 0 }
        return KeyOrder.sharedByteCount(low.key, high.key)
    }
}

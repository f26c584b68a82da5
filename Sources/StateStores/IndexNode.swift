import CChecksum

/// A key of an ordered index where it lies for as long as it is used.
///
///     byte  0  length of the key, 2 bytes
///           2  what uses the record: 1 a leaf, 2 an inner node
///           4  the key
struct IndexRecord {
    let base: UnsafeMutableRawPointer

    enum Use {
        static let entry: UInt8 = 1
        static let separator: UInt8 = 2
    }

    static func byteCount(keyByteCount: Int) -> Int { 4 + keyByteCount }

    func initialize(_ key: UnsafeRawBufferPointer) {
        base.storeBytes(of: UInt16(key.count), as: UInt16.self)
        uses = Use.entry
        if let from = key.baseAddress { (base + 4).copyMemory(from: from, byteCount: key.count) }
    }

    var uses: UInt8 {
        get { base.load(fromByteOffset: 2, as: UInt8.self) }
        nonmutating set { base.storeBytes(of: newValue, toByteOffset: 2, as: UInt8.self) }
    }

    var key: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + 4, count: Int(base.load(as: UInt16.self)))
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
///           1088  a leaf's hashes, 8 bytes each, or
///                 an inner node's children, one more than its separators
///
/// Every key that belongs into a node begins with the same `skip` bytes, because those around the
/// node do. A *head* is the 8 bytes behind them: nearly every comparison ends there, also where
/// all keys of a store begin alike.
struct IndexNode: Equatable {
    let base: UnsafeMutableRawPointer

    static let capacity = 64
    static let leafByteCount = 64 + capacity * 24
    static let innerByteCount = leafByteCount + 8
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
        if isLeaf {
            (base + 1088).bindMemory(to: UInt64.self, capacity: Self.capacity)
        } else {
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

    // SAFETY of the four: `initialize` has bound the memory to these types.
    var heads: UnsafeMutablePointer<UInt64> { (base + 64).assumingMemoryBound(to: UInt64.self) }

    var records: UnsafeMutablePointer<IndexRecord> {
        (base + 576).assumingMemoryBound(to: IndexRecord.self)
    }

    var hashes: UnsafeMutablePointer<UInt64> { (base + 1088).assumingMemoryBound(to: UInt64.self) }

    var children: UnsafeMutablePointer<IndexNode> {
        (base + 1088).assumingMemoryBound(to: IndexNode.self)
    }

    // MARK: Search

    /// Asks for the lines that a search begins with, all at once.
    @inline(__always)
    func prefetch() {
        for line in 0..<9 { millrace_prefetch(base + line &* 64) }
    }

    /// The first key that is not below `key`, and whether it is that key.
    @inline(__always)
    func search(_ key: UnsafeRawBufferPointer) -> (index: Int, isEqual: Bool) {
        let head = KeyOrder.head(key, after: skip)
        let low = firstHead(notBelow: head)
        guard low < count, heads[low] == head else { return (low, false) }
        return searchAlike(key, head, from: low)
    }

    /// The first key whose head is not below `head`.
    @inline(__always)
    private func firstHead(notBelow head: UInt64) -> Int {
        let heads = heads
        var low = 0
        var length = count
        // The shape of a binary search without a branch to predict.
        while length > 1 {
            let half = length &>> 1
            low = heads[low &+ half &- 1] < head ? low &+ half : low
            length &-= half
        }
        if length == 1, heads[low] < head { low &+= 1 }
        return low
    }

    /// `search` in a leaf; `look` learns early of the hash of the key that is most likely met.
    @inline(__always)
    func search(
        _ key: UnsafeRawBufferPointer,
        _ look: (_ hash: UInt64) -> Void
    ) -> (index: Int, isEqual: Bool) {
        let head = KeyOrder.head(key, after: skip)
        let low = firstHead(notBelow: head)
        guard low < count else { return (low, false) }
        look(hashes[low])
        guard heads[low] == head else { return (low, false) }
        return searchAlike(key, head, from: low)
    }

    /// The same among keys whose heads are equal, beginning with the first of them.
    private func searchAlike(
        _ key: UnsafeRawBufferPointer,
        _ head: UInt64,
        from first: Int
    ) -> (index: Int, isEqual: Bool) {
        let order = KeyOrder.compare(records[first].key, key, after: skip)
        if order >= 0 { return (first, order == 0) }
        var low = first + 1
        var high = count
        while low < high {
            let middle = (low + high) / 2
            guard heads[middle] == head else {
                high = middle
                continue
            }
            let order = KeyOrder.compare(records[middle].key, key, after: skip)
            if order == 0 { return (middle, true) }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, false)
    }

    // MARK: Change

    /// Puts a key and its hash at `index` of a leaf.
    @inline(__always)
    func insert(_ record: IndexRecord, hash: UInt64, at index: Int) {
        (hashes + index + 1).update(from: hashes + index, count: count &- index)
        hashes[index] = hash
        insert(record, at: index)
    }

    /// Puts a separator at `index`, and the child behind it.
    func insert(_ separator: IndexRecord, at index: Int, child: IndexNode) {
        (children + index + 2).update(from: children + index + 1, count: count - index)
        children[index + 1] = child
        insert(separator, at: index)
    }

    @inline(__always)
    private func insert(_ record: IndexRecord, at index: Int) {
        let moved = count &- index
        (heads + index + 1).update(from: heads + index, count: moved)
        (records + index + 1).update(from: records + index, count: moved)
        heads[index] = KeyOrder.head(record.key, after: skip)
        records[index] = record
        count &+= 1
    }

    /// Puts the key at `index` of a leaf in an earlier place.
    @inline(__always)
    func moveEntry(at index: Int, to place: Int) {
        heads[place] = heads[index]
        records[place] = records[index]
        hashes[place] = hashes[index]
    }

    /// Takes out the key at `index` of a leaf.
    @inline(__always)
    func removeEntry(at index: Int) {
        (hashes + index).update(from: hashes + index + 1, count: count &- index &- 1)
        remove(at: index)
    }

    /// Takes out the separator at `index`, and the child behind it.
    func removeSeparator(at index: Int) {
        (children + index + 1).update(from: children + index + 2, count: count - index - 1)
        remove(at: index)
    }

    @inline(__always)
    private func remove(at index: Int) {
        let moved = count &- index &- 1
        (heads + index).update(from: heads + index + 1, count: moved)
        (records + index).update(from: records + index + 1, count: moved)
        count &-= 1
    }

    /// Copies keys of a leaf with the same skip, from `first` on, behind those of this one.
    func appendEntries(of other: IndexNode, from first: Int) {
        (hashes + count).update(from: other.hashes + first, count: other.count - first)
        append(other, from: first)
    }

    /// Copies the children of an inner node with the same skip, from `first` on, and the
    /// separators between them; the separator before them is here already, without a child.
    func appendChildren(of other: IndexNode, from first: Int) {
        (children + count).update(from: other.children + first, count: other.count - first + 1)
        append(other, from: first)
    }

    /// Puts a separator at the end, whose child comes next.
    func appendSeparator(_ separator: IndexRecord) { insert(separator, at: count) }

    private func append(_ other: IndexNode, from first: Int) {
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

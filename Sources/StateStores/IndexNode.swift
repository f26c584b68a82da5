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
///              2  how many bytes are sure, 2 bytes
///              4  the skip, 2 bytes
///              8  a leaf's neighbours, before and after
///             24  the beginning: the bytes from the sure ones up to the skip, at most 40
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
    /// So far a skip goes beyond the sure bytes.
    private static let beginningByteLimit = 40

    /// Prepares the memory of a node without keys.
    func initialize(isLeaf: Bool) {
        count = 0
        sure = 0
        skip = 0
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

    private var sure: Int {
        get { Int(base.load(fromByteOffset: 2, as: UInt16.self)) }
        nonmutating set {
            base.storeBytes(
                of: UInt16(truncatingIfNeeded: newValue),
                toByteOffset: 2,
                as: UInt16.self
            )
        }
    }

    private var skip: Int {
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
        let order = orderOfBeginning(key)
        guard order == 0 else { return (order < 0 ? 0 : count, false) }
        let head = KeyOrder.head(key, after: skip)
        let low = firstHead(notBelow: head)
        guard low < count, heads[low] == head else { return (low, false) }
        return searchAlike(key, head, from: low)
    }

    /// Below 0 or above 0 if `key` comes before or behind all keys that begin as those of the node
    /// do; 0 if it begins so itself.
    @inline(__always)
    private func orderOfBeginning(_ key: UnsafeRawBufferPointer) -> Int {
        let sure = sure
        let shared = skip &- sure
        guard shared > 0, let bytes = key.baseAddress else { return 0 }
        let given = key.count &- sure
        guard given > 0 else { return -1 }
        let order = KeyOrder.order(bytes + sure, base + 24, min(given, shared))
        if order != 0 { return order }
        return given < shared ? -1 : 0
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
        let order = orderOfBeginning(key)
        guard order == 0 else { return (order < 0 ? 0 : count, false) }
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
        if index < count {
            (hashes + index + 1).update(from: hashes + index, count: count &- index)
        }
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
        if count == 0 {
            setSkip(min(record.key.count, sure &+ Self.beginningByteLimit), of: record)
        } else if orderOfBeginning(record.key) != 0 {
            setSkip(KeyOrder.sharedByteCount(record.key, records[0].key), of: records[0])
        }
        place(record, at: index)
    }

    /// Puts a key that begins as the others do in its place.
    @inline(__always)
    private func place(_ record: IndexRecord, at index: Int) {
        let moved = count &- index
        if moved > 0 {
            (heads + index + 1).update(from: heads + index, count: moved)
            (records + index + 1).update(from: records + index, count: moved)
        }
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

    /// Takes all keys of the leaf behind this one.
    func appendEntries(of other: IndexNode) {
        bring(other, toSkipWith: nil)
        appendEntries(of: other, from: 0)
    }

    /// Takes all children of the inner node behind this one, and the separator between them.
    func appendChildren(of other: IndexNode, behind separator: IndexRecord) {
        bring(other, toSkipWith: separator)
        place(separator, at: count)
        appendChildren(of: other, from: 0)
    }

    /// Gives an empty leaf the keys of this one from `first` on.
    func moveEntries(from first: Int, to other: IndexNode) {
        other.takeSkip(of: self)
        other.appendEntries(of: self, from: first)
        count = first
    }

    /// Gives an empty inner node the children behind the separator at `first`, which is taken out.
    func moveChildren(behind first: Int, to other: IndexNode) {
        other.takeSkip(of: self)
        other.appendChildren(of: self, from: first + 1)
        count = first
    }

    private func appendEntries(of other: IndexNode, from first: Int) {
        (hashes + count).update(from: other.hashes + first, count: other.count - first)
        append(other, from: first)
    }

    /// The separator before them is here already, without a child.
    private func appendChildren(of other: IndexNode, from first: Int) {
        (children + count).update(from: other.children + first, count: other.count - first + 1)
        append(other, from: first)
    }

    private func append(_ other: IndexNode, from first: Int) {
        let copied = other.count - first
        (heads + count).update(from: other.heads + first, count: copied)
        (records + count).update(from: other.records + first, count: copied)
        count += copied
    }

    // MARK: Skip

    /// Lets the skip grow to what the keys allow, where it pays, and takes note of those around the
    /// node.
    func growSkip(low: IndexRecord?, high: IndexRecord?) {
        if let low, let high { sure = max(sure, KeyOrder.sharedByteCount(low.key, high.key)) }
        guard count > 0 else { return skip = sure }
        let shared = KeyOrder.sharedByteCount(records[0].key, records[count - 1].key)
        let allowed = min(shared, sure + Self.beginningByteLimit)
        let isWorthIt = allowed >= skip + Self.skipStep || skip < sure
        setSkip(isWorthIt ? allowed : skip, of: records[0])
    }

    /// Brings this node and the one behind it, which are about to be one, to the same skip; nothing
    /// is computed anew for a node that has no keys.
    private func bring(_ other: IndexNode, toSkipWith separator: IndexRecord?) {
        sure = min(sure, other.sure)
        other.sure = sure
        guard count > 0 || other.count > 0 || separator != nil else {
            skip = sure
            other.skip = sure
            return
        }
        let first = count > 0 ? records[0] : separator ?? other.records[0]
        let last =
            other.count > 0 ? other.records[other.count - 1] : separator ?? records[count - 1]
        var shared = KeyOrder.sharedByteCount(first.key, last.key)
        if count > 0 { shared = min(shared, skip) }
        if other.count > 0 { shared = min(shared, other.skip) }
        shared = min(shared, sure + Self.beginningByteLimit)
        setSkip(shared, of: first)
        other.setSkip(shared, of: first)
    }

    private func takeSkip(of other: IndexNode) {
        assert(count == 0)
        sure = other.sure
        skip = other.skip
        (base + 24).copyMemory(from: other.base + 24, byteCount: Self.beginningByteLimit)
    }

    /// Sets the skip, and the heads by it. `record` begins as all keys of the node do.
    private func setSkip(_ newSkip: Int, of record: IndexRecord) {
        if let key = record.key.baseAddress {
            (base + 24).copyMemory(from: key + sure, byteCount: newSkip - sure)
        }
        guard newSkip != skip else { return }
        skip = newSkip
        for index in 0..<count { heads[index] = KeyOrder.head(records[index].key, after: newSkip) }
    }
}

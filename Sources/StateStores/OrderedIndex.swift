/// A set of keys in the order of their bytes: a B-tree whose keys lie in an arena of their own,
/// where they stay while they are in the set.
///
/// Each key comes with its hash, so that a walk can look it up in a `KeyValueTable` without
/// hashing it again. Nodes hold 64 keys; two neighbours are merged once one of them has fewer than
/// 16 and one node can hold both. A separator of an inner node is the record of a key that was the
/// first of a leaf when that leaf was split off; it stays as it is when that key leaves the set.
///
/// Keep it behind a pointer. Nothing is allocated once the arena has met its largest size.
package struct OrderedIndex: ~Copyable {
    /// The place of a key, valid until the next change of the set.
    package struct Position {
        let leaf: IndexNode
        let index: Int
    }

    /// A node on the way to a leaf, the child that the way takes, and the separators nearest to
    /// the node on both sides.
    struct Level {
        var node: IndexNode
        var child: Int
        var low: IndexRecord?
        var high: IndexRecord?
    }

    /// How many keys are in the set.
    package internal(set) var count = 0
    /// Changes with every change of the set.
    package internal(set) var version: UInt64 = 0

    var arena = IndexArena()
    var root: IndexNode
    /// Levels above the leaves.
    var height = 0
    /// The way to the leaf of a change, from the root on.
    let path: UnsafeMutablePointer<Level>

    /// 64 keys a node, at least 16 in most of them: enough for any memory.
    private static let heightLimit = 16
    /// A node with fewer keys is merged with a neighbour if one node can hold both.
    static let mergeLimit = IndexNode.capacity / 4

    /// An empty set.
    package init() {
        path = .allocate(capacity: Self.heightLimit + 1)
        root = IndexNode(base: arena.allocate(IndexNode.leafByteCount))
        root.initialize(isLeaf: true)
    }

    deinit { path.deallocate() }

    /// Bytes of memory that the set holds.
    package var byteCount: Int {
        arena.byteCount + (Self.heightLimit + 1) * MemoryLayout<Level>.stride
    }

    // MARK: Reading

    /// The first key, or the first that is not below `key`. `look` learns early of the hash of
    /// the key that is most likely met.
    @inline(__always)
    package func first(
        notBelow key: UnsafeRawBufferPointer?,
        _ look: (_ hash: UInt64) -> Void = { _ in }
    ) -> Position? {
        guard let key else { return forward(firstLeaf, 0) }
        let leaf = leaf(of: key)
        return forward(leaf, leaf.search(key, look).index)
    }

    /// The first key above `key`.
    package func first(above key: UnsafeRawBufferPointer) -> Position? {
        let leaf = leaf(of: key)
        let (index, isEqual) = leaf.search(key)
        return forward(leaf, isEqual ? index + 1 : index)
    }

    /// The last key, or the last that is below `key`.
    package func last(below key: UnsafeRawBufferPointer?) -> Position? {
        guard let key else {
            var node = root
            for _ in 0..<height { node = node.children[node.count] }
            return backward(node, node.count)
        }
        let leaf = leaf(of: key)
        return backward(leaf, leaf.search(key).index)
    }

    /// The place of the next key.
    @inline(__always)
    package func next(_ position: Position) -> Position? {
        forward(position.leaf, position.index &+ 1)
    }

    /// The place of the key before.
    @inline(__always)
    package func previous(_ position: Position) -> Position? {
        backward(position.leaf, position.index)
    }

    /// The key at a place; its bytes stay until it is removed from the set.
    package func key(_ position: Position) -> UnsafeRawBufferPointer { record(position).key }

    /// The hash of the key at a place.
    @inline(__always)
    package func hash(_ position: Position) -> UInt64 { position.leaf.hashes[position.index] }

    @inline(__always)
    func record(_ position: Position) -> IndexRecord { position.leaf.records[position.index] }

    private func leaf(of key: UnsafeRawBufferPointer) -> IndexNode {
        var node = root
        for _ in 0..<height {
            let (index, isEqual) = node.search(key)
            node = node.children[isEqual ? index &+ 1 : index]
            node.prefetch()
        }
        return node
    }

    private var firstLeaf: IndexNode {
        var node = root
        for _ in 0..<height { node = node.children[0] }
        return node
    }

    /// The key at `index` of a leaf, or the first of the leaves behind it.
    @inline(__always)
    private func forward(_ leaf: IndexNode, _ index: Int) -> Position? {
        if index < leaf.count { return Position(leaf: leaf, index: index) }
        var leaf = leaf
        while let next = leaf.next {
            if next.count > 0 { return Position(leaf: next, index: 0) }
            leaf = next
        }
        return nil
    }

    /// The key before `index` of a leaf, or the last of the leaves before it.
    @inline(__always)
    private func backward(_ leaf: IndexNode, _ index: Int) -> Position? {
        if index > 0 { return Position(leaf: leaf, index: index &- 1) }
        var leaf = leaf
        while let previous = leaf.previous {
            let count = previous.count
            if count > 0 { return Position(leaf: previous, index: count &- 1) }
            leaf = previous
        }
        return nil
    }

    // MARK: Insertion

    /// Takes a key into the set; false if it is there already.
    @discardableResult
    package mutating func insert(_ key: UnsafeRawBufferPointer, hash: UInt64) -> Bool {
        precondition(key.count <= KeyValueTable.keyByteLimit, "a key has at most 65,535 bytes")
        var leaf = descend(to: key)
        var (index, isEqual) = leaf.search(key)
        if isEqual { return false }
        let byteCount = IndexRecord.byteCount(keyByteCount: key.count)
        let record = IndexRecord(base: arena.allocate(byteCount))
        record.initialize(key)
        if leaf.count == IndexNode.capacity { (leaf, index) = split(leaf, for: record, at: index) }
        leaf.insert(record, hash: hash, at: index)
        count &+= 1
        version &+= 1
        return true
    }

    /// Goes to the leaf of `key` and notes the way.
    @inline(__always)
    func descend(to key: UnsafeRawBufferPointer) -> IndexNode {
        var level = Level(node: root, child: 0, low: nil, high: nil)
        for depth in 0..<height {
            let node = level.node
            let (index, isEqual) = node.search(key)
            level.child = isEqual ? index &+ 1 : index
            path[depth] = level
            if level.child > 0 { level.low = node.records[level.child &- 1] }
            if level.child < node.count { level.high = node.records[level.child] }
            level.node = node.children[level.child]
            level.node.prefetch()
        }
        path[height] = level
        return level.node
    }

    /// Makes two leaves of a full one, and says where the new record goes.
    private mutating func split(
        _ leaf: IndexNode,
        for record: IndexRecord,
        at index: Int
    ) -> (IndexNode, Int) {
        let level = path[height]
        // Keys that come in order leave full leaves behind.
        let kept =
            index == leaf.count && leaf.next == nil
            ? leaf.count : index == 0 && leaf.previous == nil ? 0 : leaf.count / 2
        let right = IndexNode(base: arena.allocate(IndexNode.leafByteCount))
        right.initialize(isLeaf: true)
        leaf.moveEntries(from: kept, to: right)
        right.next = leaf.next
        right.previous = leaf
        leaf.next?.previous = right
        leaf.next = right
        let separator = right.count > 0 ? right.records[0] : record
        separator.uses |= IndexRecord.Use.separator
        leaf.growSkip(low: level.low, high: separator)
        right.growSkip(low: separator, high: level.high)
        insert(separator, right, above: height)
        let goesRight = index > kept || right.count == 0
        return goesRight ? (right, index - kept) : (leaf, index)
    }

    /// Tells the level above `depth` of a node that was split off there.
    private mutating func insert(
        _ separator: IndexRecord,
        _ right: IndexNode,
        above depth: Int
    ) {
        guard depth > 0 else {
            precondition(height < Self.heightLimit, "an index of more than \(height) levels")
            let left = root
            root = IndexNode(base: arena.allocate(IndexNode.innerByteCount))
            root.initialize(isLeaf: false)
            root.children[0] = left
            root.insert(separator, at: 0, child: right)
            height += 1
            return
        }
        var node = path[depth - 1].node
        var index = path[depth - 1].child
        if node.count == IndexNode.capacity { (node, index) = splitInner(depth - 1, at: index) }
        node.insert(separator, at: index, child: right)
    }

    /// Makes two inner nodes of the full one at `depth`, and says where the new separator goes.
    private mutating func splitInner(_ depth: Int, at index: Int) -> (IndexNode, Int) {
        let level = path[depth]
        let node = level.node
        let isLast = index == node.count && level.high == nil
        let kept = isLast ? node.count - 1 : node.count / 2
        let separator = node.records[kept]
        let right = IndexNode(base: arena.allocate(IndexNode.innerByteCount))
        right.initialize(isLeaf: false)
        node.moveChildren(behind: kept, to: right)
        node.growSkip(low: level.low, high: separator)
        right.growSkip(low: separator, high: level.high)
        insert(separator, right, above: depth)
        return index > kept ? (right, index - kept - 1) : (node, index)
    }
}

/// How keys leave an index, and nodes with them.
extension OrderedIndex {
    /// Takes a key out of the set; false if it is not there.
    @discardableResult
    package mutating func remove(_ key: UnsafeRawBufferPointer) -> Bool {
        let leaf = descend(to: key)
        let (index, isEqual) = leaf.search(key)
        guard isEqual else { return false }
        let record = leaf.records[index]
        leaf.removeEntry(at: index)
        release(record, from: IndexRecord.Use.entry)
        count &-= 1
        version &+= 1
        if leaf.count < Self.mergeLimit { merge(height) }
        return true
    }

    /// Takes the keys with from <= key < to out of the set that `leaves` says so of. `look` learns
    /// of most hashes before, twice: some keys ahead, and again when they are near.
    package mutating func remove(
        from: UnsafeRawBufferPointer,
        to: UnsafeRawBufferPointer,
        _ leaves: (_ key: UnsafeRawBufferPointer, _ hash: UInt64) -> Bool,
        look: (_ hash: UInt64, _ isNear: Bool) -> Void = { _, _ in }
    ) {
        var start = first(notBelow: from)
        while let position = start {
            guard KeyOrder.compare(record(position).key, to) < 0 else { return }
            let (leaf, first) = (position.leaf, position.index)
            start = removeEntries(of: leaf, from: first, to: to, leaves, look)
        }
    }

    /// How far ahead a hash is told of first, and when its key is near.
    private static let lookAhead = (far: 12, near: 6)

    /// `remove(from:to:)` in one leaf; returns where the next one begins. The first key that leaves
    /// is taken out last, in the usual way, which merges the leaf with others.
    private mutating func removeEntries(
        of leaf: IndexNode,
        from first: Int,
        to: UnsafeRawBufferPointer,
        _ leaves: (_ key: UnsafeRawBufferPointer, _ hash: UInt64) -> Bool,
        _ look: (_ hash: UInt64, _ isNear: Bool) -> Void
    ) -> Position? {
        var next: IndexRecord?
        if let place = self.next(Position(leaf: leaf, index: leaf.count &- 1)) {
            next = record(place)
        }
        var leaving: IndexRecord?
        var kept = first
        let isWhole = KeyOrder.compare(leaf.records[leaf.count &- 1].key, to) < 0
        for index in first..<leaf.count {
            let (far, near) = (index &+ Self.lookAhead.far, index &+ Self.lookAhead.near)
            if far < leaf.count { look(leaf.hashes[far], false) }
            if near < leaf.count { look(leaf.hashes[near], true) }
            let record = leaf.records[index]
            if isWhole || KeyOrder.compare(record.key, to) < 0,
                leaves(record.key, leaf.hashes[index])
            {
                guard leaving != nil else {
                    leaving = record
                    leaf.moveEntry(at: index, to: kept)
                    kept &+= 1
                    continue
                }
                release(record, from: IndexRecord.Use.entry)
                count &-= 1
            } else {
                leaf.moveEntry(at: index, to: kept)
                kept &+= 1
            }
        }
        leaf.count = kept
        version &+= 1
        if let leaving { remove(leaving.key) }
        guard let next else { return nil }
        return self.first(notBelow: next.key)
    }

    /// Takes every key out of the set and gives its memory back.
    package mutating func removeAll() {
        arena.removeAll()
        root = IndexNode(base: arena.allocate(IndexNode.leafByteCount))
        root.initialize(isLeaf: true)
        height = 0
        count = 0
        version &+= 1
    }

    /// Merges the node at `depth` of the way with a neighbour, if one node can hold both.
    private mutating func merge(_ depth: Int) {
        let node = path[depth].node
        guard depth > 0 else { return lowerRoot() }
        let parent = path[depth - 1]
        let isLeaf = depth == height
        if parent.child < parent.node.count {
            let right = parent.node.children[parent.child + 1]
            if Self.fits(node, right, isLeaf) { return merge(parent, parent.child, depth) }
        }
        if parent.child > 0 {
            let left = parent.node.children[parent.child - 1]
            if Self.fits(left, node, isLeaf) { return merge(parent, parent.child - 1, depth) }
        }
    }

    private static func fits(_ left: IndexNode, _ right: IndexNode, _ isLeaf: Bool) -> Bool {
        left.count + right.count + (isLeaf ? 0 : 1) <= IndexNode.capacity
    }

    /// Merges the children on both sides of a separator.
    private mutating func merge(_ parent: Level, _ index: Int, _ depth: Int) {
        let node = parent.node
        let left = node.children[index]
        let right = node.children[index + 1]
        let separator = node.records[index]
        node.removeSeparator(at: index)
        if depth == height {
            left.appendEntries(of: right)
            left.next = right.next
            right.next?.previous = left
            release(separator, from: IndexRecord.Use.separator)
            arena.deallocate(right.base, IndexNode.leafByteCount)
        } else {
            left.appendChildren(of: right, behind: separator)
            arena.deallocate(right.base, IndexNode.innerByteCount)
        }
        if node.count < Self.mergeLimit { merge(depth - 1) }
    }

    /// A root without separators gives way to its only child.
    private mutating func lowerRoot() {
        guard height > 0, root.count == 0 else { return }
        let child = root.children[0]
        arena.deallocate(root.base, IndexNode.innerByteCount)
        root = child
        height -= 1
    }

    /// Frees a record that nothing uses any more.
    private mutating func release(_ record: IndexRecord, from use: UInt8) {
        record.uses &= ~use
        guard record.uses == 0 else { return }
        let byteCount = IndexRecord.byteCount(keyByteCount: record.key.count)
        arena.deallocate(record.base, byteCount)
    }
}

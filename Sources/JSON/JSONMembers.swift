public import Bytes

/// The members of an object by key. A search begins behind the member that was found last, so
/// that members read in the order of the text cost one comparison each.
@usableFromInline
struct JSONMembers {
    @usableFromInline let node: JSONNode
    @usableFromInline let end: Int
    @usableFromInline var cursor: Int

    @inlinable @inline(__always)
    init(_ object: JSONNode) {
        node = object
        cursor = object.index &+ 1
        end = object.following &- 1
    }

    @inlinable @inline(__always)
    mutating func find(_ key: StaticString) -> JSONNode? {
        let key = UnsafeRawBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount)
        // Mostly it is the next one, and the key is one that the compiler knows.
        if cursor < end, node.at(cursor).stringBytes.hasSameBytes(as: key) {
            let member = node.at(cursor &+ 1)
            cursor = member.following
            return member
        }
        return find(key)
    }

    @inlinable
    mutating func find(_ key: UnsafeRawBufferPointer) -> JSONNode? {
        if let found = search(key, from: cursor, to: end) { return found }
        return search(key, from: node.index &+ 1, to: cursor)
    }

    /// Calls `body` with each key's UTF-8 bytes and its value, in the order of the text.
    func forEach(
        _ body: (_ key: UnsafeRawBufferPointer, _ value: JSONNode) throws -> Void
    ) rethrows {
        var index = node.index + 1
        while index < end {
            let member = node.at(index + 1)
            try body(node.at(index).stringBytes, member)
            index = member.following
        }
    }

    @inlinable @inline(__always)
    mutating func search(
        _ key: UnsafeRawBufferPointer,
        from start: Int,
        to limit: Int
    ) -> JSONNode? {
        var index = start
        while index < limit {
            let member = node.at(index &+ 1)
            if node.at(index).stringBytes.hasSameBytes(as: key) {
                cursor = member.following
                return member
            }
            index = member.following
        }
        return nil
    }
}

extension UnsafeRawBufferPointer {
    /// Whether both have the same length and bytes.
    @inlinable @inline(__always)
    func hasSameBytes(as other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        guard let left = baseAddress, let right = other.baseAddress else { return true }
        return left.hasSameBytes(as: right, count: count)
    }
}

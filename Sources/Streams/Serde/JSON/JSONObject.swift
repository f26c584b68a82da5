/// The members of a JSON object, by key. Valid during the call that lent it only.
///
/// Reading members in the order in which they are written costs one comparison each: a search
/// begins behind the member that was found last. Of members with equal keys any may be found.
///
///     init(json: inout JSONObject) throws {
///         id = try json.int64("id")
///         name = try json.string("name")
///         discount = try json.ifPresent("discount") { try $0.requireDouble() }
///     }
public struct JSONObject {
    @usableFromInline let value: JSONValue
    @usableFromInline let end: Int
    @usableFromInline var cursor: Int

    @inlinable @inline(__always)
    init(_ value: JSONValue) {
        self.value = value
        cursor = value.index &+ 1
        end = value.following &- 1
    }

    // MARK: Members of a type

    /// The member as an integer.
    ///
    /// - Throws: `JSONError` that names the key, where it is absent or something else.
    @inlinable
    public mutating func int64(_ key: StaticString) throws -> Int64 {
        guard let member = find(key) else { throw JSONError.absent(key) }
        guard let number = member.int64 else {
            throw JSONError.mismatch(member, wanted: "an integer", at: key)
        }
        return number
    }

    /// The member as a number.
    ///
    /// - Throws: `JSONError` that names the key, where it is absent or something else.
    @inlinable
    public mutating func double(_ key: StaticString) throws -> Double {
        guard let member = find(key) else { throw JSONError.absent(key) }
        guard let number = member.double else {
            throw JSONError.mismatch(member, wanted: "a number", at: key)
        }
        return number
    }

    /// The member as a truth value.
    ///
    /// - Throws: `JSONError` that names the key, where it is absent or something else.
    @inlinable
    public mutating func bool(_ key: StaticString) throws -> Bool {
        guard let member = find(key) else { throw JSONError.absent(key) }
        guard let bool = member.bool else {
            throw JSONError.mismatch(member, wanted: "a truth value", at: key)
        }
        return bool
    }

    /// The member as a string.
    ///
    /// - Throws: `JSONError` that names the key, where it is absent or something else.
    @inlinable
    public mutating func string(_ key: StaticString) throws -> String {
        String(decoding: try utf8(key), as: UTF8.self)
    }

    /// The bytes of a string, without a copy.
    ///
    /// - Throws: `JSONError` that names the key, where it is absent or something else.
    @inlinable
    public mutating func utf8(_ key: StaticString) throws -> UnsafeRawBufferPointer {
        guard let member = find(key) else { throw JSONError.absent(key) }
        guard let bytes = member.utf8 else {
            throw JSONError.mismatch(member, wanted: "a string", at: key)
        }
        return bytes
    }

    /// What `body` makes of the member; nil where it is absent or null.
    ///
    /// - Throws: what `body` throws, with the key before it.
    @inlinable
    public mutating func ifPresent<Result>(
        _ key: StaticString,
        _ body: (JSONValue) throws -> Result
    ) throws -> Result? {
        guard let member = find(key), !member.isNull else { return nil }
        do { return try body(member) } catch { throw JSONError.at("\(key)", error) }
    }

    /// The member as an object that describes a `Record`.
    ///
    /// - Throws: `JSONError` whose path begins with the key.
    @inlinable
    public mutating func record<Record: JSONRecord>(
        _ key: StaticString,
        _ type: Record.Type = Record.self
    ) throws -> Record {
        guard let member = find(key) else { throw JSONError.absent(key) }
        guard var object = member.object else {
            throw JSONError.mismatch(member, wanted: "an object", at: key)
        }
        do { return try Record(json: &object) } catch { throw JSONError.at("\(key)", error) }
    }

    /// What `body` makes of each element of the member, which is an array.
    ///
    /// - Throws: what `body` throws, with the key and the index before it.
    public mutating func array<Element>(
        _ key: StaticString,
        _ body: (JSONValue) throws -> Element
    ) throws -> [Element] {
        guard let member = find(key) else { throw JSONError.absent(key) }
        var elements: [Element] = []
        let isArray = try member.forEachElement { element in
            do { elements.append(try body(element)) } catch {
                throw JSONError.at("\(key)[\(elements.count)]", error)
            }
        }
        guard isArray else { throw JSONError.mismatch(member, wanted: "an array", at: key) }
        return elements
    }

    // MARK: Members

    /// The member, nil where there is none.
    @inlinable @inline(__always)
    public mutating func find(_ key: StaticString) -> JSONValue? {
        find(UnsafeRawBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
    }

    /// The member whose key has these UTF-8 bytes, nil where there is none.
    @inlinable
    public mutating func find(_ key: UnsafeRawBufferPointer) -> JSONValue? {
        if let found = search(key, from: cursor, to: end) { return found }
        return search(key, from: value.index &+ 1, to: cursor)
    }

    /// Calls `body` with each key's UTF-8 bytes and its value, in the order of the text.
    public func forEachMember(
        _ body: (_ key: UnsafeRawBufferPointer, _ value: JSONValue) throws -> Void
    ) rethrows {
        var index = value.index + 1
        while index < end {
            let member = at(index + 1)
            try body(key(at: index), member)
            index = member.following
        }
    }

    @inlinable @inline(__always)
    mutating func search(
        _ key: UnsafeRawBufferPointer,
        from start: Int,
        to limit: Int
    ) -> JSONValue? {
        var index = start
        while index < limit {
            let member = at(index &+ 1)
            if self.key(at: index).hasSameBytes(as: key) {
                cursor = member.following
                return member
            }
            index = member.following
        }
        return nil
    }

    @inlinable @inline(__always)
    func at(_ index: Int) -> JSONValue {
        JSONValue(document: value.document, index: index, strings: value.strings)
    }

    @inlinable @inline(__always)
    func key(at index: Int) -> UnsafeRawBufferPointer {
        let at = value.strings + Int(value.document[index] & JSONValue.Tag.payloadMask)
        return UnsafeRawBufferPointer(
            start: at + 4,
            count: Int(at.loadUnaligned(as: UInt32.self))
        )
    }
}

extension JSONValue {
    /// The integer.
    ///
    /// - Throws: `JSONError` where the value is something else; so do the others.
    public func requireInt64() throws -> Int64 {
        guard let int64 else { throw JSONError.mismatch(self, wanted: "an integer") }
        return int64
    }

    /// The number.
    public func requireDouble() throws -> Double {
        guard let double else { throw JSONError.mismatch(self, wanted: "a number") }
        return double
    }

    /// The truth value.
    public func requireBool() throws -> Bool {
        guard let bool else { throw JSONError.mismatch(self, wanted: "a truth value") }
        return bool
    }

    /// The string.
    public func requireString() throws -> String {
        guard let string else { throw JSONError.mismatch(self, wanted: "a string") }
        return string
    }

    /// The object that describes a `Record`.
    public func requireRecord<Record: JSONRecord>(
        _ type: Record.Type = Record.self
    ) throws -> Record {
        guard var object else { throw JSONError.mismatch(self, wanted: "an object") }
        return try Record(json: &object)
    }
}

extension UnsafeRawBufferPointer {
    /// Whether both have the same length and bytes.
    @inlinable @inline(__always)
    func hasSameBytes(as other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        guard let left = baseAddress, let right = other.baseAddress else { return true }
        var index = 0
        while index &+ 8 <= count {
            guard
                left.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    == right.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            else { return false }
            index &+= 8
        }
        while index < count {
            guard
                left.load(fromByteOffset: index, as: UInt8.self)
                    == right.load(fromByteOffset: index, as: UInt8.self)
            else { return false }
            index &+= 1
        }
        return true
    }
}

/// The members of a JSON object, by key, lent: the compiler keeps it from outliving the document.
///
/// Reading members in the order in which they are written costs one comparison each: a search
/// begins behind the member that was found last. Of members with equal keys any may be found.
///
///     init(json: inout JSONObject) throws {
///         id = try json.int64("id")
///         name = try json.string("name")
///         discount = try json.ifPresent("discount") { try $0.requireDouble() }
///     }
public struct JSONObject: ~Escapable {
    @usableFromInline var members: JSONMembers

    @inlinable @inline(__always)
    @_lifetime(copy value)
    init(_ value: borrowing JSONValue) { members = JSONMembers(value.node) }

    // MARK: Members of a type

    /// The member as an integer.
    ///
    /// - Throws: `JSONError` that names the key, where it is absent or something else.
    @inlinable @inline(__always)
    public mutating func int64(_ key: StaticString) throws -> Int64 {
        guard let member = members.find(key) else { throw JSONError.absent(key) }
        guard let number = member.int64 else {
            throw JSONError.mismatch(member, wanted: "an integer", range: JSONError.int64, at: key)
        }
        return number
    }

    /// The member as a number.
    ///
    /// - Throws: `JSONError` that names the key, where it is absent or something else.
    @inlinable @inline(__always)
    public mutating func double(_ key: StaticString) throws -> Double {
        guard let member = members.find(key) else { throw JSONError.absent(key) }
        guard let number = member.double else {
            throw JSONError.mismatch(member, wanted: "a number", range: JSONError.double, at: key)
        }
        return number
    }

    /// The member as a truth value.
    ///
    /// - Throws: `JSONError` that names the key, where it is absent or something else.
    @inlinable @inline(__always)
    public mutating func bool(_ key: StaticString) throws -> Bool {
        guard let member = members.find(key) else { throw JSONError.absent(key) }
        guard let bool = member.bool else {
            throw JSONError.mismatch(member, wanted: "a truth value", at: key)
        }
        return bool
    }

    /// The member as a string.
    ///
    /// - Throws: `JSONError` that names the key, where it is absent or something else.
    @inlinable @inline(__always)
    public mutating func string(_ key: StaticString) throws -> String {
        guard let member = members.find(key) else { throw JSONError.absent(key) }
        guard let string = member.string else {
            throw JSONError.mismatch(member, wanted: "a string", at: key)
        }
        return string
    }

    /// The bytes of a string, without a copy.
    ///
    /// - Throws: `JSONError` that names the key, where it is absent or something else.
    @inlinable
    @_lifetime(copy self)
    public mutating func utf8(_ key: StaticString) throws -> RawSpan {
        guard let member = members.find(key) else { throw JSONError.absent(key) }
        guard let bytes = member.utf8 else {
            throw JSONError.mismatch(member, wanted: "a string", at: key)
        }
        return _overrideLifetime(bytes.bytes, copying: self)
    }

    /// What `body` makes of the member; nil where it is absent or null.
    ///
    /// - Throws: what `body` throws, with the key before it.
    @inlinable
    public mutating func ifPresent<Result>(
        _ key: StaticString,
        _ body: (JSONValue) throws -> Result
    ) throws -> Result? {
        guard let member = members.find(key), !member.isNull else { return nil }
        do { return try body(JSONValue(member, beside: self)) } catch {
            throw JSONError.at("\(key)", error)
        }
    }

    /// The member as an object that describes a `Record`.
    ///
    /// - Throws: `JSONError` whose path begins with the key.
    @inlinable
    public mutating func record<Record: JSONRecord>(
        _ key: StaticString,
        _ type: Record.Type = Record.self
    ) throws -> Record {
        guard let member = members.find(key) else { throw JSONError.absent(key) }
        guard var object = JSONValue(member, beside: self).object else {
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
        guard let member = members.find(key) else { throw JSONError.absent(key) }
        var elements: [Element] = []
        let isArray = try JSONValue(member, beside: self).forEachElement { element in
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
    @_lifetime(copy self)
    public mutating func find(_ key: StaticString) -> JSONValue? {
        guard let member = members.find(key) else { return nil }
        return JSONValue(member, beside: self)
    }

    /// The member whose key has these UTF-8 bytes, nil where there is none.
    @inlinable
    @_lifetime(copy self)
    public mutating func find(_ key: UnsafeRawBufferPointer) -> JSONValue? {
        guard let member = members.find(key) else { return nil }
        return JSONValue(member, beside: self)
    }

    /// Calls `body` with each key's UTF-8 bytes and its value, in the order of the text.
    public func forEachMember(
        _ body: (_ key: RawSpan, _ value: JSONValue) throws -> Void
    ) rethrows {
        try members.forEach { key, member in
            try body(key.bytes, JSONValue(member, beside: self))
        }
    }
}

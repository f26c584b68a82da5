public import Serdes

/// One value of a parsed JSON document, lent: the compiler keeps it from outliving the document.
public struct JSONValue: ~Escapable {
    /// What a value is.
    public enum Kind: Sendable {
        case null, bool, number, string, array, object
    }

    @usableFromInline let node: JSONNode

    /// SAFETY: the node's document is borrowed for as long as the value lives.
    @inlinable @inline(__always)
    @_lifetime(borrow document)
    init(_ node: JSONNode, of document: borrowing JSONDocument) { self.node = node }

    /// Another value of the same document.
    @inlinable @inline(__always)
    @_lifetime(copy other)
    init(_ node: JSONNode, beside other: borrowing JSONValue) { self.node = node }

    /// Another value of the same document.
    @inlinable @inline(__always)
    @_lifetime(copy object)
    init(_ node: JSONNode, beside object: borrowing JSONObject) { self.node = node }

    /// What the value is.
    public var kind: Kind { node.kind }

    /// What the value is, for an error's text: `a string`.
    package var article: String { node.article }

    /// Whether the value is null.
    @inlinable @inline(__always)
    public var isNull: Bool { node.isNull }

    /// The truth value, nil for anything else.
    @inlinable @inline(__always)
    public var bool: Bool? { node.bool }

    /// The number as an integer, nil where it has a fraction or does not fit. `1e3` and `7.0` are
    /// integers; no digit is lost.
    @inlinable @inline(__always)
    public var int64: Int64? { node.int64 }

    /// The number as an unsigned integer, nil where it has a fraction, is negative or too large.
    @inlinable @inline(__always)
    public var uint64: UInt64? { node.uint64 }

    /// The nearest double of the number; nil for anything else, and beyond a double's range.
    @inlinable @inline(__always)
    public var double: Double? { node.double }

    /// The number as it stands in the text, every digit of it; nil for anything else.
    public var numberText: String? {
        node.kind == .number ? String(decoding: node.numberText, as: UTF8.self) : nil
    }

    /// The string's UTF-8 bytes, escapes resolved, without a copy; nil for anything else.
    @inlinable @inline(__always)
    public var utf8: RawSpan? {
        @_lifetime(copy self) get {
            guard let bytes = node.utf8 else { return nil }
            return _overrideLifetime(bytes.bytes, copying: self)
        }
    }

    /// The string, nil for anything else.
    @inlinable
    public var string: String? { node.string }

    /// The object, nil for anything else.
    @inlinable @inline(__always)
    public var object: JSONObject? {
        @_lifetime(copy self) get {
            guard node.tag == JSONNode.Tag.object else { return nil }
            return JSONObject(self)
        }
    }

    /// The member of an object; nil where there is none, and of anything else.
    ///
    ///     document.withRoot { $0["address"]?["city"]?.string }
    public subscript(key: StaticString) -> JSONValue? {
        @_lifetime(copy self) get {
            guard var object else { return nil }
            return object.find(key)
        }
    }

    /// The element of an array, counted from 0; nil where there is none, and of anything else.
    public subscript(index: Int) -> JSONValue? {
        @_lifetime(copy self) get {
            guard index >= 0, let element = node.element(index) else { return nil }
            return JSONValue(element, beside: self)
        }
    }

    /// Calls `body` with each element of the array; false where the value is none.
    @discardableResult
    public func forEachElement(_ body: (JSONValue) throws -> Void) rethrows -> Bool {
        guard node.tag == JSONNode.Tag.array else { return false }
        var next = node.index + 1
        let end = node.following - 1
        while next < end {
            let element = node.at(next)
            try body(JSONValue(element, beside: self))
            next = element.following
        }
        return true
    }

    /// Appends the value as JSON text, without blanks; numbers as they were written.
    public func writeText(into sink: inout ByteSink) {
        withUnsafeMutablePointer(to: &sink) { JSONWriter.appendValue(node, to: $0) }
    }
}

extension JSONValue {
    /// The integer.
    ///
    /// - Throws: `JSONError` where the value is something else; so do the others.
    public func requireInt64() throws -> Int64 {
        guard let int64 else {
            throw JSONError.mismatch(node, wanted: "an integer", range: JSONError.int64)
        }
        return int64
    }

    /// The number.
    public func requireDouble() throws -> Double {
        guard let double else {
            throw JSONError.mismatch(node, wanted: "a number", range: JSONError.double)
        }
        return double
    }

    /// The truth value.
    public func requireBool() throws -> Bool {
        guard let bool else { throw JSONError.mismatch(node, wanted: "a truth value") }
        return bool
    }

    /// The string.
    public func requireString() throws -> String {
        guard let string else { throw JSONError.mismatch(node, wanted: "a string") }
        return string
    }

    /// The object that describes a `Record`.
    public func requireRecord<Record: JSONRecord>(
        _ type: Record.Type = Record.self
    ) throws -> Record {
        guard var object else { throw JSONError.mismatch(node, wanted: "an object") }
        return try Record(json: &object)
    }
}

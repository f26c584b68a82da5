/// One value of a parsed JSON document. Valid during the call that lent it only.
///
/// simdjson leaves a document as a tape of 64-bit words, which this type walks:
///
///     bits 63…56   what it is: { } [ ] " l u d t f n (l, u, d: the number is the next word)
///     bits 55…0    of a string: where its length (4 bytes) and its bytes lie
///                  of { and [:  the word behind its end (32 bits), its count (24 bits)
public struct JSONValue {
    /// What a value is.
    public enum Kind: Sendable {
        case null, bool, number, string, array, object
    }

    @usableFromInline let document: UnsafePointer<UInt64>
    @usableFromInline let index: Int
    @usableFromInline let strings: UnsafeRawPointer

    /// SAFETY: the words of a document were laid out by simdjson, whose counts and ends are
    /// followed without further checks.
    @inlinable @inline(__always)
    init(document: UnsafePointer<UInt64>, index: Int, strings: UnsafeRawPointer) {
        self.document = document
        self.index = index
        self.strings = strings
    }

    /// What the value is.
    public var kind: Kind {
        switch tag {
        case Tag.null: .null
        case Tag.true, Tag.false: .bool
        case Tag.string: .string
        case Tag.array: .array
        case Tag.object: .object
        default: .number
        }
    }

    /// Whether the value is null.
    @inlinable @inline(__always)
    public var isNull: Bool { tag == Tag.null }

    /// The truth value, nil for anything else.
    @inlinable @inline(__always)
    public var bool: Bool? { tag == Tag.true ? true : tag == Tag.false ? false : nil }

    /// The number as an integer, nil where it has a fraction or does not fit.
    @inlinable @inline(__always)
    public var int64: Int64? {
        if tag == Tag.int64 { return Int64(bitPattern: numberWord) }
        return otherInt64
    }

    @usableFromInline @inline(never)
    var otherInt64: Int64? {
        tag == Tag.double ? Int64(exactly: Double(bitPattern: numberWord)) : nil
    }

    /// The number as an unsigned integer, nil where it has a fraction, is negative or too large.
    public var uint64: UInt64? {
        if tag == Tag.uint64 { return numberWord }
        return int64.flatMap(UInt64.init(exactly:))
    }

    /// The number, nil for anything else.
    @inlinable @inline(__always)
    public var double: Double? {
        switch tag {
        case Tag.double: Double(bitPattern: numberWord)
        case Tag.int64: Double(Int64(bitPattern: numberWord))
        case Tag.uint64: Double(numberWord)
        default: nil
        }
    }

    /// The string's UTF-8 bytes, escapes resolved; nil for anything else.
    @inlinable @inline(__always)
    public var utf8: UnsafeRawBufferPointer? {
        guard tag == Tag.string else { return nil }
        let at = strings + Int(document[index] & Tag.payloadMask)
        return UnsafeRawBufferPointer(
            start: at + 4,
            count: Int(at.loadUnaligned(as: UInt32.self))
        )
    }

    /// The string, nil for anything else.
    @inlinable
    public var string: String? { utf8.map { String(decoding: $0, as: UTF8.self) } }

    /// The object, nil for anything else.
    @inlinable @inline(__always)
    public var object: JSONObject? { tag == Tag.object ? JSONObject(self) : nil }

    /// Calls `body` with each element of the array; false where the value is none.
    @discardableResult
    public func forEachElement(_ body: (JSONValue) throws -> Void) rethrows -> Bool {
        guard tag == Tag.array else { return false }
        var next = index + 1
        let end = following - 1
        while next < end {
            let element = JSONValue(document: document, index: next, strings: strings)
            try body(element)
            next = element.following
        }
        return true
    }

    @usableFromInline enum Tag {
        @usableFromInline static let object = UInt8(ascii: "{")
        @usableFromInline static let array = UInt8(ascii: "[")
        @usableFromInline static let string = UInt8(ascii: "\"")
        @usableFromInline static let int64 = UInt8(ascii: "l")
        @usableFromInline static let uint64 = UInt8(ascii: "u")
        @usableFromInline static let double = UInt8(ascii: "d")
        @usableFromInline static let `true` = UInt8(ascii: "t")
        @usableFromInline static let `false` = UInt8(ascii: "f")
        @usableFromInline static let null = UInt8(ascii: "n")
        @usableFromInline static let payloadMask: UInt64 = 0x00ff_ffff_ffff_ffff
    }

    @inlinable @inline(__always)
    var tag: UInt8 { UInt8(truncatingIfNeeded: document[index] &>> 56) }

    /// The word behind the first one, which holds a number.
    @inlinable @inline(__always)
    var numberWord: UInt64 { document[index &+ 1] }

    /// Where the word behind the value lies.
    @inlinable @inline(__always)
    var following: Int {
        switch tag {
        case Tag.int64, Tag.uint64, Tag.double: index &+ 2
        case Tag.object, Tag.array: Int(truncatingIfNeeded: document[index] & 0xffff_ffff)
        default: index &+ 1
        }
    }

    /// What the value is, for an error's text.
    @usableFromInline var article: String {
        switch kind {
        case .null: "null"
        case .bool: "a truth value"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

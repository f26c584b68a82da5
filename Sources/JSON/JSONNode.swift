/// One value of a parsed document as the parser left it: what the lent views and the coders walk.
///
/// simdjson leaves a document as a tape of 64-bit words:
///
///     bits 63…56   what it is: { } [ ] " l u d t f n (l, u, d: the number is the next word)
///     bits 55…0    of a string: where its length (4 bytes) and its bytes lie
///                  of { and [:  the word behind its end (32 bits), its count (24 bits)
///
/// SAFETY: the words of a document were laid out by simdjson, whose counts and ends are followed
/// without further checks. Whoever holds a node holds the document too.
@usableFromInline
struct JSONNode {
    @usableFromInline let words: UnsafePointer<UInt64>
    @usableFromInline let index: Int
    @usableFromInline let strings: UnsafeRawPointer
    /// The parser, which has the text of the numbers.
    @usableFromInline let parser: OpaquePointer

    @inlinable @inline(__always)
    init(
        words: UnsafePointer<UInt64>,
        index: Int,
        strings: UnsafeRawPointer,
        parser: OpaquePointer
    ) {
        self.words = words
        self.index = index
        self.strings = strings
        self.parser = parser
    }

    /// The value at another word of the document.
    @inlinable @inline(__always)
    func at(_ index: Int) -> JSONNode {
        JSONNode(words: words, index: index, strings: strings, parser: parser)
    }

    @usableFromInline var kind: JSONValue.Kind {
        switch tag {
        case Tag.null: .null
        case Tag.true, Tag.false: .bool
        case Tag.string: .string
        case Tag.array: .array
        case Tag.object: .object
        default: .number
        }
    }

    @inlinable @inline(__always)
    var isNull: Bool { tag == Tag.null }

    @inlinable @inline(__always)
    var bool: Bool? { tag == Tag.true ? true : tag == Tag.false ? false : nil }

    /// The string's UTF-8 bytes, escapes resolved; nil for anything else.
    @inlinable @inline(__always)
    var utf8: UnsafeRawBufferPointer? { tag == Tag.string ? stringBytes : nil }

    /// The bytes of what is known to be a string or a key.
    @inlinable @inline(__always)
    var stringBytes: UnsafeRawBufferPointer {
        let at = strings + Int(truncatingIfNeeded: words[index] & Tag.payloadMask)
        return UnsafeRawBufferPointer(
            start: at + 4,
            count: Int(at.loadUnaligned(as: UInt32.self))
        )
    }

    @inlinable @inline(__always)
    var string: String? {
        guard let utf8 else { return nil }
        // So much lies in the String itself: it is filled in place.
        guard utf8.count <= 15 else { return String(decoding: utf8, as: UTF8.self) }
        return String(unsafeUninitializedCapacity: utf8.count) { room in
            UnsafeMutableRawBufferPointer(room).copyMemory(from: utf8)
            return utf8.count
        }
    }

    /// Not stored: what other modules inline would have to ask for where they lie.
    @usableFromInline enum Tag {
        @inlinable static var object: UInt8 { UInt8(ascii: "{") }
        @inlinable static var array: UInt8 { UInt8(ascii: "[") }
        @inlinable static var string: UInt8 { UInt8(ascii: "\"") }
        @inlinable static var int64: UInt8 { UInt8(ascii: "l") }
        @inlinable static var uint64: UInt8 { UInt8(ascii: "u") }
        @inlinable static var double: UInt8 { UInt8(ascii: "d") }
        @inlinable static var `true`: UInt8 { UInt8(ascii: "t") }
        @inlinable static var `false`: UInt8 { UInt8(ascii: "f") }
        @inlinable static var null: UInt8 { UInt8(ascii: "n") }
        @inlinable static var payloadMask: UInt64 { 0x00ff_ffff_ffff_ffff }
    }

    @inlinable @inline(__always)
    var tag: UInt8 { UInt8(truncatingIfNeeded: words[index] &>> 56) }

    /// The word behind the first one, which holds a number.
    @inlinable @inline(__always)
    var numberWord: UInt64 { words[index &+ 1] }

    /// Where the word behind the value lies.
    @inlinable @inline(__always)
    var following: Int {
        switch tag {
        case Tag.int64, Tag.uint64, Tag.double: index &+ 2
        case Tag.object, Tag.array: Int(truncatingIfNeeded: words[index] & 0xffff_ffff)
        default: index &+ 1
        }
    }

    /// Calls `body` with each element of what is known to be an array.
    func forEachElement(_ body: (JSONNode) throws -> Void) rethrows {
        var next = index + 1
        let end = following - 1
        while next < end {
            let element = at(next)
            try body(element)
            next = element.following
        }
    }

    /// The element of an array, nil where there is none.
    func element(_ index: Int) -> JSONNode? {
        guard tag == Tag.array else { return nil }
        var next = self.index + 1
        let end = following - 1
        var count = 0
        while count < index, next < end {
            next = at(next).following
            count += 1
        }
        return next < end ? at(next) : nil
    }

    /// What the value is, for an error's text.
    @usableFromInline var article: String {
        switch kind {
        case .null: "null"
        case .bool: "a truth value"
        case .number: "the number \(shownNumber)"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

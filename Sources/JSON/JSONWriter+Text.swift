public import Bytes
public import Serdes

/// How single values become JSON text.
extension JSONWriter {
    /// Digits of an integer.
    @usableFromInline
    static func appendInteger(
        magnitude: UInt64,
        isNegative: Bool,
        to sink: UnsafeMutablePointer<ByteSink>
    ) {
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { buffer in
            // 20 digits and a sign fit into 24 bytes; they are made from the end.
            var index = buffer.count
            var rest = magnitude
            repeat {
                index &-= 1
                buffer[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if isNegative {
                index &-= 1
                buffer[index] = UInt8(ascii: "-")
            }
            sink.pointee.append(
                contentsOf: UnsafeRawBufferPointer(
                    rebasing: UnsafeRawBufferPointer(buffer)[index...]
                )
            )
        }
    }

    /// The shortest text that reads back as the same number; false for infinities and NaN.
    @usableFromInline
    static func appendDouble(_ value: Double, to sink: UnsafeMutablePointer<ByteSink>) -> Bool {
        guard value.isFinite else { return false }
        if appendThousandths(of: value, to: sink) { return true }
        var text = SinkText(sink: sink)
        value.write(to: &text)
        return true
    }

    /// Writes a number of at most three decimals and fifteen digits. No other text of as many
    /// digits reads back as the same number, so it is the shortest. False for any other number.
    private static func appendThousandths(
        of value: Double,
        to sink: UnsafeMutablePointer<ByteSink>
    ) -> Bool {
        let magnitude = value.magnitude
        guard magnitude < 1e12 else { return false }
        let rounded = (magnitude * 1_000).rounded()
        guard rounded / 1_000 == magnitude else { return false }
        let thousandths = UInt64(rounded)
        appendInteger(magnitude: thousandths / 1_000, isNegative: value.sign == .minus, to: sink)
        let rest = thousandths % 1_000
        let digits = (rest / 100, rest / 10 % 10, rest % 10)
        let count = digits.2 > 0 ? 3 : digits.1 > 0 ? 2 : 1
        let at = sink.pointee.reserve(count &+ 1)
        at.storeBytes(of: UInt8(ascii: "."), as: UInt8.self)
        at.storeBytes(of: digit(digits.0), toByteOffset: 1, as: UInt8.self)
        if count > 1 { at.storeBytes(of: digit(digits.1), toByteOffset: 2, as: UInt8.self) }
        if count > 2 { at.storeBytes(of: digit(digits.2), toByteOffset: 3, as: UInt8.self) }
        return true
    }

    private static func digit(_ value: UInt64) -> UInt8 {
        UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value)
    }

    /// Takes the digits of a number as the standard library has them, in a buffer of its own; as
    /// a string they would be allocated where they are more than 15.
    private struct SinkText: TextOutputStream {
        let sink: UnsafeMutablePointer<ByteSink>

        func write(_ text: String) { sink.pointee.append(utf8: text) }

        func _writeASCII(_ text: UnsafeBufferPointer<UInt8>) {
            sink.pointee.append(contentsOf: UnsafeRawBufferPointer(text))
        }
    }

    /// A member's key and the colon, behind a comma or not. A key that the compiler knows is some
    /// words to be stored.
    @inlinable @inline(__always)
    static func appendKey(
        _ bytes: UnsafeRawBufferPointer,
        behindComma: Bool,
        to sink: UnsafeMutablePointer<ByteSink>
    ) {
        guard !bytes.hasEscapes, let from = bytes.baseAddress else {
            return appendEscapedKey(bytes, behindComma: behindComma, to: sink)
        }
        var at = sink.pointee.reserve(bytes.count &+ (behindComma ? 4 : 3))
        if behindComma {
            at.storeBytes(of: UInt8(ascii: ","), as: UInt8.self)
            at += 1
        }
        at.storeBytes(of: UInt8(ascii: "\""), as: UInt8.self)
        (at + 1).copyBytes(from: from, count: bytes.count)
        at.storeBytes(of: UInt8(ascii: "\""), toByteOffset: bytes.count &+ 1, as: UInt8.self)
        at.storeBytes(of: UInt8(ascii: ":"), toByteOffset: bytes.count &+ 2, as: UInt8.self)
    }

    @usableFromInline @inline(never)
    static func appendEscapedKey(
        _ bytes: UnsafeRawBufferPointer,
        behindComma: Bool,
        to sink: UnsafeMutablePointer<ByteSink>
    ) {
        if behindComma { sink.pointee.append(UInt8(ascii: ",")) }
        appendEscaped(bytes, to: sink)
        sink.pointee.append(UInt8(ascii: ":"))
    }

    /// A quoted string: `"`, `\` and control characters escaped, everything else as it is.
    @usableFromInline
    static func appendString(
        _ bytes: UnsafeRawBufferPointer,
        to sink: UnsafeMutablePointer<ByteSink>
    ) {
        guard !bytes.hasEscapes else { return appendEscaped(bytes, to: sink) }
        let at = sink.pointee.reserve(bytes.count &+ 2)
        at.storeBytes(of: UInt8(ascii: "\""), as: UInt8.self)
        if let from = bytes.baseAddress { (at + 1).copyBytes(from: from, count: bytes.count) }
        at.storeBytes(of: UInt8(ascii: "\""), toByteOffset: bytes.count &+ 1, as: UInt8.self)
    }

    @inline(never)
    private static func appendEscaped(
        _ bytes: UnsafeRawBufferPointer,
        to sink: UnsafeMutablePointer<ByteSink>
    ) {
        sink.pointee.append(UInt8(ascii: "\""))
        var start = 0
        for index in 0..<bytes.count {
            let byte = bytes[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else {
                continue
            }
            sink.pointee.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start..<index]))
            appendEscape(byte, to: sink)
            start = index + 1
        }
        sink.pointee.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start...]))
        sink.pointee.append(UInt8(ascii: "\""))
    }

    private static func appendEscape(_ byte: UInt8, to sink: UnsafeMutablePointer<ByteSink>) {
        sink.pointee.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): sink.pointee.append(byte)
        case 0x08: sink.pointee.append(UInt8(ascii: "b"))
        case 0x09: sink.pointee.append(UInt8(ascii: "t"))
        case 0x0a: sink.pointee.append(UInt8(ascii: "n"))
        case 0x0c: sink.pointee.append(UInt8(ascii: "f"))
        case 0x0d: sink.pointee.append(UInt8(ascii: "r"))
        default:
            sink.pointee.append(utf8: "u00")
            sink.pointee.append(hexDigit(byte >> 4))
            sink.pointee.append(hexDigit(byte & 15))
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    /// A parsed value without blanks, its numbers as they were written. The recursion is as deep as
    /// the document, which the parser bounds to 1,024.
    static func appendValue(_ value: JSONNode, to sink: UnsafeMutablePointer<ByteSink>) {
        switch value.kind {
        case .null: sink.pointee.append(utf8: "null")
        case .bool: sink.pointee.append(utf8: value.bool == true ? "true" : "false")
        case .string: appendString(value.stringBytes, to: sink)
        case .number: sink.pointee.append(contentsOf: value.numberText)
        case .array:
            var separator = UInt8(ascii: "[")
            value.forEachElement { element in
                sink.pointee.append(separator)
                appendValue(element, to: sink)
                separator = UInt8(ascii: ",")
            }
            if separator == UInt8(ascii: "[") { sink.pointee.append(separator) }
            sink.pointee.append(UInt8(ascii: "]"))
        case .object:
            var separator = UInt8(ascii: "{")
            JSONMembers(value).forEach { key, member in
                sink.pointee.append(separator)
                appendString(key, to: sink)
                sink.pointee.append(UInt8(ascii: ":"))
                appendValue(member, to: sink)
                separator = UInt8(ascii: ",")
            }
            if separator == UInt8(ascii: "{") { sink.pointee.append(separator) }
            sink.pointee.append(UInt8(ascii: "}"))
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether a byte has to be escaped in a JSON string: a control character, `"` or `\`.
    ///
    /// Eight bytes at a time: of x, `(x - n·0x01…) & ~x & 0x80…` is not 0 if a byte is below n.
    @inlinable @inline(__always)
    var hasEscapes: Bool {
        guard let base = baseAddress else { return false }
        guard count >= 8 else { return Self.flags(Self.shortWord(base, count)) != 0 }
        var found: UInt64 = 0
        var index = 0
        while index &+ 8 < count {
            found |= Self.flags(base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index &+= 8
        }
        // The last 8 bytes, which may overlap what was looked at.
        found |= Self.flags(base.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self))
        return found != 0
    }

    @inlinable @inline(__always)
    static func flags(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quotes = word ^ (ones &* 0x22)
        let slashes = word ^ (ones &* 0x5c)
        let found =
            (word &- ones &* 0x20) & ~word | (quotes &- ones) & ~quotes
            | (slashes &- ones) & ~slashes
        return found & (ones &* 0x80)
    }

    /// Less than 8 bytes as a word, some of them twice, with blanks for those that lack.
    @inlinable @inline(__always)
    static func shortWord(_ base: UnsafeRawPointer, _ count: Int) -> UInt64 {
        if count >= 4 {
            let first = base.loadUnaligned(as: UInt32.self)
            let last = base.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
            return UInt64(first) | UInt64(last) &<< 32
        }
        var word: UInt64 = 0x2020_2020_2020_2020
        for index in 0..<count {
            word = word &<< 8 | UInt64(base.load(fromByteOffset: index, as: UInt8.self))
        }
        return word
    }
}

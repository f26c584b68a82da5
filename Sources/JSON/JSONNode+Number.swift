import CSimdJSON

/// Numbers. A number is read as any number type that holds it: integers exactly, whatever their
/// notation, floating point as its nearest value.
///
/// The tape has 64-bit integers as they are. Of all others it has the nearest double; where their
/// digits matter, the text is asked.
extension JSONNode {
    /// The number as an integer, nil where it has a fraction or does not fit.
    @inlinable @inline(__always)
    var int64: Int64? {
        if tag == Tag.int64 { return Int64(bitPattern: numberWord) }
        return tag == Tag.double ? exactInteger() : nil
    }

    /// The number as an unsigned integer, nil where it has a fraction, is negative or too large.
    @inlinable @inline(__always)
    var uint64: UInt64? {
        switch tag {
        case Tag.uint64: numberWord
        case Tag.int64: UInt64(exactly: Int64(bitPattern: numberWord))
        case Tag.double: exactInteger()
        default: nil
        }
    }

    /// The number as the nearest double; nil for anything else, and beyond a double's range.
    @inlinable @inline(__always)
    var double: Double? {
        switch tag {
        case Tag.double:
            let number = Double(bitPattern: numberWord)
            return number.isFinite ? number : nil
        case Tag.int64: return Double(Int64(bitPattern: numberWord))
        case Tag.uint64: return Double(numberWord)
        default: return nil
        }
    }

    /// The number as the nearest float; nil for anything else, and beyond a float's range.
    var float: Float? {
        guard let number = double.map({ Float($0) }), number.isFinite else { return nil }
        return number
    }

    /// The number as an integer of any type, nil where it has a fraction or does not fit.
    func integer<Integer: FixedWidthInteger>(_ type: Integer.Type = Integer.self) -> Integer? {
        switch tag {
        case Tag.int64: Integer(exactly: Int64(bitPattern: numberWord))
        case Tag.uint64: Integer(exactly: numberWord)
        case Tag.double: exactInteger()
        default: nil
        }
    }

    /// An integer that is written with a fraction or an exponent, or does not fit 64 bits.
    @usableFromInline @inline(never)
    func exactInteger<Integer: FixedWidthInteger>() -> Integer? {
        guard let number = JSONNumber(numberText) else { return nil }
        return number.integer()
    }

    /// The number as it stands in the text.
    var numberText: UnsafeRawBufferPointer {
        assert(kind == .number)
        var count = 0
        let text = millrace_json_number_text(parser, index, &count)
        return UnsafeRawBufferPointer(start: text, count: count)
    }

    /// The number for an error's text, cut where it is long.
    var shownNumber: String {
        let text = numberText
        let shown = String(decoding: text.prefix(40), as: UTF8.self)
        return text.count > 40 ? "\(shown)…" : shown
    }
}

/// A number's digits, exactly: `significand` × 10^`exponent`, the significand without a zero at
/// its end.
struct JSONNumber {
    private var isNegative = false
    private var significand: UInt64 = 0
    private var exponent = 0

    /// An exponent beyond this is as good as infinite, for no text has as many digits.
    private static let exponentLimit = 1 << 40

    /// Nil where the significand needs more than 64 bits: no integer type of ours holds it.
    init?(_ text: UnsafeRawBufferPointer) {
        var zeros = 0
        var fractionDigits = 0
        var isFraction = false
        var index = 0
        loop: while index < text.count {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "."): isFraction = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"): break loop
            default:
                if isFraction { fractionDigits += 1 }
                if byte == UInt8(ascii: "0") {
                    zeros += 1
                } else {
                    guard append(byte - UInt8(ascii: "0"), afterZeros: zeros) else { return nil }
                    zeros = 0
                }
            }
            index += 1
        }
        exponent = zeros - fractionDigits + Self.exponent(of: text, from: index + 1)
    }

    /// The integer, nil where the number has a fraction or does not fit.
    func integer<Integer: FixedWidthInteger>() -> Integer? {
        var magnitude = significand
        if magnitude != 0 {
            guard exponent >= 0, exponent < 20 else { return nil }
            for _ in 0..<exponent {
                let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
                guard !overflow else { return nil }
                magnitude = product
            }
        }
        guard isNegative else { return Integer(exactly: magnitude) }
        // The most negative Int64 has no positive counterpart.
        if magnitude == Int64.min.magnitude { return Integer(exactly: Int64.min) }
        return Int64(exactly: magnitude).flatMap { Integer(exactly: -$0) }
    }

    /// Appends a digit and the zeros before it; false where the significand overflows.
    private mutating func append(_ digit: UInt8, afterZeros zeros: Int) -> Bool {
        if significand != 0 {
            guard zeros < 20 else { return false }
            for _ in 0...zeros {
                let (product, overflow) = significand.multipliedReportingOverflow(by: 10)
                guard !overflow else { return false }
                significand = product
            }
        }
        let (sum, overflow) = significand.addingReportingOverflow(UInt64(digit))
        significand = sum
        return !overflow
    }

    private static func exponent(of text: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard start < text.count else { return 0 }
        var exponent = 0
        var isNegative = false
        for byte in text[start...] {
            switch byte {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "+"): break
            default: exponent = min(exponent * 10 + Int(byte - UInt8(ascii: "0")), exponentLimit)
            }
        }
        return isNegative ? -exponent : exponent
    }
}

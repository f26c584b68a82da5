import Terminal

/// Bytes that an argument spells as kcat does: `\n`, `\r`, `\t`, `\0`, `\xHH`, and two backslashes
/// for one. A backslash that nothing follows is one, too.
struct EscapedText: Sendable, Equatable {
    let bytes: [UInt8]

    /// What help and errors say of it.
    static let known = #"\n, \r, \t, \0, \xHH or \\"#

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Nil where a backslash stands in front of something else.
    init?(_ text: String) {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let letter = rest.popFirst() else {
                bytes.append(byte)
                continue
            }
            guard let escaped = Self.byte(letter, &rest) else { return nil }
            bytes.append(escaped)
        }
        self.bytes = bytes
    }

    private static func byte(_ letter: UInt8, _ rest: inout ArraySlice<UInt8>) -> UInt8? {
        switch letter {
        case UInt8(ascii: "n"): return UInt8(ascii: "\n")
        case UInt8(ascii: "r"): return UInt8(ascii: "\r")
        case UInt8(ascii: "t"): return UInt8(ascii: "\t")
        case UInt8(ascii: "0"): return 0
        case UInt8(ascii: "\\"): return UInt8(ascii: "\\")
        case UInt8(ascii: "x"):
            let digits = [rest.popFirst(), rest.popFirst()].compactMap { $0.flatMap(digit) }
            return digits.count == 2 ? digits[0] << 4 | digits[1] : nil
        default: return nil
        }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension ValueKind where Value == EscapedText {
    /// A text with escapes.
    static func escapedText(_ placeholder: String) -> ValueKind {
        ValueKind(
            placeholder: placeholder,
            expectation: "a text, with a backslash only in \(EscapedText.known)"
        ) { EscapedText($0) }
    }

    /// One of a byte at least.
    static func nonemptyEscapedText(_ placeholder: String) -> ValueKind {
        ValueKind(
            placeholder: placeholder,
            expectation: "a text of at least one character, with a backslash only in "
                + EscapedText.known
        ) { text in EscapedText(text).flatMap { $0.bytes.isEmpty ? nil : $0 } }
    }
}

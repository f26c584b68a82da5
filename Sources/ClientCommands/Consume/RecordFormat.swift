import LogModel
import Terminal

/// How keys and values are printed.
enum ValueFormat: String, CaseIterable, Sendable {
    case utf8
    case int64
    case int32
    case double
    case hex
    case base64

    /// Whether `bytes` are such a value.
    func fits(_ bytes: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .int64, .double: bytes.count == 8
        case .int32: bytes.count == 4
        case .utf8, .hex, .base64: true
        }
    }

    /// Appends the text of `bytes`, which fit.
    func append(_ bytes: UnsafeRawBufferPointer, to output: inout BufferedOutput) {
        if self == .utf8 { output.append(bytes) } else { output.append(text(of: bytes)) }
    }

    /// The text of `bytes`, which fit.
    func text(of bytes: UnsafeRawBufferPointer) -> String {
        switch self {
        case .utf8: String(decoding: bytes, as: UTF8.self)
        case .int64: "\(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))"
        case .int32: "\(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))"
        case .double:
            "\(Double(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))))"
        case .hex: hexText(bytes)
        case .base64: Base64.text(bytes)
        }
    }
}

/// `%k\t%s\n`, read once: the letters of kcat, and `%v` for `%s`.
struct RecordFormat: Sendable, Equatable {
    enum Part: Sendable, Equatable {
        case text([UInt8])
        case topic
        case partition
        case offset
        case key
        case value
        case timestamp
        case headers
        case keyByteCount
        case valueByteCount
    }

    let parts: [Part]

    /// Reads a format; nil for a letter, or an escape, that means nothing.
    init?(_ format: String) {
        guard let format = EscapedText(format) else { return nil }
        var parts: [Part] = []
        var text: [UInt8] = []
        var rest = format.bytes[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                text.append(byte)
                continue
            }
            guard let letter = rest.popFirst() else { return nil }
            if letter == UInt8(ascii: "%") {
                text.append(letter)
                continue
            }
            guard let part = Self.part(letter) else { return nil }
            if !text.isEmpty { parts.append(.text(text)) }
            text = []
            parts.append(part)
        }
        if !text.isEmpty { parts.append(.text(text)) }
        self.parts = parts
    }

    private static func part(_ letter: UInt8) -> Part? {
        switch Character(UnicodeScalar(letter)) {
        case "t": .topic
        case "p": .partition
        case "o": .offset
        case "k": .key
        case "s", "v": .value
        case "T": .timestamp
        case "h": .headers
        case "K": .keyByteCount
        case "S": .valueByteCount
        default: nil
        }
    }

    static let kind = ValueKind<RecordFormat>(
        placeholder: "TEXT",
        expectation: "a text with the letters %t %p %o %k %s %T %h %K %S or %%, and with a "
            + "backslash only in \(EscapedText.known)"
    ) { RecordFormat($0) }
}

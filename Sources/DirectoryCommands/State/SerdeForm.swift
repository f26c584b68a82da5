import DirectoryAccess
import JSON
import LogModel
import Serdes
import Streams
import Telemetry
import Terminal

/// How bytes are read of which a store's format says what a serde wrote: by the serde's name, as
/// the serdes of Millrace have it. A name from elsewhere, and bytes that are not what the name
/// says, are shown in hexadecimal digits.
indirect enum SerdeForm: Equatable, Sendable {
    case utf8
    case int64
    case double
    case json
    /// That an id was seen.
    case seen
    /// The dead letter behind which the records of a key wait.
    case deadLetter
    case list(SerdeForm)
    case change(SerdeForm)
    /// A key in a window of this many milliseconds.
    case windowed(SerdeForm, size: Int64)
    case session(SerdeForm)
    /// One for the left, one for the right side.
    case either(SerdeForm, SerdeForm)
    case bytes

    init(_ name: String) {
        func rest(_ prefix: String) -> String? {
            name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
        }
        switch name {
        case "utf8": self = .utf8
        case "int64": self = .int64
        case "double": self = .double
        case "seen": self = .seen
        case "dead letter": self = .deadLetter
        default:
            if name.hasPrefix("json ") || name.hasPrefix("event ") {
                self = .json
            } else if let element = rest("list of ") {
                self = .list(SerdeForm(element))
            } else if let value = rest("change of ") {
                self = .change(SerdeForm(value))
            } else if let key = rest("session ") {
                self = .session(SerdeForm(key))
            } else if let form = rest("windowed ").flatMap(Self.windowed) {
                self = form
            } else if let form = Self.either(name) {
                self = form
            } else {
                self = .bytes
            }
        }
    }

    /// `utf8 of 60000 ms`.
    private static func windowed(_ text: String) -> SerdeForm? {
        let words = text.split(separator: " ")
        guard words.count >= 4, words.last == "ms", words[words.count - 3] == "of",
            let size = Int64(words[words.count - 2])
        else { return nil }
        return .windowed(SerdeForm(words.dropLast(3).joined(separator: " ")), size: size)
    }

    /// `int64 or json Order`, where it can only be cut at one place.
    private static func either(_ name: String) -> SerdeForm? {
        let sides = name.split(separator: " or ", omittingEmptySubsequences: false)
        guard sides.count == 2 else { return nil }
        return .either(SerdeForm(String(sides[0])), SerdeForm(String(sides[1])))
    }

    /// The form of one side of a join.
    func side(isLeft: Bool?) -> SerdeForm {
        guard case .either(let left, let right) = self, let isLeft else { return self }
        return isLeft ? left : right
    }

    // MARK: Showing

    /// The value as a person reads it: on one line.
    func text(_ bytes: UnsafeRawBufferPointer) -> String {
        switch self {
        case .utf8:
            guard let text = String(validating: bytes, as: UTF8.self) else { break }
            return Self.onOneLine(text)
        case .windowed(let key, _), .session(let key):
            guard let (plain, window) = windowedKey(bytes) else { break }
            return "\(key.text(plain)) \(utcText(window.start))/\(utcText(window.end))"
        case .seen, .deadLetter:
            return sentence(bytes) ?? Self.hex(bytes)
        case .int64, .double, .json, .list, .change, .either, .bytes:
            return shownJSON(bytes) ?? Self.hex(bytes)
        }
        return Self.hex(bytes)
    }

    /// The value as JSON.
    func json(_ bytes: UnsafeRawBufferPointer) -> String {
        shownJSON(bytes) ?? jsonString(Self.hex(bytes))
    }

    /// Nil for bytes that are not what the form says.
    private func shownJSON(_ bytes: UnsafeRawBufferPointer) -> String? {
        switch self {
        case .utf8: return String(validating: bytes, as: UTF8.self).map(jsonString)
        case .int64:
            guard bytes.count == 8 else { return nil }
            return "\(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))"
        case .double:
            guard bytes.count == 8 else { return nil }
            let bits = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
            let value = Double(bitPattern: bits)
            return value.isFinite ? "\(value)" : jsonString("\(value)")
        case .json: return Self.compact(bytes)
        case .seen, .deadLetter: return sentence(bytes).map(jsonString)
        case .list(let element): return Self.list(bytes, of: element)
        case .change(let value): return Self.change(bytes, of: value)
        case .windowed(let key, _), .session(let key):
            guard let (plain, window) = windowedKey(bytes) else { return nil }
            return "{\"key\":\(key.json(plain)),\"start\":\(jsonString(utcText(window.start))),"
                + "\"end\":\(jsonString(utcText(window.end)))}"
        case .either, .bytes: return nil
        }
    }

    /// What the engine's own values say.
    private func sentence(_ bytes: UnsafeRawBufferPointer) -> String? {
        if self == .seen { return bytes.elementsEqual([1]) ? "seen" : nil }
        guard bytes.count >= 8,
            let topic = String(validating: bytes.dropFirst(8), as: UTF8.self)
        else { return nil }
        let offset = Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
        return "dead letter at offset \(offset) of \(Self.onOneLine(topic))"
    }

    private func windowedKey(
        _ bytes: UnsafeRawBufferPointer
    ) -> (key: UnsafeRawBufferPointer, window: (start: Timestamp, end: Timestamp))? {
        func time(_ offset: Int) -> Timestamp {
            Timestamp(Int64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int64.self)))
        }
        let suffix: Int
        if case .windowed = self { suffix = 8 } else { suffix = 16 }
        let cut = bytes.count - suffix
        guard cut >= 0 else { return nil }
        let key = UnsafeRawBufferPointer(rebasing: bytes[..<cut])
        if case .windowed(_, let size) = self {
            return (key, (time(cut), time(cut).advanced(byMilliseconds: size)))
        }
        // A session's end stands before its start.
        return (key, (time(cut + 8), time(cut)))
    }

    /// Without blanks and line ends between the words; nil for what is no JSON.
    private static func compact(_ bytes: UnsafeRawBufferPointer) -> String? {
        do {
            let document = try JSONDocument(parsing: bytes)
            var sink = ByteSink()
            document.withRoot { $0.writeText(into: &sink) }
            return String(validating: sink.bytes, as: UTF8.self)
        } catch {
            // Shown as bytes: whose serde has that name is not known for sure.
            return nil
        }
    }

    private static func list(_ bytes: UnsafeRawBufferPointer, of element: SerdeForm) -> String? {
        guard let parts = try? ListSerde(of: .bytes).decode(bytes) else { return nil }
        return "[" + parts.map { $0.withUnsafeBytes(element.json) }.joined(separator: ",") + "]"
    }

    private static func change(_ bytes: UnsafeRawBufferPointer, of value: SerdeForm) -> String? {
        var rest = bytes
        guard let new = takePart(&rest), let old = takePart(&rest), rest.isEmpty else { return nil }
        func shown(_ part: UnsafeRawBufferPointer?) -> String { part.map(value.json) ?? "null" }
        return "{\"new\":\(shown(new)),\"old\":\(shown(old))}"
    }

    /// A length and as many bytes; none for a length of -1.
    private static func takePart(
        _ bytes: inout UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer?? {
        guard bytes.count >= 4 else { return nil }
        let length = Int(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
        let rest = UnsafeRawBufferPointer(rebasing: bytes[4...])
        guard length >= 0 else {
            bytes = rest
            return .some(nil)
        }
        guard length <= rest.count else { return nil }
        bytes = UnsafeRawBufferPointer(rebasing: rest[length...])
        return UnsafeRawBufferPointer(rebasing: rest[..<length])
    }

    private static func hex(_ bytes: UnsafeRawBufferPointer) -> String { "0x" + hexText(bytes) }

    /// Line ends, tabs and other control characters as a source of Swift has them.
    private static func onOneLine(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0x5C }) else {
            return text
        }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case "\u{0}"..."\u{1F}", "\u{7F}":
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

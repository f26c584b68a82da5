import Telemetry
import Terminal

/// Bytes from outside as text for a terminal: no control character reaches it.
enum LetterText {
    /// At most `limit` characters; what is no text in hexadecimal digits.
    static func shown(_ bytes: UnsafeRawBufferPointer, limit: Int) -> String {
        // A character takes four bytes at most, and a cut one is not whole.
        let head = UnsafeRawBufferPointer(rebasing: bytes.prefix(limit * 4))
        let isCut = head.count < bytes.count
        let text =
            isCut
            ? String(decoding: head, as: UTF8.self) : String(validating: head, as: UTF8.self)
        guard let text else {
            let digits = UnsafeRawBufferPointer(rebasing: bytes.prefix(limit / 2))
            return "0x" + hexText(digits) + (digits.count < bytes.count ? "…" : "")
        }
        return shown(text, limit: limit)
    }

    /// The same where null may stand as well: a text that reads like it is quoted.
    static func shown(orNull bytes: UnsafeRawBufferPointer?, limit: Int) -> String {
        guard let bytes else { return "null" }
        let text = shown(bytes, limit: limit)
        return text.filter { $0 != "\"" } == "null" ? "\"\(text)\"" : text
    }

    /// At most `limit` characters of a text.
    static func shown(_ text: String, limit: Int) -> String {
        var result = ""
        for (index, scalar) in text.unicodeScalars.enumerated() {
            guard index < limit else { return result + "…" }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// A member of a JSON object: a text as it is; other bytes in hexadecimal digits, under a name
    /// that says so.
    static func json(_ name: String, _ bytes: UnsafeRawBufferPointer?) -> String {
        guard let bytes else { return "\"\(name)\":null" }
        if let text = String(validating: bytes, as: UTF8.self) {
            return "\"\(name)\":\(jsonString(text))"
        }
        return "\"\(name)_hex\":\"\(hexText(bytes))\""
    }
}

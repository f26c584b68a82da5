/// Reads one JSON value from UTF-8 text.
struct JSONParser {
    private let text: ArraySlice<UInt8>
    private var position: Int

    /// The value that `text` consists of.
    static func parse(_ text: ArraySlice<UInt8>) throws(GoldenError) -> JSON {
        var parser = JSONParser(text: text, position: text.startIndex)
        let value = try parser.parseValue()
        parser.skipSpace()
        guard parser.position == text.endIndex else {
            throw parser.failure("text behind the value")
        }
        return value
    }

    private init(text: ArraySlice<UInt8>, position: Int) {
        self.text = text
        self.position = position
    }

    private mutating func parseValue() throws(GoldenError) -> JSON {
        skipSpace()
        guard let first = peek() else { throw failure("no value") }
        switch first {
        case UInt8(ascii: "{"): return try parseObject()
        case UInt8(ascii: "["): return try parseArray()
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try parseWord("true", .boolean(true))
        case UInt8(ascii: "f"): return try parseWord("false", .boolean(false))
        case UInt8(ascii: "n"): return try parseWord("null", .null)
        default: return try parseNumber()
        }
    }

    private mutating func parseObject() throws(GoldenError) -> JSON {
        position += 1
        var members: [String: JSON] = [:]
        if skip(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            let name = try parseString()
            guard skip(UInt8(ascii: ":")) else { throw failure("no colon") }
            members[name] = try parseValue()
        } while skip(UInt8(ascii: ","))
        guard skip(UInt8(ascii: "}")) else { throw failure("an object without an end") }
        return .object(members)
    }

    private mutating func parseArray() throws(GoldenError) -> JSON {
        position += 1
        var values: [JSON] = []
        if skip(UInt8(ascii: "]")) { return .array(values) }
        repeat { values.append(try parseValue()) } while skip(UInt8(ascii: ","))
        guard skip(UInt8(ascii: "]")) else { throw failure("an array without an end") }
        return .array(values)
    }

    private mutating func parseWord(_ word: String, _ value: JSON) throws(GoldenError) -> JSON {
        guard text[position...].starts(with: word.utf8) else { throw failure("no value") }
        position += word.utf8.count
        return value
    }

    private mutating func parseNumber() throws(GoldenError) -> JSON {
        let start = position
        while let byte = peek(), "+-.eE0123456789".utf8.contains(byte) { position += 1 }
        let number = String(decoding: text[start..<position], as: UTF8.self)
        if let integer = Int64(number), number != "-0" { return .integer(integer) }
        guard let double = Double(number) else { throw failure("no number") }
        return .double(double)
    }

    private mutating func parseString() throws(GoldenError) -> String {
        guard peek() == UInt8(ascii: "\"") else { throw failure("no string") }
        position += 1
        var units: [UInt8] = []
        while let byte = peek(), byte != UInt8(ascii: "\"") {
            position += 1
            if byte == UInt8(ascii: "\\") {
                try parseEscape(into: &units)
            } else {
                units.append(byte)
            }
        }
        guard peek() != nil else { throw failure("a string without an end") }
        position += 1
        return String(decoding: units, as: UTF8.self)
    }

    private mutating func parseEscape(into units: inout [UInt8]) throws(GoldenError) {
        guard let byte = peek() else { throw failure("a cut escape") }
        position += 1
        switch byte {
        case UInt8(ascii: "n"): units.append(10)
        case UInt8(ascii: "r"): units.append(13)
        case UInt8(ascii: "t"): units.append(9)
        case UInt8(ascii: "b"): units.append(8)
        case UInt8(ascii: "f"): units.append(12)
        case UInt8(ascii: "u"):
            var code = UInt32(try parseFourDigits())
            if code & 0xfc00 == 0xd800, text[position...].starts(with: "\\u".utf8) {
                position += 2
                code = 0x10000 + (code - 0xd800) << 10 + (UInt32(try parseFourDigits()) - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half a character") }
            units.append(contentsOf: Array(String(scalar).utf8))
        default: units.append(byte)
        }
    }

    private mutating func parseFourDigits() throws(GoldenError) -> UInt16 {
        guard text.endIndex - position >= 4 else { throw failure("a cut escape") }
        let digits = String(decoding: text[position..<position + 4], as: UTF8.self)
        position += 4
        guard let value = UInt16(digits, radix: 16) else { throw failure("no digits") }
        return value
    }

    private func peek() -> UInt8? { position < text.endIndex ? text[position] : nil }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 32 || byte == 9 || byte == 10 || byte == 13 {
            position += 1
        }
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
        skipSpace()
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    private func failure(_ reason: String) -> GoldenError {
        .malformedJSON("\(reason) at byte \(position - text.startIndex)")
    }
}

/// Finds what is wrong with a text that the parser refused, for the parser does not say where.
struct JSONSyntax {
    /// What the grammar needs next, as an error names it.
    private enum Expected: String {
        case value = "a value"
        case elementOrEnd = "a value or ]"
        case keyOrEnd = "a key or }"
        case key = "a key"
        case colon = "a colon"
        case commaOrBracket = "a comma or ]"
        case commaOrBrace = "a comma or }"
        case end = "nothing more"
    }

    private struct Fault: Error {
        let byte: Int
        let reason: String
    }

    /// The parser's bound.
    private static let depthLimit = 1_024

    private let text: UnsafeRawBufferPointer
    private var index = 0
    private var expected = Expected.value
    /// The open containers: whether each is an object.
    private var open: [Bool] = []

    private init(_ text: UnsafeRawBufferPointer) { self.text = text }

    /// Where the text is no JSON and why; nil where this check finds nothing.
    static func fault(in text: UnsafeRawBufferPointer) -> String? {
        var syntax = JSONSyntax(text)
        do { try syntax.check() } catch { return "byte \(error.byte): \(error.reason)" }
        return nil
    }

    private mutating func check() throws(Fault) {
        while true {
            skipBlanks()
            guard index < text.count else {
                if expected == .end { return }
                throw fault("the text ends, where \(expected.rawValue) is needed")
            }
            try step(text[index])
        }
    }

    /// Goes over the value or the mark that begins with `byte`.
    private mutating func step(_ byte: UInt8) throws(Fault) {
        switch (expected, byte) {
        case (.elementOrEnd, UInt8(ascii: "]")), (.commaOrBracket, UInt8(ascii: "]")),
            (.keyOrEnd, UInt8(ascii: "}")), (.commaOrBrace, UInt8(ascii: "}")):
            open.removeLast()
            index += 1
            endValue()
        case (.value, _), (.elementOrEnd, _): try value(byte)
        case (.key, UInt8(ascii: "\"")), (.keyOrEnd, UInt8(ascii: "\"")):
            try string()
            expected = .colon
        case (.colon, UInt8(ascii: ":")), (.commaOrBracket, UInt8(ascii: ",")):
            index += 1
            expected = .value
        case (.commaOrBrace, UInt8(ascii: ",")):
            index += 1
            expected = .key
        default: throw fault("\(shown(byte)), where \(expected.rawValue) is needed")
        }
    }

    private mutating func value(_ byte: UInt8) throws(Fault) {
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard open.count < Self.depthLimit else {
                throw fault("more than \(Self.depthLimit) levels of nesting")
            }
            let isObject = byte == UInt8(ascii: "{")
            open.append(isObject)
            expected = isObject ? .keyOrEnd : .elementOrEnd
            index += 1
            return
        case UInt8(ascii: "\""): try string()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
        default: throw fault("\(shown(byte)), where \(expected.rawValue) is needed")
        }
        endValue()
    }

    private mutating func endValue() {
        guard let isObject = open.last else {
            expected = .end
            return
        }
        expected = isObject ? .commaOrBrace : .commaOrBracket
    }

    private mutating func word(_ word: StaticString) throws(Fault) {
        let start = index
        while index < text.count, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(text[index]) {
            index += 1
        }
        guard text[start..<index].elementsEqual("\(word)".utf8) else {
            throw fault("a word that is none of true, false and null", at: start)
        }
    }

    /// A number by JSON's grammar.
    private mutating func number() throws(Fault) {
        let start = index
        if text[index] == UInt8(ascii: "-") { index += 1 }
        let whole = digits()
        var isValid = whole == 1 || (whole > 1 && text[index - whole] != UInt8(ascii: "0"))
        if index < text.count, text[index] == UInt8(ascii: ".") {
            index += 1
            isValid = digits() > 0 && isValid
        }
        if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if index < text.count,
                text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-")
            {
                index += 1
            }
            isValid = digits() > 0 && isValid
        }
        guard isValid else { throw fault("a number that JSON does not allow", at: start) }
    }

    /// Goes over digits and counts them.
    private mutating func digits() -> Int {
        let start = index
        while index < text.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[index]) {
            index += 1
        }
        return index - start
    }

    private mutating func string() throws(Fault) {
        let start = index
        index += 1
        while index < text.count, text[index] != UInt8(ascii: "\"") {
            guard text[index] >= 0x20 else {
                throw fault("\(shown(text[index])) within a string, which needs an escape")
            }
            if text[index] == UInt8(ascii: "\\") { try escape() } else { index += 1 }
        }
        guard index < text.count else {
            throw fault("the text ends within the string that begins at byte \(start)")
        }
        index += 1
        let bytes = UnsafeRawBufferPointer(rebasing: text[start..<index])
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw fault("a string that is not UTF-8", at: start)
        }
    }

    private mutating func escape() throws(Fault) {
        guard index + 1 < text.count else { throw fault("the text ends within an escape") }
        let digits = text[index...].dropFirst(2).prefix(4)
        switch text[index + 1] {
        case UInt8(ascii: "u"):
            let isHexadecimal = digits.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
            guard digits.count == 4, isHexadecimal else {
                throw fault("an escape \\u without four hexadecimal digits")
            }
            try surrogates()
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            index += 2
        default: throw fault("an escape that JSON does not have")
        }
    }

    /// Goes over an escape of four digits, and over the second one where both are one character.
    private mutating func surrogates() throws(Fault) {
        let lead = codeUnit(at: index)
        guard let lead, UTF16.isLeadSurrogate(lead) || UTF16.isTrailSurrogate(lead) else {
            index += 6
            return
        }
        let trail = UTF16.isLeadSurrogate(lead) ? codeUnit(at: index + 6) : nil
        guard let trail, UTF16.isTrailSurrogate(trail) else {
            throw fault("half of a surrogate pair, which is no character by itself")
        }
        index += 12
    }

    /// What an escape `\u` with four hexadecimal digits stands for; nil where there is none.
    private func codeUnit(at start: Int) -> UInt16? {
        guard text[start...].prefix(2).elementsEqual("\\u".utf8) else { return nil }
        let digits = text[start...].dropFirst(2).prefix(4)
        guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit })
        else { return nil }
        return UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    private mutating func skipBlanks() {
        while index < text.count, [0x20, 0x09, 0x0a, 0x0d].contains(text[index]) { index += 1 }
    }

    private func fault(_ reason: String, at byte: Int? = nil) -> Fault {
        Fault(byte: byte ?? index, reason: reason)
    }

    private func shown(_ byte: UInt8) -> String {
        (0x21...0x7e).contains(byte)
            ? "'\(Character(Unicode.Scalar(byte)))'" : "0x\(String(byte, radix: 16))"
    }
}

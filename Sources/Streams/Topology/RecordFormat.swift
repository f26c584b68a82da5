public import Serdes

/// What the entries of a store are in bytes, or the records of a repartition topic: what has to
/// stay the same for a changed job to read what it wrote before.
public struct RecordFormat: Hashable, Codable, Sendable {
    /// How keys are laid out around what the job's serde writes.
    public let layout: String
    /// What the job's serde writes for a key.
    public let key: String
    /// What it writes for a value.
    public let value: String
    /// The length of windows of which only the start is stored, in milliseconds.
    public let windowSize: Int64?

    /// A format in words.
    @usableFromInline
    package init(_ layout: String, key: String, value: String, windowSize: Int64? = nil) {
        self.layout = layout
        self.key = key
        self.value = value
        self.windowSize = windowSize
    }

    /// The format that two serdes make.
    @inlinable
    public init<KeySerde: Serde, ValueSerde: Serde>(
        _ layout: String,
        _ key: KeySerde,
        _ value: ValueSerde,
        windowSize: Int64? = nil
    ) {
        self.init(layout, key: key.formatName, value: value.formatName, windowSize: windowSize)
    }

    /// One word, without blanks, that a topic keeps as an option:
    /// `window;utf8;json%20Revenue;60000`.
    public var word: String {
        ([layout, key, value].map(Self.escaped) + (windowSize.map { ["\($0)"] } ?? []))
            .joined(separator: ";")
    }

    /// The format of a word; nil for one that is none.
    public init?(word: String) {
        let parts = word.split(separator: ";", omittingEmptySubsequences: false)
        guard parts.count == 3 || parts.count == 4 else { return nil }
        var size: Int64?
        if parts.count == 4 {
            guard let number = Int64(parts[3]) else { return nil }
            size = number
        }
        var texts: [String] = []
        for part in parts[..<3] {
            guard let text = Self.unescaped(part) else { return nil }
            texts.append(text)
        }
        self.init(texts[0], key: texts[1], value: texts[2], windowSize: size)
    }

    /// The layout of what a join of two streams keeps. Words of before have no length of spans.
    @usableFromInline static let joinedBySpan = "joined by span"

    /// Whether records of the format that a word stands for may be of this one.
    package func isTaken(fromWord word: String) -> Bool {
        if word == self.word { return true }
        let unsized = RecordFormat(layout, key: key, value: value)
        return layout == Self.joinedBySpan && word == unsized.word
    }

    /// How this format differs from the one that a word stands for, for people: `its values were
    /// int64 and are now double`.
    public func differences(fromWord word: String) -> String {
        guard let old = RecordFormat(word: word) else {
            return "its entries were of the form \(word) and are now of the form \(self.word)"
        }
        var parts: [String] = []
        func compare(_ what: String, _ old: String, _ new: String) {
            if old != new { parts.append("\(what) \(old) and are now \(new)") }
        }
        compare("its entries were", old.kind, kind)
        compare("its keys were", old.key, key)
        compare("its values were", old.value, value)
        if layout != Self.joinedBySpan || old.windowSize != nil {
            compare("its windows were", Self.spelled(old.windowSize), Self.spelled(windowSize))
        }
        return parts.joined(separator: ", ")
    }

    private static func spelled(_ size: Int64?) -> String {
        size.map { "\($0) ms long" } ?? "of no fixed length"
    }

    /// Bytes that a word may not have are a percent sign and two hexadecimal digits, as in a URL.
    private static func escaped(_ text: String) -> String {
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0...0x20, 0x7F, UInt8(ascii: "%"), UInt8(ascii: ";"):
                let digits = String(byte, radix: 16, uppercase: true)
                result += Array(("%" + (digits.utf8.count < 2 ? "0" : "") + digits).utf8)
            default: result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func unescaped(_ text: Substring) -> String? {
        var result: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                result.append(byte)
                continue
            }
            let digits = String(Substring(rest.prefix(2)))
            guard digits.utf8.count == 2, let value = UInt8(digits, radix: 16) else { return nil }
            result.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: result, as: UTF8.self)
    }
}

extension RecordFormat {
    /// The layout in words: `key-value`.
    package var kind: String {
        var words = ""
        for character in layout {
            if character.isUppercase { words += "-" }
            words += character.lowercased()
        }
        return words
    }
}

extension RecordFormat: CustomStringConvertible {
    /// `key-value, key utf8, value int64`.
    public var description: String {
        "\(kind), key \(key), value \(value)"
            + (windowSize.map { ", windows of \($0) ms" } ?? "")
    }
}

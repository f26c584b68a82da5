import LogModel
import Streams
import Terminal

/// Which keys of a store are wanted, told in words of the keys' form.
struct KeyChoice {
    private let form: SerdeForm
    /// By the keys' bytes, in the order in which the form's values are.
    private let low: [UInt8]
    private let high: [UInt8]?

    /// Every key.
    static func everything(of store: StoredStore) -> KeyChoice {
        KeyChoice(form: store.keyForm, low: [], high: nil)
    }

    /// One key, in each way in which the word can be read; the first that a store has is meant.
    static func one(_ word: String, _ form: SerdeForm) throws(UsageError) -> [KeyChoice] {
        try form.readings(word, of: "KEY").map { key in
            KeyChoice(form: form, low: form.ordered(key), high: form.ordered(key) + [0])
        }
    }

    /// From a key on, up to another, or all that begin alike. `isText` says whether a store has a
    /// key that begins with a word's very text, of one that can be read as bytes too.
    static func range(
        from: String?,
        to: String?,
        prefix: String?,
        _ form: SerdeForm,
        isText: (KeyChoice) throws -> Bool
    ) throws -> KeyChoice {
        func key(_ word: String, _ option: String) throws -> [UInt8] {
            let readings = try form.readings(word, of: option)
            guard readings.count > 1 else { return readings[0] }
            return try isText(beginning(with: readings[0], form)) ? readings[0] : readings[1]
        }
        if let prefix {
            guard from == nil, to == nil else {
                throw UsageError("give either --prefix or --from and --to")
            }
            guard form.isInByteOrder else {
                throw UsageError("--prefix is for keys that are text: a number has none")
            }
            return beginning(with: try key(prefix, "--prefix"), form)
        }
        var low: [UInt8] = []
        var high: [UInt8]?
        if let from { low = form.ordered(try key(from, "--from")) }
        if let to { high = form.ordered(try key(to, "--to")) }
        return KeyChoice(form: form, low: low, high: high)
    }

    private static func beginning(with prefix: [UInt8], _ form: SerdeForm) -> KeyChoice {
        KeyChoice(form: form, low: prefix, high: behindAll(prefix))
    }

    /// The first bytes behind all that begin like these; nil where there are none.
    private static func behindAll(_ prefix: [UInt8]) -> [UInt8]? {
        guard let last = prefix.lastIndex(where: { $0 < 255 }) else { return nil }
        var bytes = Array(prefix[...last])
        bytes[last] += 1
        return bytes
    }

    /// Whether a key is among them.
    func contains(_ key: [UInt8]) -> Bool {
        let place = form.ordered(key)
        guard !place.lexicographicallyPrecedes(low) else { return false }
        return high.map { place.lexicographicallyPrecedes($0) } ?? true
    }

    /// Where their entries lie in a store.
    func ranges(in layout: StoreLayout) -> [StoreKeyRange] {
        guard form.isInByteOrder else { return layout.ranges(from: [], to: nil) }
        return layout.ranges(from: low, to: high)
    }
}

extension SerdeForm {
    /// Whether the order of the bytes is that of the values.
    var isInByteOrder: Bool { self != .int64 && self != .double }

    /// The bytes of a key that a person wrote, in each way in which the word can be read, of which
    /// there is one at least: text as it is, a number as such, of every other form the bytes in
    /// hexadecimal digits, with 0x in front where they are not JSON. Bytes that are not what the
    /// form says are shown as such digits, and taken as such.
    fileprivate func readings(
        _ word: String,
        of option: String
    ) throws(UsageError) -> [[UInt8]] {
        let strange = strangeBytes(word)
        switch self {
        case .utf8: return [Array(word.utf8)] + (strange.map { [$0] } ?? [])
        case .int64:
            if let strange { return [strange] }
            guard let value = Int64(word) else {
                throw UsageError("\(option) takes a whole number, as the store's keys are int64")
            }
            return [withUnsafeBytes(of: value.bigEndian) { Array($0) }]
        case .double:
            if let strange { return [strange] }
            guard let value = Double(word) else {
                throw UsageError("\(option) takes a number, as the store's keys are double")
            }
            return [withUnsafeBytes(of: value.bitPattern.bigEndian) { Array($0) }]
        case .json:
            guard word.hasPrefix("0x") else { return [Array(word.utf8)] }
        case .seen, .deadLetter, .list, .change, .windowed, .session, .either, .bytes: break
        }
        guard let bytes = Self.parsed(hex: word.hasPrefix("0x") ? word.dropFirst(2) : word[...])
        else {
            throw UsageError(
                "\(option) takes the key's bytes in hexadecimal digits, such as 0x01ab: its serde "
                    + "is not known here"
            )
        }
        return [bytes]
    }

    /// The bytes of a word such as `0xff`, as a key is shown that is no text or no number; nil for
    /// every other word.
    private func strangeBytes(_ word: String) -> [UInt8]? {
        guard word.hasPrefix("0x"), let bytes = Self.parsed(hex: word.dropFirst(2)) else {
            return nil
        }
        switch self {
        case .utf8: return String(validating: bytes, as: UTF8.self) == nil ? bytes : nil
        case .int64, .double: return bytes.count == 8 ? nil : bytes
        case .json, .seen, .deadLetter, .list, .change, .windowed, .session, .either, .bytes:
            return nil
        }
    }

    private static func parsed(hex digits: Substring) -> [UInt8]? {
        guard digits.utf8.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        var rest = digits.utf8[...]
        while !rest.isEmpty {
            let pair = String(Substring(rest.prefix(2)))
            guard pair.utf8.allSatisfy({ $0 != 0x2B && $0 != 0x2D }),
                let byte = UInt8(pair, radix: 16)
            else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    /// A key's bytes so that their order is that of the values: of numbers below zero it is not.
    fileprivate func ordered(_ key: [UInt8]) -> [UInt8] {
        guard !isInByteOrder, let first = key.first else { return key }
        if self == .double, first & 0x80 != 0 { return key.map { ~$0 } }
        return [first ^ 0x80] + key.dropFirst()
    }
}

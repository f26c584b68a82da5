/// Base 64 as RFC 4648 has it in its fourth section, with padding, without line breaks.
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )

    private static let values: [UInt8: UInt32] = Dictionary(
        uniqueKeysWithValues: alphabet.enumerated().map { ($1, UInt32($0)) }
    )

    private static let padding = UInt8(ascii: "=")

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var rest = bytes[...]
        while !rest.isEmpty {
            let group = rest.prefix(3)
            rest = rest.dropFirst(3)
            var number: UInt32 = 0
            for byte in group { number = number << 8 | UInt32(byte) }
            number <<= 8 * UInt32(3 - group.count)
            for position in 0...3 {
                let isPadding = position > group.count
                let value = Int(number >> UInt32(18 - 6 * position) & 63)
                text.append(isPadding ? padding : alphabet[value])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil for what is no such text, or has bits that stand for nothing.
    static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        let significant = text.reversed().drop { $0 == padding }.reversed()
        let paddingCount = text.count - significant.count
        guard paddingCount <= 2 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var number: UInt32 = 0
        var bitCount: UInt32 = 0
        for character in significant {
            guard let value = values[character] else { return nil }
            number = number << 6 | value
            bitCount += 6
            guard bitCount >= 8 else { continue }
            bitCount -= 8
            bytes.append(UInt8(truncatingIfNeeded: number >> bitCount))
            number &= 1 << bitCount - 1
        }
        return number == 0 ? bytes : nil
    }
}

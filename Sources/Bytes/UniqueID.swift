/// A 128-bit identifier as Kafka has it, for topics and directories: 16 bytes, or 22 characters of
/// URL-safe base64.
public struct UniqueID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The first eight bytes, big-endian.
    public var high: UInt64
    /// The last eight bytes, big-endian.
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// All bits 0: no identifier.
    public static let zero = UniqueID(high: 0, low: 0)

    public static func < (left: UniqueID, right: UniqueID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
    )

    /// The 22 characters of URL-safe base64 without padding.
    public var description: String {
        let bits = (UInt128(high) << 64) | UInt128(low)
        var text: [UInt8] = []
        for index in 0..<21 {
            text.append(Self.alphabet[Int((bits >> (122 - 6 * index)) & 63)])
        }
        text.append(Self.alphabet[Int((bits & 3) << 4)])
        return String(decoding: text, as: UTF8.self)
    }

    /// The identifier that `text`, 22 characters of URL-safe base64, stands for; nil for others.
    public init?(_ text: some StringProtocol) {
        let characters = Array(text.utf8)
        guard characters.count == 22 else { return nil }
        var bits: UInt128 = 0
        for (index, character) in characters.enumerated() {
            guard let digit = Self.alphabet.firstIndex(of: character) else { return nil }
            if index < 21 {
                bits = (bits << 6) | UInt128(digit)
            } else {
                guard digit & 15 == 0 else { return nil }
                bits = (bits << 2) | UInt128(digit >> 4)
            }
        }
        self.init(high: UInt64(bits >> 64), low: UInt64(truncatingIfNeeded: bits))
    }
}

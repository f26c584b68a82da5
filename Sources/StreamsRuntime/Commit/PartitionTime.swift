package import LogModel

/// The time of an input partition as it is committed with the offset: so that a restart knows it,
/// and in the form of Kafka Streams, whose tools then show it.
///
///     base64 of   1 byte    version: 1
///                 8 bytes   the time, big-endian; -1 for none
package enum PartitionTime {
    private static let version: UInt8 = 1
    private static let byteCount = 9
    private static let digits = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )

    /// The text for a time; empty before the first record.
    package static func encode(_ time: Timestamp) -> String {
        guard time > .none else { return "" }
        var bytes = [version]
        withUnsafeBytes(of: time.rawValue.bigEndian) { bytes.append(contentsOf: $0) }
        var text: [UInt8] = []
        for index in stride(from: 0, to: byteCount, by: 3) {
            let group = bytes[index..<(index + 3)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            for shift in [18, 12, 6, 0] { text.append(digits[Int(group >> UInt32(shift) & 63)]) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The time of a text; `.none` for one that is not of this form, such as one that another
    /// program has committed.
    package static func decode(_ text: String) -> Timestamp {
        let text = Array(text.utf8)
        guard text.count == byteCount / 3 * 4 else { return .none }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: text.count, by: 4) {
            var group: UInt32 = 0
            for digit in text[index..<(index + 4)] {
                guard let value = digits.firstIndex(of: digit) else { return .none }
                group = group << 6 | UInt32(value)
            }
            for shift in [16, 8, 0] { bytes.append(UInt8(group >> UInt32(shift) & 255)) }
        }
        guard bytes[0] == version else { return .none }
        let bits = bytes[1...].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return max(.none, Timestamp(Int64(bitPattern: bits)))
    }
}

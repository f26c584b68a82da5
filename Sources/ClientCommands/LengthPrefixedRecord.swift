import LogModel

/// Key and value of a record as bytes with their lengths in front, for programs:
///
///     | key length | key | value length | value |
///
/// Both lengths have four bytes, big-endian; -1 is null, and has no bytes behind it.
enum LengthPrefixedRecord {
    /// Why bytes are no record.
    enum Refusal: Error, Equatable {
        /// A length that is less than -1.
        case length(Int32)
        /// Key and value have so many bytes, more than a record may have; where the key alone does,
        /// the value's are not known.
        case tooLong(Int)
    }

    private static let lengthByteCount = 4

    /// What it is, for a person.
    static let help =
        "Length-prefixed: the length of the key, in four bytes, big-endian, the key, and the same "
        + "of the value.\nA length of -1 is null. There is nothing between records."

    /// How many bytes the record has that `bytes` begin with, lengths included; nil where they end
    /// before that can be told.
    static func byteCount(
        of bytes: UnsafeRawBufferPointer,
        limit: Int
    ) throws(Refusal) -> Int? {
        var end = 0
        var total = 0
        for _ in 0..<2 {
            guard let length = length(in: bytes, at: end) else { return nil }
            guard length >= -1 else { throw .length(length) }
            let count = max(0, Int(length))
            total += count
            guard total <= limit else { throw .tooLong(total) }
            end += lengthByteCount + count
        }
        return end
    }

    /// Key and value of a whole record.
    static func parts(
        of record: UnsafeRawBufferPointer
    ) -> (key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?) {
        let key = part(of: record, at: 0)
        return (key, part(of: record, at: lengthByteCount + (key?.count ?? 0)))
    }

    /// The length in front of a key or value, as bytes.
    static func length(of part: UnsafeRawBufferPointer?) -> Int32 {
        Int32(clamping: part?.count ?? -1).bigEndian
    }

    private static func part(
        of record: UnsafeRawBufferPointer,
        at place: Int
    ) -> UnsafeRawBufferPointer? {
        guard let length = length(in: record, at: place), length >= 0 else { return nil }
        let start = place + lengthByteCount
        return UnsafeRawBufferPointer(rebasing: record[start..<(start + Int(length))])
    }

    private static func length(in bytes: UnsafeRawBufferPointer, at place: Int) -> Int32? {
        guard bytes.count - place >= lengthByteCount else { return nil }
        return Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: place, as: Int32.self))
    }
}

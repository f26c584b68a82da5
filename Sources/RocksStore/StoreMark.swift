import Bytes
import LogModel
import StateStores

/// What a store says of itself: up to where its values stand for which topic.
///
///      0  4  format: 2; 1 without the topic
///      4  8  changelog offset
///     12 16  the changelog's topic id; zero where nobody has said it
///     28  8  since when it is followed, in milliseconds
///     36  4  CRC-32C of what lies before
struct StoreMark: Equatable {
    var offset: Offset
    var changelog: FollowedChangelog?

    private static let format: UInt32 = 2
    private static let checkedByteCount = 36
    private static let formatWithoutTopic: UInt32 = 1
    private static let checkedByteCountWithoutTopic = 12

    init(offset: Offset, changelog: FollowedChangelog?) {
        self.offset = offset
        self.changelog = changelog
    }

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        func put(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
        }
        let id = changelog?.id ?? .zero
        put(Self.format)
        put(offset.rawValue)
        put(id.high)
        put(id.low)
        put(changelog?.since.rawValue ?? 0)
        put(bytes.withUnsafeBytes { crc32c($0) })
        return bytes
    }

    /// The mark in the bytes of a store.
    ///
    /// - Throws: `.newerFormat`; `.corrupt` for bytes that are no mark.
    init(_ bytes: UnsafeRawBufferPointer, of path: String) throws(StoreError) {
        guard bytes.count >= 4, let p = bytes.baseAddress else {
            throw StoreError(code: .corrupt, path: path, message: "the store's mark is cut")
        }
        let found: UInt32 = p.bigEndian(at: 0)
        guard found == Self.format || found == Self.formatWithoutTopic else {
            throw StoreError(
                code: .newerFormat,
                path: path,
                message: "the store has format \(found), this program reads up to \(Self.format)"
            )
        }
        let hasTopic = found == Self.format
        let checked = hasTopic ? Self.checkedByteCount : Self.checkedByteCountWithoutTopic
        guard bytes.count == checked + 4,
            p.bigEndian(UInt32.self, at: checked)
                == crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<checked]))
        else {
            throw StoreError(code: .corrupt, path: path, message: "the store's mark is damaged")
        }
        offset = Offset(p.bigEndian(at: 4))
        guard hasTopic else { return }
        let id = UniqueID(high: p.bigEndian(at: 12), low: p.bigEndian(at: 20))
        guard id != .zero else { return }
        changelog = FollowedChangelog(id: id, since: Timestamp(p.bigEndian(at: 28)))
    }
}

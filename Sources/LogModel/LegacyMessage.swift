package import Bytes
import CZlib

/// A message of the formats before record batches, magic 0 and 1, which a log may still hold.
/// They are read and never written to a log; produced ones are refused.
///
///     offset      8 bytes    of a compressed wrapper: its last message's
///     length      4 bytes
///     CRC-32      4 bytes    of all that follows
///     magic       1 byte
///     attributes  1 byte     bits 0-2 codec, bit 3 log append time (magic 1)
///     timestamp   8 bytes    magic 1 only
///     key, value  4 bytes length each (negative: null), content
///
/// A message with a codec is a wrapper: its value, decompressed, holds messages of the same magic,
/// with relative offsets in magic 1.
package struct LegacyMessage: Equatable, Sendable {
    package var offset: Offset
    package var magic: UInt8
    package var attributes: UInt8
    /// `.none` in magic 0.
    package var timestamp: Timestamp
    package var key: [UInt8]?
    package var value: [UInt8]?

    private static let checksumOffset = 12
    private static let magicOffset = 16

    package init(
        offset: Offset,
        magic: UInt8,
        attributes: UInt8,
        timestamp: Timestamp,
        key: [UInt8]?,
        value: [UInt8]?
    ) {
        self.offset = offset
        self.magic = magic
        self.attributes = attributes
        self.timestamp = timestamp
        self.key = key
        self.value = value
    }

    package var isLogAppendTime: Bool { magic == 1 && attributes & 0x08 != 0 }

    /// The codec of a wrapper; `.none` for a plain message. zstd came later than these formats.
    package func codec() throws(RecordBatchError) -> CompressionCodec {
        guard let codec = CompressionCodec(rawValue: attributes & 0x07), codec != .zstd else {
            throw .unknownCodec(attributes & 0x07)
        }
        return codec
    }

    /// Bytes of the whole message at the start of `bytes`; nil where it is cut or nothing is left.
    package static func byteCount(
        _ bytes: UnsafeRawBufferPointer
    ) throws(RecordBatchError) -> Int? {
        guard bytes.count > magicOffset, let base = bytes.baseAddress else { return nil }
        let length = base.bigEndian(Int32.self, at: RecordBatchLayout.length)
        guard length >= RecordBatchLayout.minimumLength else { throw .impossibleLength(length) }
        guard bytes[magicOffset] < 2 else { throw .unsupportedMagic(bytes[magicOffset]) }
        let byteCount = Int(length) + RecordBatchLayout.lengthPrefixByteCount
        return byteCount <= bytes.count ? byteCount : nil
    }

    /// The CRC-32 that a whole message carries.
    package static func storedChecksum(_ message: UnsafeRawBufferPointer) -> UInt32 {
        UInt32(bigEndian: message.loadUnaligned(fromByteOffset: checksumOffset, as: UInt32.self))
    }

    /// Refuses a whole message whose bytes are not those that were written.
    package static func verifyChecksum(
        _ message: UnsafeRawBufferPointer
    ) throws(RecordBatchError) {
        let stored = storedChecksum(message)
        let computed = Self.checksum(UnsafeRawBufferPointer(rebasing: message[magicOffset...]))
        guard stored == computed else {
            throw .checksumMismatch(stored: stored, computed: computed)
        }
    }

    /// The message that takes up all of `bytes`.
    package init(_ bytes: UnsafeRawBufferPointer) throws(RecordBatchError) {
        do throws(WireError) {
            var reader = ByteReader(bytes)
            offset = Offset(try reader.readInteger())
            _ = try reader.readSlice(Self.magicOffset - 8)
            magic = try reader.readInteger()
            attributes = try reader.readInteger()
            timestamp = magic == 0 ? .none : Timestamp(try reader.readInteger())
            key = try reader.readNullableBytes(isCompact: false)
            value = try reader.readNullableBytes(isCompact: false)
        } catch {
            throw .malformedRecord(index: 0)
        }
    }

    /// The messages that this one stands for: itself, or those in a wrapper with their absolute
    /// offsets and resolved timestamps.
    package func unwrapped(
        decompressor: inout RecordDecompressor,
        byteLimit: Int
    ) throws(RecordBatchError) -> [LegacyMessage] {
        let codec = try codec()
        guard codec != .none else { return [self] }
        guard let value else { throw .malformedRecord(index: 0) }
        var messages: [LegacyMessage] = []
        let result = value.withUnsafeBytes { block in
            Result { () throws(RecordBatchError) in
                let content = try decompressor.decompress(
                    block,
                    codec: codec,
                    byteLimit: byteLimit,
                    checksFrameHeader: magic > 0
                )
                messages = try Self.messages(in: content, magic: magic)
            }
        }
        try result.get()
        guard let last = messages.last else { throw .malformedRecord(index: 0) }
        let shift = magic == 0 ? 0 : offset.rawValue &- last.offset.rawValue
        for index in messages.indices {
            messages[index].offset = Offset(messages[index].offset.rawValue &+ shift)
            if isLogAppendTime { messages[index].timestamp = timestamp }
        }
        return messages
    }

    /// The messages that fill `content`, none of them a wrapper.
    private static func messages(
        in content: UnsafeRawBufferPointer,
        magic: UInt8
    ) throws(RecordBatchError) -> [LegacyMessage] {
        var messages: [LegacyMessage] = []
        var rest = content
        while let count = try byteCount(rest) {
            let bytes = UnsafeRawBufferPointer(rebasing: rest[..<count])
            try verifyChecksum(bytes)
            let message = try LegacyMessage(bytes)
            guard message.magic == magic, try message.codec() == .none else {
                throw .malformedRecord(index: Int32(messages.count))
            }
            messages.append(message)
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        guard rest.isEmpty else { throw .trailingBytes(rest.count) }
        return messages
    }

    /// The message in its format, checksum included.
    package func encoded() throws(WireError) -> [UInt8] {
        var body = ByteWriter()
        body.writeInteger(magic)
        body.writeInteger(attributes)
        if magic > 0 { body.writeInteger(timestamp.rawValue) }
        body.writeBytes(key, isCompact: false)
        body.writeBytes(value, isCompact: false)
        let content = try body.finish()
        var writer = ByteWriter()
        writer.writeInteger(offset.rawValue)
        writer.writeInteger(Int32(content.count + 4))
        writer.writeInteger(content.withUnsafeBytes { Self.checksum($0) })
        writer.writeRaw(content)
        return try writer.finish()
    }

    private static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        let source = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return UInt32(truncatingIfNeeded: crc32(0, source, UInt32(bytes.count)))
    }
}

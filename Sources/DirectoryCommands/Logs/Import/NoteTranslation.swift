import Bytes
import LogModel

/// Gives the notes about dead letters the id that the dead letters' topic has here. With that of
/// Kafka's they would be about another topic, and all dead letters open again. Ids are texts of one
/// length, so that nothing else of a record changes.
struct NoteTranslation {
    private let old: [UInt8]
    private let new: [UInt8]

    init(from old: UniqueID, to new: UniqueID) {
        self.old = Array(old.description.utf8)
        self.new = Array(new.description.utf8)
    }

    /// The batch with its notes translated and a checksum of its own, not compressed any more; nil
    /// where it has none that name the old id, or would be larger than a batch can be.
    func translated(
        _ batch: RecordBatchView,
        _ decompressor: inout RecordDecompressor
    ) throws(RecordBatchError) -> [UInt8]? {
        var bytes = Array(batch.bytes)
        let codec = try batch.codec()
        if codec != .none {
            let block = try decompressor.decompress(
                batch.recordBlock,
                codec: codec,
                byteLimit: BatchLimit.recordByteCount
            )
            bytes.removeLast(bytes.count - RecordBatchLayout.headerByteCount)
            bytes.append(contentsOf: block)
            guard bytes.count <= BatchLimit.byteCount else { return nil }
            Self.setUncompressed(&bytes)
        }
        let places = try places(in: bytes)
        guard !places.isEmpty else { return nil }
        for place in places { bytes.replaceSubrange(place..<(place + new.count), with: new) }
        Self.setChecksum(&bytes)
        return bytes
    }

    /// Where in a batch that is not compressed the old id stands in a note.
    private func places(in bytes: [UInt8]) throws(RecordBatchError) -> [Int] {
        let found: Result<[Int], RecordBatchError> = bytes.withUnsafeBytes { bytes in
            Result { () throws(RecordBatchError) in
                var places: [Int] = []
                var records = try RecordBatchView(bytes).records()
                while let record = try records.next() {
                    var headers = RecordHeaderIterator(record.headers)
                    while let header = headers.next() {
                        guard let value = header.value, value.elementsEqual(old),
                            header.key.elementsEqual(DeadLetterNoteName.topicID.utf8),
                            let start = bytes.baseAddress, let place = value.baseAddress
                        else { continue }
                        places.append(place - start)
                    }
                }
                return places
            }
        }
        return try found.get()
    }

    private static func setUncompressed(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { bytes in
            guard let p = bytes.baseAddress else { return }
            let length = Int32(bytes.count - RecordBatchLayout.lengthPrefixByteCount)
            p.storeBigEndian(length, at: RecordBatchLayout.length)
            let attributes = UnsafeRawPointer(p).bigEndian(
                UInt16.self,
                at: RecordBatchLayout.attributes
            )
            p.storeBigEndian(attributes & ~0x07, at: RecordBatchLayout.attributes)
        }
    }

    private static func setChecksum(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { bytes in
            let summed = UnsafeRawBufferPointer(
                rebasing: UnsafeRawBufferPointer(bytes)[RecordBatchLayout.attributes...]
            )
            bytes.baseAddress?.storeBigEndian(crc32c(summed), at: RecordBatchLayout.checksum)
        }
    }
}

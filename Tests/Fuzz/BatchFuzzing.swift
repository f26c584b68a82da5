import Bytes
import LogModel

/// What a client sends as records, and what a reader does with the same bytes. With a first byte
/// below 0x80 length and checksum are made right, so that what lies behind them is reached.
enum BatchFuzzing {
    private static let byteLimit = 1 << 20

    static func run(_ bytes: UnsafeRawBufferPointer) {
        guard let first = bytes.first else { return }
        var batch = Array(bytes.dropFirst())
        if first < 0x80 { seal(&batch) }
        batch.withUnsafeBytes { batch in
            var decompressor = RecordDecompressor()
            var rules = ProduceRules()
            rules.decompressedByteLimit = byteLimit
            do throws(ProduceRefusal) {
                _ = try ProduceValidator.validate(
                    batch,
                    rules: rules,
                    decompressor: &decompressor
                )
            } catch { precondition(error.code != .none, "a refusal without a code") }
            read(batch, &decompressor)
        }
    }

    private static func read(
        _ bytes: UnsafeRawBufferPointer,
        _ decompressor: inout RecordDecompressor
    ) {
        var read = 0
        do throws(RecordBatchError) {
            let batch = try RecordBatchView(bytes)
            try batch.verifyChecksum()
            var records = try decompressor.records(of: batch, byteLimit: byteLimit)
            while let record = try records.next() {
                read += 1
                var headers = RecordHeaderIterator(record.headers)
                while let header = headers.next() { read += header.key.count >> 31 }
            }
            precondition(read <= Int(batch.recordCount), "more records than there are")
        } catch { precondition(read <= byteLimit, "more records than bytes") }
    }

    private static func seal(_ batch: inout [UInt8]) {
        guard batch.count >= RecordBatchLayout.headerByteCount else { return }
        put(UInt32(batch.count - RecordBatchLayout.lengthPrefixByteCount), at: 8, in: &batch)
        batch[RecordBatchLayout.magic] = RecordBatchLayout.magicValue
        let checksum = batch[21...].withUnsafeBytes { crc32c($0) }
        put(checksum, at: 17, in: &batch)
    }

    private static func put(_ value: UInt32, at position: Int, in bytes: inout [UInt8]) {
        for index in 0..<4 {
            bytes[position + index] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * index))
        }
    }
}

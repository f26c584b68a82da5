import Foundation
import LogModel
import Terminal

/// Prints the batches of a segment file.
struct SegmentDump: ~Copyable {
    private let showsRecords: Bool
    private var decompressor = RecordDecompressor()
    private static let decompressedByteLimit = 64 << 20

    init(showsRecords: Bool) { self.showsRecords = showsRecords }

    /// Prints one file; false where its bytes end in damage.
    mutating func print(_ path: String, to output: inout BufferedOutput) throws -> Bool {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path), options: .alwaysMapped)
        } catch {
            throw CommandFailure("cannot read a segment", place: path, reason: "\(error)")
        }
        output.append("\(path)\n")
        return data.withUnsafeBytes { bytes in
            var batches = RecordBatchSequence(bytes)
            var position = 0
            do throws(RecordBatchError) {
                while let batch = try batches.next() {
                    try batch.verifyChecksum()
                    describe(batch, at: position, to: &output)
                    if showsRecords { try describeRecords(of: batch, to: &output) }
                    position += batch.byteCount
                }
                return true
            } catch {
                output.append("  damaged at byte \(position) of \(bytes.count): \(error)\n")
                return false
            }
        }
    }

    private func describe(
        _ batch: RecordBatchView,
        at position: Int,
        to output: inout BufferedOutput
    ) {
        let attributes = batch.attributes
        var line = "  offsets \(batch.baseOffset.rawValue)-\(batch.lastOffset.rawValue)"
        line += " records \(batch.recordCount) byte \(position) size \(batch.byteCount)"
        line += " time \(batch.maxTimestamp.rawValue)"
        if batch.producerID != .none {
            line += " producer \(batch.producerID.rawValue) epoch \(batch.producerEpoch.rawValue)"
            line += " sequence \(batch.baseSequence.rawValue)"
        }
        if let codec = CompressionCodec(rawValue: attributes.codecNumber), codec != .none {
            line += " \(codec)"
        }
        if attributes.isTransactional { line += " transactional" }
        if attributes.isControl { line += " control" }
        output.append(line + "\n")
    }

    private mutating func describeRecords(
        of batch: RecordBatchView,
        to output: inout BufferedOutput
    ) throws(RecordBatchError) {
        if let marker = try? EndTransactionMarker(batch) {
            output.append("    \(marker.result) by coordinator \(marker.coordinatorEpoch)\n")
            return
        }
        var records = try decompressor.records(of: batch, byteLimit: Self.decompressedByteLimit)
        while let record = try records.next() {
            output.append("    offset \(batch.offset(of: record).rawValue)")
            output.append(" time \(batch.timestamp(of: record).rawValue)")
            output.append(" key \(shown(record.key)) value \(shown(record.value))\n")
        }
    }

    /// Text where it is printable text, hexadecimal digits otherwise.
    private func shown(_ bytes: UnsafeRawBufferPointer?) -> String {
        guard let bytes else { return "null" }
        if let text = String(validating: bytes, as: UTF8.self),
            !text.unicodeScalars.contains(where: { $0.value < 32 })
        {
            return "'\(text)'"
        }
        return "0x" + hexText(bytes)
    }
}

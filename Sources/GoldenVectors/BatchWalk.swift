import Bytes
import LogModel

/// A batch or legacy message that was read to its end.
struct WalkedBatch {
    /// The form of the golden files.
    var json: JSON
    var recordCount: Int
    /// The same content written by our encoders; empty for compressed batches.
    var encodedAgain: [UInt8]
}

/// Reads a stretch of batches as Kafka's log reader does: batch by batch, each one checked, then
/// its records.
struct BatchWalk: ~Copyable {
    enum Stage: String { case batches, ensureValid, records }

    struct Failure {
        var stage: Stage
        var error: RecordBatchError
        var magic: UInt8
    }

    private static let byteLimit = BatchLimit.recordByteCount
    private var decompressor = RecordDecompressor()

    /// Hands every good batch to `body`; where and why reading stopped, nil if it came to the end.
    mutating func run(_ bytes: [UInt8], _ body: (WalkedBatch) -> Void) -> Failure? {
        // A pointer is wanted even where there are no bytes.
        (bytes + [0]).withUnsafeBytes { buffer in
            var rest = UnsafeRawBufferPointer(rebasing: buffer.dropLast())
            while !rest.isEmpty {
                let magic = rest.count > 16 ? rest[16] : 2
                var stage = Stage.batches
                do throws(RecordBatchError) {
                    let count =
                        magic < 2
                        ? try readLegacy(rest, &stage, body) : try readBatch(rest, &stage, body)
                    guard let count else { return nil }
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                } catch {
                    return Failure(stage: stage, error: error, magic: magic)
                }
            }
            return nil
        }
    }

    private mutating func readBatch(
        _ bytes: UnsafeRawBufferPointer,
        _ stage: inout Stage,
        _ body: (WalkedBatch) -> Void
    ) throws(RecordBatchError) -> Int? {
        let batch: RecordBatchView
        do throws(RecordBatchError) {
            batch = try RecordBatchView(bytes)
        } catch .truncated {
            return nil
        } catch {
            // Kafka takes a length below a whole header for a batch and then finds it invalid.
            if case .impossibleLength(let length) = error, length >= 14 { stage = .ensureValid }
            throw error
        }
        stage = .ensureValid
        try batch.verifyChecksum()
        stage = .records
        var iterator = try decompressor.records(of: batch, byteLimit: Self.byteLimit)
        var records: [JSON] = []
        var builder = RecordBatchBuilder()
        while let record = try iterator.next() {
            records.append(recordJSON(record, of: batch))
            builder.append(copying: record)
        }
        body(
            WalkedBatch(
                json: batchJSON(batch, records: records),
                recordCount: records.count,
                encodedAgain: try encode(batch, &builder)
            )
        )
        return batch.byteCount
    }

    /// The batch as our builder seals it; dense ones also go through the ordinary append.
    private mutating func encode(
        _ batch: RecordBatchView,
        _ builder: inout RecordBatchBuilder
    ) throws(RecordBatchError) -> [UInt8] {
        guard batch.attributes.codecNumber == 0 else { return [] }
        let header = RecordBatchHeader(
            baseOffset: batch.baseOffset,
            leaderEpoch: batch.leaderEpoch,
            attributes: batch.attributes,
            lastOffsetDelta: batch.lastOffsetDelta,
            baseTimestamp: batch.baseTimestamp,
            maxTimestamp: batch.maxTimestamp,
            producerID: batch.producerID,
            producerEpoch: batch.producerEpoch,
            baseSequence: batch.baseSequence,
            recordCount: batch.recordCount
        )
        let copied = Array(builder.seal(as: header))
        guard isOrdinary(batch) else { return copied }
        builder.reset()
        var iterator = try batch.records()
        while let record = try iterator.next() {
            builder.append(
                timestamp: Timestamp(batch.baseTimestamp.rawValue &+ record.timestampDelta),
                key: record.key,
                value: record.value,
                headers: record.headers
            )
        }
        return Array(
            builder.seal(
                attributes: batch.attributes,
                producerID: batch.producerID,
                producerEpoch: batch.producerEpoch,
                baseSequence: batch.baseSequence,
                baseOffset: batch.baseOffset,
                leaderEpoch: batch.leaderEpoch
            )
        )
    }

    /// Whether the batch is as a producer makes it: dense offsets, timestamps of its records.
    private func isOrdinary(_ batch: RecordBatchView) -> Bool {
        guard batch.recordCount > 0, batch.lastOffsetDelta == batch.recordCount - 1,
            !batch.attributes.isLogAppendTime, !batch.attributes.hasDeleteHorizon,
            var records = try? batch.records()
        else { return false }
        var index: Int32 = 0
        while let record = try? records.next() {
            guard record.offsetDelta == index, record.attributes == 0 else { return false }
            guard index > 0 || record.timestampDelta == 0 else { return false }
            index += 1
        }
        return true
    }

    private mutating func readLegacy(
        _ bytes: UnsafeRawBufferPointer,
        _ stage: inout Stage,
        _ body: (WalkedBatch) -> Void
    ) throws(RecordBatchError) -> Int? {
        guard let count = try LegacyMessage.byteCount(bytes) else { return nil }
        let content = UnsafeRawBufferPointer(rebasing: bytes[..<count])
        stage = .ensureValid
        try LegacyMessage.verifyChecksum(content)
        stage = .records
        let outer = try LegacyMessage(content)
        let messages = try outer.unwrapped(
            decompressor: &decompressor,
            byteLimit: Self.byteLimit
        )
        let json = legacyJSON(
            outer,
            codec: try outer.codec(),
            checksum: LegacyMessage.storedChecksum(content),
            byteCount: count,
            messages: messages
        )
        body(
            WalkedBatch(
                json: json,
                recordCount: messages.count,
                encodedAgain: (try? outer.encoded()) ?? []
            )
        )
        return count
    }
}

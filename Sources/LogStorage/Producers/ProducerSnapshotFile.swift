import Bytes
import KafkaRecords
import LogModel

/// A producer snapshot: the table at one offset, in Kafka's file format.
///
///     2  version = 1
///     4  CRC-32C of what follows
///     4  number of entries
///     …  entries: producer id 8, epoch 2, last sequence 4, last offset 8, offset delta 4,
///        timestamp 8, coordinator epoch 4, first offset of the open transaction 8 (-1: none)
package enum ProducerSnapshotFile {
    private static let version: Int16 = 1
    private static let headerByteCount = 6

    /// `00000000000000000042.snapshot`.
    static func name(at offset: Offset) -> String { SegmentName.base(offset) + ".snapshot" }

    /// The bytes of a snapshot, entries in the order of their producer ids.
    package static func encode(_ table: ProducerTable) -> [UInt8] {
        var message = ProducerSnapshot()
        message.producerEntries = table.entries.sorted { $0.key < $1.key }.map { id, entry in
            let last = entry.batches.last
            return ProducerSnapshot.ProducerEntry(
                producerID: id.rawValue,
                epoch: entry.epoch.rawValue,
                lastSequence: last?.lastSequence.rawValue ?? -1,
                lastOffset: last?.lastOffset.rawValue ?? -1,
                offsetDelta: last.map {
                    Int32(clamping: $0.baseOffset.distance(to: $0.lastOffset))
                } ?? 0,
                timestamp: entry.lastTimestamp.rawValue,
                coordinatorEpoch: entry.coordinatorEpoch,
                currentTxnFirstOffset: entry.transactionFirstOffset?.rawValue ?? -1
            )
        }
        var writer = ByteWriter()
        message.write(to: &writer, version: version)
        var body: [UInt8] = []
        do throws(WireError) { body = try writer.finish() } catch {
            preconditionFailure("numbers always have an encoding: \(error)")
        }
        let checksum = body[4...].withUnsafeBytes { crc32c($0) }
        withUnsafeBytes(of: checksum.bigEndian) { body.replaceSubrange(0..<4, with: $0) }
        return withUnsafeBytes(of: version.bigEndian) { Array($0) } + body
    }

    /// The table of a snapshot; nil for bytes that are none, and for numbers that no producer has.
    package static func decode(_ bytes: [UInt8]) -> ProducerTable? {
        guard bytes.count >= headerByteCount + 4 else { return nil }
        return bytes.withUnsafeBytes { raw -> ProducerTable? in
            guard let base = raw.baseAddress, base.bigEndian(Int16.self, at: 0) == version,
                base.bigEndian(UInt32.self, at: 2)
                    == crc32c(UnsafeRawBufferPointer(rebasing: raw[headerByteCount...]))
            else { return nil }
            var reader = ByteReader(UnsafeRawBufferPointer(rebasing: raw[2...]))
            do throws(WireError) {
                let message = try ProducerSnapshot(reading: &reader, version: version)
                return reader.isAtEnd ? table(of: message) : nil
            } catch { return nil }
        }
    }

    private static func table(of message: ProducerSnapshot) -> ProducerTable? {
        var table = ProducerTable()
        for entry in message.producerEntries {
            guard entry.producerID >= 0, let state = state(of: entry) else { return nil }
            table.restore(state, of: ProducerID(entry.producerID))
        }
        return table
    }

    private static func state(of entry: ProducerSnapshot.ProducerEntry) -> ProducerTable.Entry? {
        var state = ProducerTable.Entry(
            epoch: ProducerEpoch(entry.epoch),
            lastTimestamp: Timestamp(entry.timestamp)
        )
        state.coordinatorEpoch = entry.coordinatorEpoch
        if entry.currentTxnFirstOffset >= 0 {
            state.transactionFirstOffset = Offset(entry.currentTxnFirstOffset)
        }
        guard entry.lastOffset >= 0, entry.lastSequence >= 0 else { return state }
        guard entry.offsetDelta >= 0, entry.lastOffset >= Int64(entry.offsetDelta) else {
            return nil
        }
        let last = SequenceNumber(entry.lastSequence)
        state.batches = [
            ProducerTable.Batch(
                firstSequence: last.retreated(by: entry.offsetDelta),
                lastSequence: last,
                baseOffset: Offset(entry.lastOffset - Int64(entry.offsetDelta)),
                lastOffset: Offset(entry.lastOffset),
                timestamp: Timestamp(entry.timestamp)
            )
        ]
        return state
    }
}

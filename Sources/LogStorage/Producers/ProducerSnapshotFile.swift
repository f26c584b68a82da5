import Bytes
import KafkaRecords
package import LogModel

/// A producer snapshot: the table at one offset, in Kafka's file format, and behind it what Kafka's
/// has no place for, the earlier batches of producers that are known by more than one.
///
///     2  version = 1
///     4  CRC-32C of what follows
///     4  number of entries
///     …  entries: producer id 8, epoch 2, last sequence 4, last offset 8, offset delta 4,
///        timestamp 8, coordinator epoch 4, first offset of the open transaction 8 (-1: none)
///     …  where there are earlier batches: "MRB1", 4 their number, then of each, oldest first
///        within a producer: producer id 8, last sequence 4, last offset 8, offset delta 4,
///        timestamp 8
///
/// Kafka reads no further than its entries and its checksum is over all bytes, so that both read
/// what the other writes.
package enum ProducerSnapshotFile {
    private static let version: Int16 = 1
    private static let headerByteCount = 6

    /// `00000000000000000042.snapshot`.
    package static func name(at offset: Offset) -> String { SegmentName.base(offset) + ".snapshot" }

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
        EarlierBatches.write(of: table, to: &writer)
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
                guard var table = table(of: message) else { return nil }
                if reader.isAtEnd { return table }
                return try EarlierBatches.read(&reader, into: &table) ? table : nil
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
        let last = ProducerTable.Batch(
            lastSequence: entry.lastSequence,
            lastOffset: entry.lastOffset,
            offsetDelta: entry.offsetDelta,
            timestamp: entry.timestamp
        )
        guard let last else { return nil }
        state.batches = [last]
        return state
    }
}

/// The batches of producers before their last ones. A retry of any of the last five is answered as
/// the first try was, behind a restart as well.
private enum EarlierBatches {
    private static let magic: UInt32 = 0x4D52_4231
    private static let byteCount = 32

    static func write(of table: ProducerTable, to writer: inout ByteWriter) {
        let known = table.entries.sorted { $0.key < $1.key }.flatMap { id, entry in
            told(of: entry).map { (id, $0) }
        }
        guard !known.isEmpty else { return }
        writer.writeInteger(magic)
        writer.writeInteger(Int32(clamping: known.count))
        for (id, batch) in known.prefix(Int(Int32.max)) {
            writer.writeInteger(id.rawValue)
            writer.writeInteger(batch.lastSequence.rawValue)
            writer.writeInteger(batch.lastOffset.rawValue)
            writer.writeInteger(Int32(clamping: batch.baseOffset.distance(to: batch.lastOffset)))
            writer.writeInteger(batch.timestamp.rawValue)
        }
    }

    /// The earlier batches whose numbers the file can tell; none where it cannot tell the last.
    private static func told(of entry: ProducerTable.Entry) -> [ProducerTable.Batch] {
        let told = entry.batches.map { batch in
            let same = ProducerTable.Batch(
                lastSequence: batch.lastSequence.rawValue,
                lastOffset: batch.lastOffset.rawValue,
                offsetDelta: Int32(clamping: batch.baseOffset.distance(to: batch.lastOffset)),
                timestamp: batch.timestamp.rawValue
            )
            return same == batch ? same : nil
        }
        guard let last = told.last, last != nil else { return [] }
        return told.dropLast().compactMap(\.self)
    }

    /// False if the bytes do not make sense.
    static func read(
        _ reader: inout ByteReader,
        into table: inout ProducerTable
    ) throws(WireError) -> Bool {
        guard try reader.readInteger(UInt32.self) == magic else { return false }
        let count = try reader.readInteger(Int32.self)
        guard count > 0, reader.byteCountLeft == Int(count) * byteCount else { return false }
        var earlier: [ProducerID: [ProducerTable.Batch]] = [:]
        for _ in 0..<count {
            let id = ProducerID(try reader.readInteger(Int64.self))
            let batch = ProducerTable.Batch(
                lastSequence: try reader.readInteger(Int32.self),
                lastOffset: try reader.readInteger(Int64.self),
                offsetDelta: try reader.readInteger(Int32.self),
                timestamp: try reader.readInteger(Int64.self)
            )
            guard let batch else { return false }
            earlier[id, default: []].append(batch)
        }
        for (id, batches) in earlier {
            guard table.restore(earlier: batches, of: id) else { return false }
        }
        return true
    }
}

extension ProducerTable.Batch {
    /// A batch by the numbers of a snapshot; nil where no batch has such.
    fileprivate init?(
        lastSequence: Int32,
        lastOffset: Int64,
        offsetDelta: Int32,
        timestamp: Int64
    ) {
        guard lastSequence >= 0, offsetDelta >= 0, lastOffset >= Int64(offsetDelta) else {
            return nil
        }
        self.init(
            firstSequence: SequenceNumber(lastSequence).retreated(by: offsetDelta),
            lastSequence: SequenceNumber(lastSequence),
            baseOffset: Offset(lastOffset - Int64(offsetDelta)),
            lastOffset: Offset(lastOffset),
            timestamp: Timestamp(timestamp)
        )
    }
}

import Bytes
import LogModel
import Testing

@testable import LogStorage

/// Extreme numbers in batches and snapshots, whose checksums are right: the producers' table may
/// refuse them or take note of them, and never traps.
struct HostileProducerTests {
    private static let values: [Int64] = [
        .min, Int64(Int32.min), -2, -1, 0, 1, 5, 32_766, 32_767, Int64(Int32.max) - 1,
        Int64(Int32.max), .max - 1, .max,
    ]

    /// A batch of one record or a marker, with these numbers in its header.
    private static func header(
        base: Int64,
        delta: Int64,
        time: Int64,
        epoch: Int64,
        sequence: Int64,
        attributes: BatchAttributes
    ) -> RecordBatchHeader {
        RecordBatchHeader(
            baseOffset: Offset(base),
            leaderEpoch: LeaderEpoch(Int32(clamping: base)),
            attributes: attributes,
            lastOffsetDelta: Int32(clamping: delta),
            baseTimestamp: Timestamp(time),
            maxTimestamp: Timestamp(time),
            producerID: ProducerID(5),
            producerEpoch: ProducerEpoch(Int16(clamping: epoch)),
            baseSequence: SequenceNumber(Int32(clamping: sequence)),
            recordCount: 1
        )
    }

    private static func append(
        _ header: RecordBatchHeader,
        _ builder: inout RecordBatchBuilder,
        to table: inout ProducerTable
    ) {
        builder.reset()
        let marker = EndTransactionMarker(result: .abort, coordinatorEpoch: .min)
        let isMarker = header.attributes.isControl
        marker.key.withUnsafeBytes { key in
            marker.value.withUnsafeBytes { value in
                builder.append(
                    timestamp: Timestamp(0),
                    key: isMarker ? key : nil,
                    value: value
                )
            }
        }
        let bytes = UnsafeRawBufferPointer(builder.seal(as: header))
        guard let batch = try? RecordBatchView(bytes) else { return }
        for checks in [false, true] {
            _ = table.decide(batch, checksSequence: checks, checksTransaction: checks)
            _ = table.decideMarker(
                producerID: batch.producerID,
                epoch: batch.producerEpoch,
                coordinatorEpoch: batch.leaderEpoch.rawValue
            )
        }
        _ = try? table.follow(batch)
        table.checkInvariants()
        _ = table.firstUnstableOffset
        let snapshot = ProducerSnapshotFile.encode(table)
        #expect(ProducerSnapshotFile.decode(snapshot) != nil)
    }

    @Test func `batches with any numbers in their headers are followed`() {
        var builder = RecordBatchBuilder()
        let kinds = [
            BatchAttributes(), BatchAttributes(isTransactional: true),
            BatchAttributes(isTransactional: true, isControl: true),
            BatchAttributes(isLogAppendTime: true, hasDeleteHorizon: true),
        ]
        for base in Self.values {
            for delta in Self.values {
                var table = ProducerTable()
                for (index, other) in Self.values.enumerated() {
                    let another = Self.values[(index * 5 + 3) % Self.values.count]
                    for attributes in kinds {
                        let header = Self.header(
                            base: base,
                            delta: delta,
                            time: other,
                            epoch: another,
                            sequence: other,
                            attributes: attributes
                        )
                        Self.append(header, &builder, to: &table)
                    }
                }
                table.noteRecovered(at: Timestamp(base))
                table.noteDurable(below: Offset(delta))
                table.expire(olderThan: Timestamp(delta))
                table.checkInvariants()
            }
        }
    }

    /// The bytes of a snapshot of one entry.
    private static func snapshot(
        id: Int64,
        epoch: Int64,
        sequence: Int64,
        offset: Int64,
        delta: Int64,
        time: Int64,
        first: Int64
    ) throws -> [UInt8] {
        var entry = ByteWriter()
        entry.writeInteger(Int32(1))
        entry.writeInteger(id)
        entry.writeInteger(Int16(clamping: epoch))
        entry.writeInteger(Int32(clamping: sequence))
        entry.writeInteger(offset)
        entry.writeInteger(Int32(clamping: delta))
        entry.writeInteger(time)
        entry.writeInteger(Int32(clamping: time))
        entry.writeInteger(first)
        let body = try entry.finish()
        var file = ByteWriter()
        file.writeInteger(Int16(1))
        file.writeInteger(body.withUnsafeBytes { crc32c($0) })
        file.writeRaw(body)
        return try file.finish()
    }

    @Test func `snapshots with any numbers are believed or not, and the log goes on`() throws {
        var builder = RecordBatchBuilder()
        var isBelieved = false
        for id in [Int64.min, -1, 5, .max] {
            for offset in Self.values {
                for delta in Self.values {
                    for (index, first) in Self.values.enumerated() {
                        let other = Self.values[(index * 5 + 3) % Self.values.count]
                        let bytes = try Self.snapshot(
                            id: id,
                            epoch: other,
                            sequence: first,
                            offset: offset,
                            delta: delta,
                            time: other,
                            first: first
                        )
                        guard var table = ProducerSnapshotFile.decode(bytes) else { continue }
                        isBelieved = true
                        table.checkInvariants()
                        for attributes in [
                            BatchAttributes(isTransactional: true),
                            BatchAttributes(isTransactional: true, isControl: true),
                        ] {
                            let header = Self.header(
                                base: 0,
                                delta: 0,
                                time: other,
                                epoch: 32_767,
                                sequence: first,
                                attributes: attributes
                            )
                            Self.append(header, &builder, to: &table)
                        }
                    }
                }
            }
        }
        #expect(isBelieved)
    }

    @Test func `a snapshot cut or with any byte changed is none`() throws {
        var table = ProducerTable()
        var builder = RecordBatchBuilder()
        for number in 0..<2 as Range<Int64> {
            let header = Self.header(
                base: 7 + number,
                delta: 0,
                time: 5 + number,
                epoch: 1,
                sequence: number,
                attributes: BatchAttributes(isTransactional: true)
            )
            Self.append(header, &builder, to: &table)
        }
        #expect(table.entries.first?.value.batches.count == 2)
        let bytes = ProducerSnapshotFile.encode(table)
        #expect(ProducerSnapshotFile.decode(bytes) == table)
        for count in 0..<bytes.count {
            #expect(ProducerSnapshotFile.decode(Array(bytes.prefix(count))) == nil)
            var changed = bytes
            changed[count] ^= 0x41
            #expect(ProducerSnapshotFile.decode(changed) == nil)
        }
        #expect(ProducerSnapshotFile.decode(bytes + [0]) == nil)
    }
}

import Bytes
import LogModel
import Testing

/// Extreme numbers in every field that comes from a client or from a disk. Nothing may trap; that
/// is what most of these tests hold, whatever the outcome.
struct HostileValueTests {
    /// A field of a batch's header.
    struct Field: Sendable, CustomTestStringConvertible {
        var name: String
        var offset: Int
        var byteCount: Int
        var testDescription: String { name }
    }

    static let fields = [
        Field(name: "base offset", offset: RecordBatchLayout.baseOffset, byteCount: 8),
        Field(name: "length", offset: RecordBatchLayout.length, byteCount: 4),
        Field(name: "leader epoch", offset: RecordBatchLayout.leaderEpoch, byteCount: 4),
        Field(name: "magic", offset: RecordBatchLayout.magic, byteCount: 1),
        Field(name: "checksum", offset: RecordBatchLayout.checksum, byteCount: 4),
        Field(name: "attributes", offset: RecordBatchLayout.attributes, byteCount: 2),
        Field(name: "last offset delta", offset: RecordBatchLayout.lastOffsetDelta, byteCount: 4),
        Field(name: "base timestamp", offset: RecordBatchLayout.baseTimestamp, byteCount: 8),
        Field(name: "max timestamp", offset: RecordBatchLayout.maxTimestamp, byteCount: 8),
        Field(name: "producer id", offset: RecordBatchLayout.producerID, byteCount: 8),
        Field(name: "producer epoch", offset: RecordBatchLayout.producerEpoch, byteCount: 2),
        Field(name: "base sequence", offset: RecordBatchLayout.baseSequence, byteCount: 4),
        Field(name: "record count", offset: RecordBatchLayout.recordCount, byteCount: 4),
    ]

    /// The least, the largest and what lies around them and 0, for an integer of so many bytes.
    static func extremes(_ byteCount: Int) -> [[UInt8]] {
        let bits = Int64(byteCount * 8)
        let least = bits == 64 ? Int64.min : -(1 << (bits - 1))
        let largest = bits == 64 ? Int64.max : (1 << (bits - 1)) - 1
        let values = [
            least, least + 1, -2, -1, 0, 1, 2, largest / 2 + 1, largest - 3, largest - 2,
            largest - 1, largest,
        ]
        return values.map { value in
            withUnsafeBytes(of: value.bigEndian) { Array($0.suffix(byteCount)) }
        }
    }

    private static let samples = FixtureBatch.current.filter {
        ["v2/ascii/none", "v2/headers/zstd", "v2/idempotent/gzip", "v2/control-commit/epoch7"]
            .contains($0.case)
    }

    private static func set(_ value: [UInt8], at offset: Int, in bytes: inout [UInt8]) {
        bytes.replaceSubrange(offset..<offset + value.count, with: value)
    }

    /// The checksum that fits, so that what comes behind it is reached too.
    private static func sum(_ bytes: inout [UInt8]) {
        let sum = bytes[RecordBatchLayout.attributes...].withUnsafeBytes { crc32c($0) }
        withUnsafeBytes(of: sum.bigEndian) {
            bytes.replaceSubrange(
                RecordBatchLayout.checksum..<RecordBatchLayout.checksum + 4,
                with: $0
            )
        }
    }

    /// Uses whatever can be done with a batch.
    private static func exercise(_ bytes: [UInt8]) {
        var tools = Tools()
        bytes.withUnsafeBytes { buffer in
            if let batch = try? RecordBatchView(buffer) { tools.read(batch) }
            tools.validate(buffer)
        }
        tools.stamp(bytes)
    }

    @Test(arguments: fields, samples)
    func `an extreme value in one field is read within bounds or refused`(
        _ field: Field,
        _ sample: FixtureBatch
    ) {
        for value in Self.extremes(field.byteCount) {
            var bytes = sample.bytes
            Self.set(value, at: field.offset, in: &bytes)
            Self.exercise(bytes)
            if field.name != "checksum" { Self.sum(&bytes) }
            Self.exercise(bytes)
            // As a client sends it, its base offset being the log's to give.
            guard field.offset != RecordBatchLayout.baseOffset else { continue }
            Self.set([UInt8](repeating: 0, count: 8), at: 0, in: &bytes)
            Self.exercise(bytes)
        }
    }

    @Test(arguments: samples)
    func `extreme values in two fields are read within bounds or refused`(_ sample: FixtureBatch) {
        for first in Self.fields {
            for second in Self.fields where second.offset > first.offset {
                for (one, other) in zip(
                    Self.extremes(first.byteCount),
                    Self.extremes(second.byteCount).reversed()
                ) {
                    var bytes = sample.bytes
                    Self.set(one, at: first.offset, in: &bytes)
                    Self.set(other, at: second.offset, in: &bytes)
                    Self.sum(&bytes)
                    Self.exercise(bytes)
                }
            }
        }
    }

    @Test func `extreme deltas and lengths in a record are read within bounds or refused`() {
        let values: [Int64] = [
            .min, Int64(Int32.min), -1, 0, 3, Int64(Int32.max), .max,
        ]
        for timestampDelta in values {
            for offsetDelta in values {
                for keyLength in values {
                    var bytes = Self.batch(
                        timestampDelta: timestampDelta,
                        offsetDelta: offsetDelta,
                        keyLength: keyLength
                    )
                    for base in [Self.extremes(8)[0], Self.extremes(8)[3], Self.extremes(8)[11]] {
                        Self.set(base, at: RecordBatchLayout.baseTimestamp, in: &bytes)
                        Self.sum(&bytes)
                        Self.exercise(bytes)
                    }
                }
            }
        }
    }

    /// A batch of one record that claims these numbers.
    private static func batch(
        timestampDelta: Int64,
        offsetDelta: Int64,
        keyLength: Int64
    ) -> [UInt8] {
        var content: [UInt8] = [0]
        for value in [timestampDelta, offsetDelta, keyLength] {
            Varint.append(value, to: &content)
        }
        content += [1, 2, 3]
        Varint.append(-1, to: &content)
        content.append(0)
        var record: [UInt8] = []
        Varint.append(Int64(content.count), to: &record)
        record += content
        var bytes = [UInt8](repeating: 0, count: RecordBatchLayout.headerByteCount) + record
        bytes.withUnsafeMutableBytes { buffer in
            RecordBatchHeader(
                baseOffset: .zero,
                leaderEpoch: LeaderEpoch(0),
                attributes: BatchAttributes(),
                lastOffsetDelta: 0,
                baseTimestamp: Timestamp(5),
                maxTimestamp: Timestamp(5),
                producerID: ProducerID(7),
                producerEpoch: ProducerEpoch(0),
                baseSequence: SequenceNumber(0),
                recordCount: 1
            ).write(to: buffer)
        }
        return bytes
    }

    @Test func `a control record with any short or odd key is no marker or a whole one`() {
        for keyCount in 0...6 {
            for valueCount in 0...8 {
                for byte: UInt8 in [0, 1, 2, 0x7f, 0x80, 0xff] {
                    let key = [UInt8](repeating: byte, count: keyCount)
                    let value = [UInt8](repeating: byte, count: valueCount)
                    key.withUnsafeBytes { key in
                        value.withUnsafeBytes { value in
                            _ = EndTransactionMarker(key: key, value: value)
                            _ = EndTransactionMarker(key: nil, value: value)
                            _ = ControlRecordType(key: key)
                        }
                    }
                }
            }
        }
    }

    @Test func `offsets that no batch can have are refused`() throws {
        let sample = try #require(Self.samples.first { $0.case == "v2/ascii/none" })
        let cases: [(base: Int64, delta: Int32)] = [
            (-1, 0), (.min, 0), (.max, 0), (.max - 1, 1), (0, -1), (0, .min),
            (.max - Int64(Int32.max), .max),
        ]
        for (base, delta) in cases {
            var bytes = sample.bytes
            Self.set(withUnsafeBytes(of: base.bigEndian) { Array($0) }, at: 0, in: &bytes)
            let deltaBytes = withUnsafeBytes(of: delta.bigEndian) { Array($0) }
            Self.set(deltaBytes, at: RecordBatchLayout.lastOffsetDelta, in: &bytes)
            _ = bytes.withUnsafeBytes { buffer in
                #expect(
                    throws: RecordBatchError.impossibleOffsets(base: base, lastDelta: delta)
                ) { try RecordBatchView(buffer) }
            }
        }
        var last = sample.bytes
        Self.set([0x7f] + [UInt8](repeating: 0xff, count: 6) + [0xfe], at: 0, in: &last)
        Self.set([0, 0, 0, 0], at: RecordBatchLayout.lastOffsetDelta, in: &last)
        let next = try last.withUnsafeBytes { try RecordBatchView($0).nextOffset }
        #expect(next == Offset(.max))
    }

    @Test func `messages of the old formats with extreme lengths are damaged or read`() {
        for sample in FixtureBatch.legacy {
            for offset in stride(from: 0, to: min(sample.bytes.count - 8, 60), by: 2) {
                for byteCount in [4, 8] {
                    for value in Self.extremes(byteCount) {
                        var bytes = sample.bytes
                        Self.set(value, at: offset, in: &bytes)
                        bytes.withUnsafeBytes { Self.readLegacy($0) }
                    }
                }
            }
        }
    }

    private static func readLegacy(_ bytes: UnsafeRawBufferPointer) {
        guard let count = try? LegacyMessage.byteCount(bytes) else { return }
        let entry = UnsafeRawBufferPointer(rebasing: bytes[..<count])
        try? LegacyMessage.verifyChecksum(entry)
        guard let message = try? LegacyMessage(entry) else { return }
        _ = try? message.encoded()
        var decompressor = RecordDecompressor()
        _ = try? message.unwrapped(decompressor: &decompressor, byteLimit: 1 << 20)
    }

    @Test func `sums and differences stay within 64 bits`() {
        #expect(Offset(.max).advanced(by: 1) == Offset(.max))
        #expect(Offset(.min).advanced(by: -1) == Offset(.min))
        #expect(Offset(.min).distance(to: Offset(.max)) == .max)
        #expect(Offset(.max).distance(to: Offset(.min)) == .min)
        #expect(Offset(3).distance(to: Offset(10)) == 7)
        #expect(Timestamp(.min).advanced(byMilliseconds: -1) == Timestamp(.min))
        #expect(Timestamp(.max).advanced(byMilliseconds: 5) == Timestamp(.max))
        #expect(Timestamp(.min).milliseconds(to: Timestamp(5)) == .max)
        #expect(Timestamp(.max).milliseconds(to: Timestamp(-5)) == .min)
        #expect(Timestamp(5).milliseconds(to: Timestamp(.min)) == .min)
        #expect(ProducerEpoch(32_767).next == nil)
        #expect(ProducerEpoch(32_766).next == .last)
        #expect(ProducerID(.max).next == nil)
        #expect(ProducerID(7).next == ProducerID(8))
    }
}

/// Everything of this module that takes a batch.
private struct Tools: ~Copyable {
    var decompressor = RecordDecompressor()
    var rewriter = RecordBatchRewriter()

    mutating func read(_ batch: RecordBatchView) {
        _ = (batch.lastOffset, batch.nextOffset, batch.lastSequence, batch.deleteHorizon)
        _ = (batch.leaderEpoch, batch.producerEpoch.next, batch.attributes, batch.computedChecksum)
        _ = batch.baseOffset.distance(to: batch.nextOffset)
        _ = batch.baseTimestamp.milliseconds(to: batch.maxTimestamp)
        _ = try? batch.codec()
        _ = try? batch.records()
        _ = try? EndTransactionMarker(batch)
        if var records = try? decompressor.records(of: batch, byteLimit: 1 << 20) {
            while let record = try? records.next() {
                _ = (batch.offset(of: record), batch.timestamp(of: record), record.byteCount)
                _ = batch.baseSequence.advanced(by: record.offsetDelta)
                _ = batch.baseSequence.retreated(by: record.offsetDelta)
                var headers = RecordHeaderIterator(record.headers)
                while headers.next() != nil {}
            }
        }
        for rule: RecordBatchRewriter.HorizonRule in [
            .keep, .forTombstones(Timestamp(.max)), .always(Timestamp(.min)),
        ] {
            var index = 0
            _ = try? rewriter.rewrite(batch, horizon: rule, byteLimit: 1 << 20) { _ in
                index += 1
                return index % 2 == 1
            }
        }
        _ = try? rewriter.renumber(batch)
    }

    mutating func validate(_ bytes: UnsafeRawBufferPointer) {
        for latest in [nil, Timestamp(.min), Timestamp(0), Timestamp(.max)] {
            for usesLogAppendTime in [false, true] {
                let rules = ProduceRules(
                    decompressedByteLimit: 1 << 20,
                    latestTimestamp: latest,
                    usesLogAppendTime: usesLogAppendTime,
                    requiresKeys: true
                )
                _ = try? ProduceValidator.validate(
                    bytes,
                    rules: rules,
                    decompressor: &decompressor
                )
            }
        }
    }

    func stamp(_ bytes: [UInt8]) {
        for base in [Offset(.min), Offset(-1), .zero, Offset(.max - 1), Offset(.max)] {
            for time: RecordBatchStamp.Time in [
                .asSent, .created(largest: Timestamp(.min)), .appended(Timestamp(.max)),
            ] {
                var bytes = bytes
                bytes.withUnsafeMutableBytes {
                    let stamp = RecordBatchStamp(
                        baseOffset: base,
                        leaderEpoch: LeaderEpoch(.max),
                        time: time
                    )
                    guard let batch = try? stamp.apply(to: $0) else { return }
                    #expect(batch.nextOffset > base)
                }
            }
        }
    }
}

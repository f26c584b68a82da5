import LogModel
import Testing

struct RecordBatchStampTests {
    private static let sample =
        FixtureBatch.current.first { $0.case == "v2/ten/none" }?.bytes ?? []

    private func stamped(
        _ bytes: [UInt8],
        _ time: RecordBatchStamp.Time,
        at base: Offset = Offset(77)
    ) throws -> (bytes: [UInt8], header: RecordBatchHeader) {
        var bytes = bytes
        let stamp = RecordBatchStamp(baseOffset: base, leaderEpoch: LeaderEpoch(4), time: time)
        let header = try bytes.withUnsafeMutableBytes { buffer in
            let batch = try stamp.apply(to: buffer)
            try batch.verifyChecksum()
            return RecordBatchHeader(of: batch)
        }
        return (bytes, header)
    }

    @Test(arguments: [0, 1, 60, 61, 500])
    func `an append time is stamped whatever lies behind the batch`(_ trailing: Int) throws {
        let (bytes, header) = try stamped(
            Self.sample + [UInt8](repeating: 0xaa, count: trailing),
            .appended(Timestamp(123_456))
        )
        #expect(header.baseOffset == Offset(77))
        #expect(header.leaderEpoch == LeaderEpoch(4))
        #expect(header.attributes.isLogAppendTime)
        #expect(bytes[Self.sample.count...].allSatisfy { $0 == 0xaa })
        var decompressor = RecordDecompressor()
        let records = try readRecords(bytes, decompressor: &decompressor)
        #expect(records.count == 10)
        #expect(records.allSatisfy { $0.timestamp == 123_456 })
        #expect(records.map(\.offset) == Array(77..<87))
    }

    @Test func `what is as it should be is not summed again`() throws {
        let old = try Self.sample.withUnsafeBytes {
            RecordBatchHeader(of: try RecordBatchView($0))
        }
        for time in [RecordBatchStamp.Time.asSent, .created(largest: old.maxTimestamp)] {
            let (bytes, header) = try stamped(Self.sample, time)
            #expect(bytes[17...] == Self.sample[17...])
            #expect(header.maxTimestamp == old.maxTimestamp)
        }
    }

    @Test func `a client's claims of append time, largest time and horizon are set right`() throws {
        let claims = BatchAttributes(isLogAppendTime: true, hasDeleteHorizon: true)
        var bytes = Self.sample
        try bytes.withUnsafeMutableBytes { buffer in
            var header = RecordBatchHeader(
                of: try RecordBatchView(UnsafeRawBufferPointer(buffer))
            )
            header.attributes = claims
            header.maxTimestamp = Timestamp(3)
            header.write(to: buffer)
        }
        let (_, header) = try stamped(bytes, .created(largest: Timestamp(99)))
        #expect(header.attributes == BatchAttributes())
        #expect(header.maxTimestamp == Timestamp(99))
        let (_, appended) = try stamped(bytes, .appended(Timestamp(98)))
        #expect(appended.attributes == BatchAttributes(isLogAppendTime: true))
        #expect(appended.maxTimestamp == Timestamp(98))
    }

    @Test func `a batch that does not fit behind its offset is refused and left alone`() {
        for base in [Offset(.max), Offset(.max - 9), Offset(-1)] {
            var bytes = Self.sample
            let stamp = RecordBatchStamp(
                baseOffset: base,
                leaderEpoch: LeaderEpoch(9),
                time: .appended(Timestamp(1))
            )
            #expect(throws: RecordBatchError.impossibleOffsets(base: base.rawValue, lastDelta: 9)) {
                try bytes.withUnsafeMutableBytes { _ = try stamp.apply(to: $0) }
            }
            #expect(bytes == Self.sample)
        }
    }

    @Test func `a torn batch is refused and left alone`() {
        var bytes = Array(Self.sample.dropLast())
        let torn = bytes
        let stamp = RecordBatchStamp(baseOffset: Offset(5), leaderEpoch: LeaderEpoch(9))
        #expect(throws: RecordBatchError.self) {
            try bytes.withUnsafeMutableBytes { _ = try stamp.apply(to: $0) }
        }
        #expect(bytes == torn)
    }
}

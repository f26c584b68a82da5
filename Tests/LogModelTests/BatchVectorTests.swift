import Foundation
import LogModel
import Testing

struct BatchVectorTests {
    @Test func `the fixtures are there`() {
        #expect(FixtureBatch.current.count > 40)
        #expect(FixtureBatch.legacy.count > 10)
        #expect(CorruptBatch.all.count > 100)
    }

    @Test(arguments: FixtureBatch.current)
    func `a batch of Kafka's has the records Kafka reads`(_ fixture: FixtureBatch) throws {
        var decompressor = RecordDecompressor()
        let records = try readRecords(fixture.bytes, decompressor: &decompressor)
        #expect(records == fixture.records)
        let bytes = fixture.bytes
        let isIntact = try bytes.withUnsafeBytes { buffer in
            let batch = try RecordBatchView(buffer)
            return batch.computedChecksum == batch.storedChecksum
        }
        #expect(isIntact)
    }

    @Test(arguments: FixtureBatch.current.filter { $0.exact })
    func `an uncompressed batch is rewritten byte for byte`(_ fixture: FixtureBatch) throws {
        let bytes = fixture.bytes
        let rewritten = try bytes.withUnsafeBytes { buffer -> [UInt8] in
            let batch = try RecordBatchView(buffer)
            var builder = RecordBatchBuilder()
            var records = try batch.records()
            while let record = try records.next() { builder.append(copying: record) }
            return Array(builder.seal(as: RecordBatchHeader(of: batch)))
        }
        #expect(rewritten == bytes)
    }

    @Test(arguments: FixtureBatch.legacy)
    func `a message set of Kafka's has the records Kafka reads`(_ fixture: FixtureBatch) throws {
        var decompressor = RecordDecompressor()
        let bytes = fixture.bytes
        var rewritten: [UInt8] = []
        let records = try bytes.withUnsafeBytes { buffer -> [FixtureRecord] in
            var rest = buffer[...]
            var records: [FixtureRecord] = []
            while let count = try LegacyMessage.byteCount(UnsafeRawBufferPointer(rebasing: rest)) {
                let entry = UnsafeRawBufferPointer(rebasing: rest.prefix(count))
                try LegacyMessage.verifyChecksum(entry)
                let message = try LegacyMessage(entry)
                rewritten += try message.encoded()
                let unwrapped = try message.unwrapped(
                    decompressor: &decompressor,
                    byteLimit: 1 << 20
                )
                records += unwrapped.map { message in
                    FixtureRecord(
                        offset: message.offset.rawValue,
                        timestamp: message.timestamp.rawValue,
                        key: message.key.map { .init($0) },
                        value: message.value.map { .init($0) },
                        headers: nil
                    )
                }
                rest = rest.dropFirst(count)
            }
            return records
        }
        #expect(records == fixture.records)
        #expect(rewritten == bytes)
    }

    @Test func `sequence numbers wrap to 0 and markers keep none`() {
        let last = SequenceNumber(Int32.max)
        #expect(last.advanced(by: 1) == SequenceNumber(0))
        #expect(last.advanced(by: 3) == SequenceNumber(2))
        #expect(SequenceNumber(5).advanced(by: 2) == SequenceNumber(7))
        #expect(SequenceNumber.none.advanced(by: 0) == .none)
    }
}

import LogModel
import Testing

struct ProduceValidatorTests {
    /// 2050-01-01: later than any vector that Kafka accepts, earlier than those it refuses.
    private static let rules = ProduceRules(latestTimestamp: Timestamp(2_524_608_000_000))
    private static let transactionCoordinatorsAnswer: Int16 = 49

    private func refusal(
        _ bytes: [UInt8],
        rules: ProduceRules = Self.rules
    ) -> ProduceRefusal? {
        var decompressor = RecordDecompressor()
        return bytes.withUnsafeBytes { buffer in
            do throws(ProduceRefusal) {
                _ = try ProduceValidator.validate(
                    buffer,
                    rules: rules,
                    decompressor: &decompressor
                )
                return nil
            } catch {
                return error
            }
        }
    }

    @Test(arguments: FixtureBatch.all)
    func `a batch of Kafka's is answered as Kafka does`(_ fixture: FixtureBatch) {
        guard fixture.produce != Self.transactionCoordinatorsAnswer else { return }
        let sent = [UInt8](repeating: 0, count: 8) + fixture.bytes.dropFirst(8)
        #expect((refusal(sent)?.code.rawValue ?? 0) == fixture.produce)
    }

    @Test(arguments: CorruptBatch.all)
    func `a damaged batch is answered as Kafka does or refused`(_ fixture: CorruptBatch) {
        guard fixture.produce != Self.transactionCoordinatorsAnswer else { return }
        let code = refusal(fixture.bytes)?.code ?? .none
        if fixture.produce == -1 || (fixture.produce == 0 && fixture.stage != "ok") {
            #expect(code == .corruptMessage || code == .invalidRecord)
        } else {
            #expect(code.rawValue == fixture.produce)
        }
    }

    @Test func `a batch above the limit is too large`() throws {
        let fixture = try #require(FixtureBatch.current.first { $0.case == "v2/ten/none" })
        let sent = [UInt8](repeating: 0, count: 8) + fixture.bytes.dropFirst(8)
        let size = sent.count
        #expect(refusal(sent, rules: ProduceRules(batchByteLimit: size)) == nil)
        let refused = refusal(sent, rules: ProduceRules(batchByteLimit: size - 1))
        #expect(refused?.code == .messageTooLarge)
    }

    @Test func `a compacted topic refuses a record without a key`() throws {
        var builder = RecordBatchBuilder()
        [1, 2].withUnsafeBytes { bytes in
            builder.append(timestamp: Timestamp(5), key: bytes, value: bytes)
            builder.append(timestamp: Timestamp(5), key: nil, value: bytes)
        }
        let bytes = Array(builder.seal())
        #expect(refusal(bytes) == nil)
        let refused = refusal(bytes, rules: ProduceRules(requiresKeys: true))
        #expect(refused?.code == .invalidRecord)
        #expect(refused?.recordIndex == 1)
    }

    @Test func `a small block that grows past the limit is refused`() throws {
        var builder = RecordBatchBuilder()
        [UInt8](repeating: 7, count: 300_000).withUnsafeBytes { bytes in
            builder.append(timestamp: Timestamp(5), key: nil, value: bytes)
        }
        var compressor = RecordCompressor()
        for codec in CompressionCodec.allCases where codec != .none {
            let bytes = Array(
                try builder.seal(with: &compressor, attributes: BatchAttributes(codec: codec))
            )
            #expect(refusal(bytes) == nil)
            let rules = ProduceRules(decompressedByteLimit: 299_999)
            #expect(refusal(bytes, rules: rules)?.code == .corruptMessage)
        }
    }
}

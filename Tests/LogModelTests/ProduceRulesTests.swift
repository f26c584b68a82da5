import Foundation
import LogModel
import Testing

/// A batch with what Kafka's own validator says of it and makes of its header.
struct JudgedBatch: Decodable, Sendable, CustomTestStringConvertible {
    var `case`: String
    var hex: String
    /// Whether the topic's timestamps are the log's.
    var usesLogAppendTime: Bool
    /// -1 where an exception escapes, which a node answers with UNKNOWN_SERVER_ERROR.
    var code: Int16
    /// How many records are named in a refusal.
    var errorCount: Int
    /// What is stored; the first of them only in topics whose timestamps the producer sets.
    var maxTimestamp: Int64?
    var attributes: UInt16?

    var testDescription: String { self.case }

    static let all = (try? Fixture.lines("produce-rules.jsonl", of: JudgedBatch.self)) ?? []
}

/// Times, timestamp types and offsets that a client claims, with Kafka's judgement of each.
struct ProduceRulesTests {
    @Test func `the fixtures are there`() { #expect(JudgedBatch.all.count > 100) }

    @Test(arguments: JudgedBatch.all)
    func `a client's claims are judged as Kafka does, and stored as what is so`(
        _ judged: JudgedBatch
    ) throws {
        let rules = ProduceRules(
            latestTimestamp: Timestamp(2_524_608_000_000),
            usesLogAppendTime: judged.usesLogAppendTime
        )
        var decompressor = RecordDecompressor()
        var bytes = Fixture.bytes(hex: judged.hex)
        try bytes.withUnsafeMutableBytes { buffer in
            let validated: ValidatedBatch
            do throws(ProduceRefusal) {
                validated = try ProduceValidator.validate(
                    UnsafeRawBufferPointer(buffer),
                    rules: rules,
                    decompressor: &decompressor
                )
            } catch {
                // Where an exception escapes there, the fault has its name here.
                #expect(error.code.rawValue == (judged.code == -1 ? 87 : judged.code))
                #expect(error.recordIndexes.count == judged.errorCount)
                return
            }
            #expect(judged.code == 0)
            try check(validated, judged, buffer)
        }
    }

    private func check(
        _ validated: ValidatedBatch,
        _ judged: JudgedBatch,
        _ buffer: UnsafeMutableRawBufferPointer
    ) throws {
        #expect(validated.hasDenseOffsets != judged.case.contains("/delta-"))
        let now = Timestamp(1_700_000_000_000)
        let stamp = RecordBatchStamp(
            baseOffset: Offset(100),
            leaderEpoch: LeaderEpoch(0),
            time: validated.time(appendTime: judged.usesLogAppendTime ? now : nil)
        )
        let batch = try stamp.apply(to: buffer)
        try batch.verifyChecksum()
        var attributes = try #require(judged.attributes)
        // Kafka believes a client's horizon, and drops unknown bits whenever it sums anew.
        attributes &= ~0x40
        #expect(batch.attributes.rawValue & 0x7f == attributes & 0x7f)
        if judged.usesLogAppendTime {
            #expect(batch.maxTimestamp == now)
        } else if judged.case.hasSuffix("lat-bit-max-low/create-time") {
            // Kafka keeps the claim of a time lower than the records'.
            #expect(batch.maxTimestamp == Timestamp(1005))
        } else {
            #expect(batch.maxTimestamp.rawValue == judged.maxTimestamp)
        }
    }

    @Test func `keys and times that are missing are all named, and times outweigh`() throws {
        var builder = RecordBatchBuilder()
        [1].withUnsafeBytes { key in
            for (time, hasKey) in [(5, true), (5, false), (9_000, true), (9_000, false)] {
                builder.append(
                    timestamp: Timestamp(Int64(time)),
                    key: hasKey ? key : nil,
                    value: key
                )
            }
        }
        let batch = Array(builder.seal())
        func refusal(_ rules: ProduceRules) -> ProduceRefusal? {
            var decompressor = RecordDecompressor()
            return batch.withUnsafeBytes { buffer in
                do throws(ProduceRefusal) {
                    _ = try ProduceValidator.validate(
                        buffer,
                        rules: rules,
                        decompressor: &decompressor
                    )
                    return nil
                } catch { return error }
            }
        }
        let keys = refusal(ProduceRules(requiresKeys: true))
        #expect(keys?.code == .invalidRecord)
        #expect(keys?.recordIndexes == [1, 3])
        let times = refusal(ProduceRules(latestTimestamp: Timestamp(100)))
        #expect(times?.code == .invalidTimestamp)
        #expect(times?.recordIndexes == [2, 3])
        let both = refusal(ProduceRules(latestTimestamp: Timestamp(100), requiresKeys: true))
        #expect(both?.code == .invalidTimestamp)
        #expect(both?.recordIndexes == [1, 2, 3])
    }
}

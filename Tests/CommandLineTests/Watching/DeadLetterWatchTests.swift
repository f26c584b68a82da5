import Broker
import Bytes
import DirectoryAccess
import EmbeddedClient
import LogClient
import LogModel
import MillraceTestKit
import Testing

@testable import JobRunner

/// What is told of topics of dead letters.
@Suite struct DeadLetterWatchTests {
    private typealias Rig = WatchRig

    @Test func `dead letters are counted once, and anew when some were deleted`() throws {
        var rig = try Rig()
        try rig.client.createTopic(TopicSpecification(name: "j-dead-letters", partitionCount: 2))
        try rig.client.createTopic(TopicSpecification(name: "other", partitionCount: 1))
        rig.sampleSlowly()
        func told(_ name: String) throws -> Double? {
            try rig.metrics()["millrace_dead_letter_topic_\(name)", ["topic": "j-dead-letters"]]
        }
        #expect(try told("records") == 0)
        #expect(try told("oldest_age_seconds") == 0)
        try rig.write(4, to: "j-dead-letters")
        rig.time.advance(milliseconds: 60_000)
        rig.sampleSlowly()
        #expect(try told("records") == 4)
        try rig.write(1, to: "j-dead-letters")
        rig.sampleSlowly()
        #expect(try told("records") == 5)
        #expect(try told("oldest_age_seconds") == 60)
        let partition = TopicPartition("j-dead-letters", PartitionIndex(0))
        try rig.client.deleteRecords(of: partition, before: Offset(4))
        rig.sampleSlowly()
        #expect(try told("records") == 1)
        #expect(try told("oldest_age_seconds") == 0)
        #expect(rig.watch.look().deadLetters.map(\.topic) == ["j-dead-letters"])
    }

    /// Makes a topic of dead letters and writes some into it, a batch each.
    private func writeLetters(_ count: Int, byteCount: Int, _ rig: Rig) throws {
        try rig.client.createTopic(
            TopicSpecification(
                name: "j-dead-letters",
                partitionCount: 1,
                configuration: ["max.message.bytes": "\(8 << 20)"]
            )
        )
        let producer = try EmbeddedProducer(broker: rig.broker)
        for _ in 0..<count {
            var batch = RecordBatchBuilder()
            [UInt8](repeating: 7, count: byteCount).withUnsafeBytes {
                batch.append(timestamp: rig.time.wallTime(), key: nil, value: $0)
            }
            try producer.append(&batch, to: TopicPartition("j-dead-letters", PartitionIndex(0)))
            try producer.flush()
        }
    }

    @Test func `dead letters behind a batch that is larger than the buffer are counted`() throws {
        var rig = try Rig()
        try writeLetters(1, byteCount: 3 << 20, rig)
        try rig.write(2, to: "j-dead-letters")
        rig.sampleSlowly()
        let metrics = try rig.metrics()
        let topic = ["topic": "j-dead-letters"]
        #expect(metrics["millrace_dead_letter_topic_records", topic] == 3)
        #expect(metrics["millrace_dead_letter_topic_uncounted_offsets", topic] == 0)
    }

    @Test func `more dead letters than one round reads are told as far as they are counted`()
        throws
    {
        var rig = try Rig()
        try writeLetters(20, byteCount: 700_000, rig)
        let topic = ["topic": "j-dead-letters"]
        rig.sampleSlowly()
        var metrics = try rig.metrics()
        #expect(metrics["millrace_dead_letter_topic_records", topic] == 16)
        #expect(metrics["millrace_dead_letter_topic_uncounted_offsets", topic] == 4)
        rig.sampleSlowly()
        metrics = try rig.metrics()
        #expect(metrics["millrace_dead_letter_topic_records", topic] == 20)
        #expect(metrics["millrace_dead_letter_topic_uncounted_offsets", topic] == 0)
    }

    private func note(
        _ action: AuditRecord.Action,
        _ offsets: String,
        of partition: Int32 = 0,
        topic id: UniqueID? = nil,
        _ rig: Rig
    ) throws {
        var batch = RecordBatchBuilder()
        AuditRecord(
            cause: AuditRecord.Cause(action: action, id: "i", topicID: id, author: "ada"),
            partition: PartitionIndex(partition),
            offsets: try #require(OffsetRanges(offsets))
        ).append(to: &batch, at: rig.time.wallTime())
        let producer = try EmbeddedProducer(broker: rig.broker)
        let audit = TopicPartition("j-dead-letters-audit", PartitionIndex(0))
        try producer.append(&batch, to: audit)
        try producer.flush()
    }

    @Test func `dead letters are open until something is noted about them`() throws {
        var rig = try Rig()
        try rig.client.createTopic(TopicSpecification(name: "j-dead-letters", partitionCount: 2))
        func told() throws -> Double? {
            try rig.metrics()[
                "millrace_dead_letter_topic_open_records",
                ["topic": "j-dead-letters"]
            ]
        }
        rig.sampleSlowly()
        #expect(try told() == 0)
        try rig.write(10, to: "j-dead-letters")
        rig.sampleSlowly()
        #expect(try told() == 10)
        try rig.client.createTopic(
            TopicSpecification(name: "j-dead-letters-audit", partitionCount: 1)
        )
        rig.sampleSlowly()
        #expect(try told() == 10)
        try note(.park, "0-3,7", rig)
        rig.sampleSlowly()
        #expect(try told() == 5)
        // The same ones again, another partition's, another topic's, and what there is not.
        try note(.replay, "2-4", rig)
        try note(.drop, "0-9", of: 1, rig)
        try note(.drop, "0-9", topic: UniqueID(high: 1, low: 2), rig)
        try note(
            .drop,
            "10-9223372036854775807",
            topic: rig.broker.topic("j-dead-letters")?.id,
            rig
        )
        try rig.write(1, to: "j-dead-letters-audit")
        rig.sampleSlowly()
        #expect(try told() == 4)
        try rig.write(2, to: "j-dead-letters")
        rig.sampleSlowly()
        #expect(try told() == 6)
        let partition = TopicPartition("j-dead-letters", PartitionIndex(0))
        try rig.client.deleteRecords(of: partition, before: Offset(6))
        rig.sampleSlowly()
        // 6, 8, 9 and the two that came last.
        #expect(try told() == 5)
        let page = StateDocument(sample: rig.watch.look(), program: "p").json
        #expect(page.contains("\"open\":5"))
    }

    @Test func `dead letters of aborted transactions are none`() throws {
        var rig = try Rig()
        try rig.client.createTopic(TopicSpecification(name: "j-dead-letters", partitionCount: 1))
        try rig.write(1, to: "j-dead-letters")
        let producer = try rig.client.makeTransactionalProducer(
            transactionalID: "t",
            transactionTimeout: .seconds(60)
        )
        var batch = RecordBatchBuilder()
        batch.append(timestamp: rig.time.wallTime(), key: nil, value: nil)
        try producer.append(&batch, to: TopicPartition("j-dead-letters", PartitionIndex(0)))
        try producer.abort()
        rig.sampleSlowly()
        let metrics = try rig.metrics()
        let topic = ["topic": "j-dead-letters"]
        #expect(metrics["millrace_dead_letter_topic_records", topic] == 1)
        #expect(metrics["millrace_dead_letter_topic_open_records", topic] == 1)
        #expect(metrics["millrace_dead_letter_topic_uncounted_offsets", topic] == 0)
    }

    @Test func `a set of offsets is that of its offsets one by one`() {
        var generator = SeededGenerator(seed: 11)
        var set = OffsetSet()
        var expected: Set<Int64> = []
        for _ in 0..<300 {
            let first = Int64(generator.below(500))
            let range = first..<(first + Int64(generator.below(12)))
            set.insert(range)
            expected.formUnion(range)
            for (left, right) in zip(set.ranges, set.ranges.dropFirst()) {
                #expect(left.upperBound < right.lowerBound)
            }
            #expect(set.count(in: 100..<400) == expected.count { (100..<400).contains($0) })
        }
    }
}

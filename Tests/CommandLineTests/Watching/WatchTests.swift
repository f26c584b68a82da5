import Broker
import Coordination
import EmbeddedClient
import JSON
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Serdes
import Telemetry
import Testing

@testable import DirectoryAccess
@testable import JobRunner

@Suite struct WatchTests {
    private typealias Rig = WatchRig

    @Test func `what was written is what is told`() throws {
        var rig = try Rig()
        try rig.client.createTopic(TopicSpecification(name: "numbers", partitionCount: 3))
        try rig.write(40, to: "numbers")
        try rig.write(2, to: "numbers")
        rig.sampleSlowly()
        let metrics = try rig.metrics()
        #expect(metrics["millrace_topic_offsets_total", ["topic": "numbers"]] == 42)
        #expect(metrics["millrace_topic_held_offsets", ["topic": "numbers"]] == 42)
        #expect(metrics["millrace_topic_partitions", ["topic": "numbers"]] == 3)
        #expect(metrics["millrace_partitions", [:]] == 3)
        #expect(metrics["millrace_appended_batches_total", [:]] == 2)
        #expect(metrics["millrace_partitions_failing", ["state": "offline"]] == 0)
        let flushes = try #require(metrics["millrace_journal_flush_seconds_count", [:]])
        #expect(flushes >= 2)
        #expect(metrics["millrace_journal_group_partitions_count", [:]] == flushes)
        let bytes = try #require(metrics["millrace_topic_size_bytes", ["topic": "numbers"]])
        #expect(try bytes >= #require(metrics["millrace_appended_bytes_total", [:]]))
    }

    @Test func `a group's lag is told in records and in seconds`() throws {
        var rig = try Rig()
        try rig.client.createTopic(TopicSpecification(name: "t", partitionCount: 1))
        try rig.write(3, to: "t")
        rig.time.advance(milliseconds: 5000)
        try rig.write(2, to: "t")
        try rig.commit(3, of: "t", group: "half way")
        try rig.commit(5, of: "t", group: "at the end")
        rig.time.advance(milliseconds: 2500)
        rig.sampleSlowly()
        let metrics = try rig.metrics()
        func lag(_ unit: String, _ group: String) -> Double? {
            metrics["millrace_group_lag_\(unit)", ["group": group, "topic": "t", "partition": "0"]]
        }
        #expect(lag("records", "half way") == 2)
        #expect(lag("seconds", "half way") == 2.5)
        #expect(lag("records", "at the end") == 0)
        #expect(lag("seconds", "at the end") == 0)
        #expect(metrics["millrace_groups", [:]] == 2)
        // Where retention has overtaken a group, it reads next what is left.
        try rig.commit(0, of: "t", group: "half way")
        let partition = TopicPartition("t", PartitionIndex(0))
        try rig.client.deleteRecords(of: partition, before: Offset(3))
        rig.sampleSlowly()
        let name = ["group": "half way", "topic": "t", "partition": "0"]
        #expect(try rig.metrics()["millrace_group_lag_seconds", name] == 2.5)
        #expect(metrics["millrace_group_members", ["group": "half way"]] == 0)
    }

    @Test func `a partition without a position counts from the log's begin`() throws {
        var rig = try Rig()
        try rig.client.createTopic(TopicSpecification(name: "t", partitionCount: 3))
        try rig.client.createTopic(TopicSpecification(name: "other", partitionCount: 1))
        for partition in [0, 1] { try rig.write(3, to: "t", partition: Int32(partition)) }
        try rig.write(1, to: "other")
        try rig.client.deleteRecords(
            of: TopicPartition("t", PartitionIndex(1)),
            before: Offset(1)
        )
        try rig.commit(3, of: "t", group: "g")
        rig.time.advance(milliseconds: 2500)
        rig.sampleSlowly()
        let metrics = try rig.metrics()
        func lag(_ unit: String, _ topic: String, _ partition: String) -> Double? {
            let labels = ["group": "g", "topic": topic, "partition": partition]
            return metrics["millrace_group_lag_\(unit)", labels]
        }
        #expect(lag("records", "t", "0") == 0)
        #expect(lag("records", "t", "1") == 2)
        #expect(lag("seconds", "t", "1") == 2.5)
        #expect(lag("records", "t", "2") == 0)
        #expect(lag("records", "other", "0") == nil)
        #expect(metrics["millrace_group_partitions_left_out", [:]] == 0)
    }

    @Test func `what members are to read without a position is counted, and has no lag`() throws {
        var rig = try Rig()
        for topic in ["t", "u"] {
            try rig.client.createTopic(TopicSpecification(name: topic, partitionCount: 3))
            try rig.write(2, to: topic)
        }
        let beat = ConsumerHeartbeat(
            group: "g",
            memberID: "m",
            epoch: .joining,
            rebalanceMilliseconds: 60_000,
            topicNames: ["t", "u"],
            ownedPartitions: []
        )
        rig.broker.consumerHeartbeat(beat) { answer in #expect(answer.code == .none) }
        rig.sampleSlowly()
        func unplaced(_ topic: String) throws -> Double? {
            let labels = ["group": "g", "topic": topic]
            return try rig.metrics()["millrace_group_partitions_without_position", labels]
        }
        #expect(try unplaced("t") == 3)
        #expect(try unplaced("u") == 3)
        let lag = ["group": "g", "topic": "t", "partition": "0"]
        #expect(try rig.metrics()["millrace_group_lag_records", lag] == nil)
        let page = StateDocument(sample: rig.watch.look(), program: "p").json
        #expect(
            page.contains(
                #"{"topic":"t","records":null,"seconds":null,"withoutPosition":3}"#
            ),
            "\(page)"
        )
        // From its first position on, all of the topic counts.
        try rig.commit(1, of: "t", group: "g")
        rig.sampleSlowly()
        #expect(try unplaced("t") == nil)
        #expect(try unplaced("u") == 3)
        #expect(try rig.metrics()["millrace_group_lag_records", lag] == 1)
    }

    @Test func `an assignment that is none assigns nothing`() {
        #expect(GroupAssignments.partitions(in: []) == [])
        #expect(GroupAssignments.partitions(in: [0, 0, 0x7F, 0xFF, 0xFF, 0xFF]) == [])
        let one: [UInt8] = [
            0, 0, 0, 0, 0, 1, 0, 1, 0x74, 0, 0, 0, 2, 0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF,
            0xFF, 0xFF, 0xFF,
        ]
        #expect(
            GroupAssignments.partitions(in: one) == [TopicPartition("t", PartitionIndex(1))]
        )
    }

    @Test func `what readers of committed records do not see makes no group late`() throws {
        var rig = try Rig()
        try rig.client.createTopic(TopicSpecification(name: "t", partitionCount: 1))
        try rig.commit(0, of: "t", group: "g")
        let producer = try rig.client.makeTransactionalProducer(
            transactionalID: "x",
            transactionTimeout: .seconds(60)
        )
        let partition = TopicPartition("t", PartitionIndex(0))
        let name = ["group": "g", "topic": "t", "partition": "0"]
        var batch = RecordBatchBuilder()
        rig.append(to: &batch)
        try producer.append(&batch, to: partition)
        rig.time.advance(milliseconds: 5000)
        rig.sampleSlowly()
        #expect(try rig.metrics()["millrace_group_lag_seconds", name] ?? 0 == 0)
        try producer.abort()
        rig.sampleSlowly()
        #expect(try rig.metrics()["millrace_group_lag_seconds", name] == nil)
        #expect(try rig.metrics()["millrace_group_lag_records", name] == 2)
        batch.reset()
        rig.append(to: &batch)
        try producer.append(&batch, to: partition)
        try producer.commit()
        rig.time.advance(milliseconds: 1500)
        rig.sampleSlowly()
        #expect(try rig.metrics()["millrace_group_lag_seconds", name] == 1.5)
    }

    @Test func `open transactions are told with their age`() throws {
        let rig = try Rig()
        try rig.client.createTopic(TopicSpecification(name: "t", partitionCount: 1))
        let producer = try rig.client.makeTransactionalProducer(
            transactionalID: "</td>\"owner\"",
            transactionTimeout: .seconds(60)
        )
        var batch = RecordBatchBuilder()
        rig.append(to: &batch)
        try producer.append(&batch, to: TopicPartition("t", PartitionIndex(0)))
        rig.time.advance(milliseconds: 1500)
        var metrics = try rig.metrics()
        #expect(metrics["millrace_transactions_open", [:]] == 1)
        #expect(metrics["millrace_transaction_oldest_age_seconds", [:]] == 1.5)
        let shown = rig.watch.look().transactions
        #expect(shown.map(\.id) == ["</td>\"owner\""])
        #expect(shown.map(\.state) == ["Ongoing"])
        try producer.commit()
        metrics = try rig.metrics()
        #expect(metrics["millrace_transactions_open", [:]] == 0)
        #expect(metrics["millrace_transaction_oldest_age_seconds", [:]] == 0)
        #expect(metrics["millrace_transactions_total", ["result": "committed"]] == 1)
    }

    @Test func `names of any kind come through both documents`() throws {
        let name = "</script><img src=x onerror=alert(1)>\"\\\n\u{1}"
        let rig = try Rig()
        try rig.client.createTopic(TopicSpecification(name: "t", partitionCount: 1))
        try rig.commit(0, of: "t", group: name)
        #expect(try rig.metrics()["millrace_group_members", ["group": name]] == 0)
        let document = StateDocument(sample: rig.watch.look(), program: "serve").json
        struct State: Codable {
            struct Group: Codable { var id: String }
            var groups: [Group]
        }
        let state = try Array(document.utf8).withUnsafeBytes {
            try JSONSerde<State>().decode($0)
        }
        #expect(state.groups.map(\.id) == [name])
    }

    @Test func `groups beyond the limit are counted and left out`() throws {
        let rig = try Rig()
        try rig.client.createTopic(TopicSpecification(name: "t", partitionCount: 1))
        let count = WatchSample.groupLimit + 50
        for index in 0..<count { try rig.commit(0, of: "t", group: "group-\(index)") }
        let sample = rig.watch.look()
        #expect(sample.groupCount == count)
        #expect(sample.groups.count == WatchSample.groupLimit)
        #expect(sample.leftOutLagCount == 50)
    }

    @Test func `positions of a group beyond the limit are counted and left out`() throws {
        let rig = try Rig()
        let limit = WatchSample.groupPartitionLimit
        let count = limit + 30
        try rig.client.createTopic(
            TopicSpecification(name: "t", partitionCount: Int32(count))
        )
        let position = CommittedOffset(offset: .zero, commitTime: rig.time.wallTime())
        try rig.broker.commitOffsets(
            group: "g",
            Dictionary(
                uniqueKeysWithValues: (0..<count).map {
                    (TopicPartition("t", PartitionIndex(Int32($0))), position)
                }
            )
        )
        #expect(try rig.metrics()["millrace_group_partitions_left_out", [:]] == 30)
    }

    @Test func `health tells a full disk, and a log that is well`() throws {
        var rig = try Rig()
        rig.sampleSlowly()
        var sample = rig.watch.look()
        #expect(WatchHealth(sample).isHealthy)
        #expect(WatchHealth(sample).json == "{\"status\":\"ok\",\"reasons\":[]}")
        sample.freeByteCount = 12
        #expect(WatchHealth(sample).reasons.first?.hasPrefix("the disk is full: 12 bytes") == true)
        sample.freeByteCount = nil
        #expect(WatchHealth(sample).isHealthy)
        #expect(WatchHealth(sample).unreadiness == nil)
    }

    @Test func `health names ten partitions that are not whole, and counts the others`() throws {
        var sample = try Rig().watch.look()
        sample.partitions.offline = 12
        for index in 0..<12 {
            let partition = TopicPartition("t", PartitionIndex(Int32(index)))
            sample.troubled.append(.init(partition: partition, trouble: .offline("no folder")))
        }
        let health = WatchHealth(sample)
        #expect(health.reasons.first == "t-0 is offline: no folder")
        #expect(health.reasons.count == 11)
        #expect(health.reasons.last == "2 more partitions like that")
        #expect(!health.isHealthy)
    }
}

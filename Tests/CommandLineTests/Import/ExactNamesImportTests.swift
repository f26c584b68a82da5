import Broker
import Bytes
import Coordination
import DirectoryAccess
import KafkaRecords
import LogModel
import LogStorage
import MillraceTestKit
import Testing

@testable import DirectoryCommands

/// Names that Unicode calls equal are two names: groups and transactional ids are bytes to Kafka.
@Suite struct ExactNamesImportTests {
    private static let time: Int64 = 1_700_000_000_000
    private static let names = ["caf\u{E9}", "cafe\u{301}"]

    @Test func `each group keeps its own positions`() throws {
        let harness = try ImportHarness()
        try harness.maker.partition("t-0", [0: [Maker.batch(0, values: "a", "b", "c")]])
        let records = try Self.names.enumerated().map { number, name in
            (
                key: try OffsetCommitKey(group: name, topic: "t", partition: 0).encoded(),
                value: try OffsetCommitValue(
                    offset: Int64(number + 1),
                    commitTimestamp: 1
                ).encoded(version: 3)
            )
        }
        try harness.maker.partition("__consumer_offsets-3", [0: [ImportHarness.batch(records)]])
        let report = try harness.bring { (log) throws in
            for (number, name) in Self.names.enumerated() {
                let answers = try log.broker.committedOffsets(
                    group: name,
                    partitions: nil,
                    requireStable: true
                )
                guard case .committed(let value)? = answers.values.first else {
                    Issue.record("no position of the name with \(name.utf8.count) bytes")
                    continue
                }
                #expect(value.offset == Offset(Int64(number + 1)))
            }
        }
        #expect(report.groupCount == 2)
    }

    @Test(arguments: [false, true])
    func `each decided transaction is ended as it was decided`(raw: Bool) throws {
        let harness = try ImportHarness(isClean: false)
        let first = Maker.batch(0, values: "a", producer: .init(7, sequence: 0))
        let second = Maker.batch(1, values: "b", producer: .init(8, sequence: 0))
        try harness.maker.partition("t-0", [0: [first, second]])
        let records = try zip(Self.names, [Int64(7), 8]).map { name, producer in
            var metadata = TransactionMetadata(
                transactionalID: name,
                producerID: ProducerID(producer),
                epoch: ProducerEpoch(0),
                timeoutMilliseconds: 60_000,
                lastUpdateTime: Timestamp(Self.time)
            )
            metadata.state = .prepareCommit
            metadata.startTime = Timestamp(Self.time)
            metadata.partitions = [
                TopicIDPartition(.zero, TopicPartition("t", PartitionIndex(0)))
            ]
            let record = try TransactionRecord(transactionalID: name, value: metadata).encoded()
            return (key: record.key, value: try #require(record.value))
        }
        try harness.maker.partition("__transaction_state-4", [0: [ImportHarness.batch(records)]])
        try harness.bring(raw: raw) { (log) throws in
            let seen = try ImportHarness.records(log, "t-0")
            #expect(seen == ["0:a@\(Self.time)", "1:b@\(Self.time)"])
            let bounds = try log.broker.bounds(of: TopicPartition("t", PartitionIndex(0)))
            #expect(bounds.lastStableOffset == bounds.logEnd)
        }
    }
}

import Broker
import Bytes
import Coordination
import DirectoryAccess
import KafkaDirectory
import KafkaRecords
import LogModel
import LogStorage
import MillraceTestKit
import Testing

@testable import DirectoryCommands

/// What Kafka's own topics say of those that come over: positions, decided transactions, and the
/// producers whose ids are taken.
@Suite struct ImportedStateTests {
    private static let id = "AAAAAAAAQACAAAAAAAAAAg"
    private static let time: Int64 = 1_700_000_000_000

    private static func position(
        _ partition: Int32,
        _ offset: Int64,
        topicID: UniqueID
    ) throws -> (key: [UInt8], value: [UInt8]) {
        let value = OffsetCommitValue(offset: offset, commitTimestamp: 1, topicID: topicID)
        return (
            try OffsetCommitKey(group: "g", topic: "t", partition: partition).encoded(),
            try value.encoded(version: 4)
        )
    }

    @Test func `positions with the topic's id come over, those of an earlier topic do not`()
        throws
    {
        let harness = try ImportHarness()
        let id = try #require(UniqueID(Self.id))
        for name in ["t-0", "t-1"] {
            try harness.maker.partition(
                name,
                [0: [Maker.batch(0, values: "a", "b", "c")]],
                id: Self.id
            )
        }
        let earlier = UniqueID(high: 1, low: 1)
        try harness.maker.partition(
            "__consumer_offsets-3",
            [
                0: [
                    ImportHarness.batch([
                        try Self.position(0, 2, topicID: id),
                        try Self.position(1, 2, topicID: earlier),
                    ])
                ]
            ]
        )
        let report = try harness.bring { (log) throws in
            let answers = try log.broker.committedOffsets(
                group: "g",
                partitions: nil,
                requireStable: true
            )
            #expect(answers.keys.map(\.description) == ["t-0"])
            guard case .committed(let value)? = answers.values.first else {
                Issue.record("no position is committed")
                return
            }
            #expect(value.offset == Offset(2))
        }
        #expect(report.positionCount == 1)
    }

    @Test func `metadata that is too long here keeps nobody's records back`() throws {
        let harness = try ImportHarness()
        try harness.maker.partition("t-0", [0: [Maker.batch(0, values: "a", "b", "c")]])
        var value = OffsetCommitValue(offset: 2, commitTimestamp: 1)
        value.metadata = String(repeating: "m", count: 5_000)
        let key = try OffsetCommitKey(group: "g", topic: "t", partition: 0).encoded()
        try harness.maker.partition(
            "__consumer_offsets-0",
            [0: [ImportHarness.batch([(key, try value.encoded(version: 3))])]]
        )
        let report = try harness.bring { (log) throws in
            let answers = try log.broker.committedOffsets(
                group: "g",
                partitions: nil,
                requireStable: true
            )
            guard case .committed(let value)? = answers.values.first else {
                Issue.record("no position is committed")
                return
            }
            #expect(value.offset == Offset(2) && value.metadata.isEmpty)
        }
        #expect(report.warnings.contains("the group g had metadata of more than 4,096 characters"))
    }

    @Test(arguments: ["__consumer_offsets", "__transaction_state"])
    func `a part of what Kafka keeps of groups and transactions is told of`(topic: String) throws {
        let harness = try ImportHarness()
        try harness.maker.partition("t-0", [0: [Maker.batch(0, values: "a")]])
        try harness.maker.partition("\(topic)-2", [0: [Maker.batch(0)]])
        let report = try harness.bring()
        let other = ["__consumer_offsets", "__transaction_state"].first { $0 != topic } ?? ""
        #expect(report.warnings.contains("\(topic): 1 partition has its folder here, and nothing"))
        #expect(report.warnings.contains("\(other): no folder of it is here, and nothing tells"))
    }

    @Test(arguments: [(1, 2), (2, 2), (2, 3)])
    func `records that other replicas may not have are told of`(
        replicas: Int32,
        mark: Int64
    ) throws {
        let harness = try ImportHarness()
        let id = try #require(UniqueID(Self.id))
        try harness.maker.partition(
            "t-0",
            [0: [Maker.batch(0, values: "a", "b", "c")]],
            id: Self.id
        )
        try harness.maker.partition(
            "__cluster_metadata-0",
            [
                0: [
                    KafkaMetadataMaker.batch(
                        0,
                        [
                            try KafkaMetadataMaker.topic("t", id),
                            try KafkaMetadataMaker.partition(
                                0,
                                of: id,
                                replicas: Array(1...replicas)
                            ),
                        ]
                    )
                ]
            ]
        )
        try harness.maker.checkpoint("replication-offset", "t 0 \(mark)")
        let report = try harness.bring()
        #expect(report.topics.map(\.recordCount) == [3])
        let isTold = report.warnings.contains("t-0 from offset 2 on")
        #expect(isTold == (replicas == 2 && mark == 2), "\(report.warnings)")
    }

    /// A commit or an abort that its coordinator had decided, with one marker of two written.
    @Test(arguments: [TransactionResult.commit, .abort], [false, true])
    func `a decided transaction comes over whole`(result: TransactionResult, raw: Bool) throws {
        let harness = try ImportHarness(isClean: false)
        let records = Maker.batch(0, values: "a", "b", producer: .init(7, sequence: 0))
        try harness.maker.partition("t-0", [0: [records, Maker.marker(2, result, producer: 7)]])
        try harness.maker.partition("t-1", [0: [records]])
        var metadata = TransactionMetadata(
            transactionalID: "tx",
            producerID: ProducerID(7),
            epoch: ProducerEpoch(0),
            timeoutMilliseconds: 60_000,
            lastUpdateTime: Timestamp(Self.time)
        )
        metadata.state = result == .commit ? .prepareCommit : .prepareAbort
        metadata.startTime = Timestamp(Self.time)
        metadata.partitions = Set(
            (0..<2).map { TopicIDPartition(.zero, TopicPartition("t", PartitionIndex($0))) }
        )
        let record = try TransactionRecord(transactionalID: "tx", value: metadata).encoded()
        try harness.maker.partition(
            "__transaction_state-4",
            [0: [ImportHarness.batch([(record.key, try #require(record.value))])]]
        )
        let seen = result == .commit ? ["0:a@\(Self.time)", "1:b@\(Self.time)"] : []
        try harness.bring(raw: raw, options: ["t:cleanup.policy=compact"]) { (log) throws in
            for name in ["t-0", "t-1"] { #expect(try Self.committed(log, name) == seen, "\(name)") }
        }
        // And what was open is ended for the next owner as well.
        let log = try OpenLog(harness.target, creates: false)
        for name in ["t-0", "t-1"] { #expect(try Self.committed(log, name) == seen) }
        try log.close()
    }

    /// What a reader of committed records shows, which leaves out what the log names as aborted.
    private static func committed(_ log: OpenLog, _ name: String) throws -> [String] {
        let partition = try #require(TopicPartition(folder: name))
        let bounds = try log.broker.bounds(of: partition)
        #expect(bounds.lastStableOffset == bounds.logEnd)
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let answer = try buffer.withUnsafeMutableBytes {
            try log.broker.fetch(
                partition,
                from: bounds.logStart,
                isolation: .readCommitted,
                into: $0
            )
        }
        let aborted = answer.abortedTransactions.map(\.producerID)
        #expect(aborted.isEmpty || aborted == [ProducerID(7)])
        return aborted.isEmpty ? try ImportHarness.records(log, name) : []
    }

    @Test func `ids of imported producers are taken before the first of their records is there`()
        throws
    {
        let harness = try ImportHarness()
        let producer = Maker.Producer(41_234, sequence: 0, isTransactional: false)
        try harness.maker.partition("t-0", [0: [Maker.batch(0, values: "a", producer: producer)]])
        try harness.bring(raw: true) { (log) throws in
            let disk = PosixDisk()
            let text = try disk.open("\(harness.target)/producer-id-block", .read)
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = try bytes.withUnsafeMutableBytes { try text.read(into: $0, at: 0) }
            text.close()
            let lines = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n")
            #expect((lines.last.flatMap { Int64($0) } ?? 0) > 41_234)
        }
    }
}

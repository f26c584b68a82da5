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

/// What a coordinator had decided when its broker was killed, for records and positions alike.
@Suite struct DecidedImportTests {
    private static let time: Int64 = 1_700_000_000_000

    private static func batch(
        _ base: Int64,
        _ key: [UInt8],
        _ value: [UInt8],
        producer: Int64? = nil
    ) -> [UInt8] {
        var builder = RecordBatchBuilder()
        key.withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                builder.append(timestamp: Timestamp(time), key: key, value: value)
            }
        }
        return Array(
            builder.seal(
                as: RecordBatchHeader(
                    baseOffset: Offset(base),
                    leaderEpoch: LeaderEpoch(0),
                    attributes: BatchAttributes(isTransactional: producer != nil),
                    lastOffsetDelta: 0,
                    baseTimestamp: Timestamp(time),
                    maxTimestamp: Timestamp(time),
                    producerID: ProducerID(producer ?? -1),
                    producerEpoch: ProducerEpoch(producer == nil ? -1 : 0),
                    baseSequence: SequenceNumber(producer == nil ? -1 : 0),
                    recordCount: 1
                )
            )
        )
    }

    @Test func `decisions that the disk does not give are a finding, and the others count`()
        throws
    {
        let harness = try ImportHarness()
        for number in 0..<2 {
            try harness.maker.partition(
                "__transaction_state-\(number)",
                [0: [Self.batch(0, [1], [1])]]
            )
        }
        harness.disk.inject(
            DiskFault(.read, onPathEnding: "__transaction_state-0/\(Self.segment)")
        )
        let source = try KafkaDirectory.open(disk: harness.disk, path: harness.maker.path)
        let decided = DecidedTransactions(readableIn: source)
        #expect(decided.findings.map(\.severity) == [.damage])
        #expect(decided.findings.first?.partition.description == "__transaction_state-0")
        #expect(decided.findings.first?.reason.hasPrefix("it cannot be read: ") == true)
    }

    private static let segment = "00000000000000000000.log"

    /// The group's position in `in-0`.
    private static func position(
        _ base: Int64,
        _ offset: Int64,
        producer: Int64? = nil
    ) throws -> [UInt8] {
        batch(
            base,
            try OffsetCommitKey(group: "g", topic: "in", partition: 0).encoded(),
            try OffsetCommitValue(offset: offset, commitTimestamp: 1).encoded(version: 3),
            producer: producer
        )
    }

    /// The newest record of `__transaction_state`: producer 7, decided.
    private static func decide(
        _ harness: ImportHarness,
        _ state: TransactionState,
        epoch: Int16 = 0,
        clientVersion: Int16 = 0,
        _ partitions: String...
    ) throws {
        var metadata = TransactionMetadata(
            transactionalID: "tx",
            producerID: ProducerID(7),
            epoch: ProducerEpoch(epoch),
            timeoutMilliseconds: 60_000,
            lastUpdateTime: Timestamp(time)
        )
        metadata.state = state
        metadata.startTime = Timestamp(time)
        metadata.clientVersion = clientVersion
        metadata.partitions = Set(
            try partitions.map {
                TopicIDPartition(.zero, try #require(TopicPartition(folder: $0)))
            }
        )
        let record = try TransactionRecord(transactionalID: "tx", value: metadata).encoded()
        try harness.maker.partition(
            "__transaction_state-4",
            [0: [batch(0, record.key, try #require(record.value))]]
        )
    }

    private static func committedPosition(_ log: OpenLog) throws -> Int64? {
        let answers = try log.broker.committedOffsets(
            group: "g",
            partitions: nil,
            requireStable: true
        )
        guard case .committed(let value)? = answers.values.first else { return nil }
        return value.offset.rawValue
    }

    /// A read-process-write transaction: two records out, the position in from 1 to 3.
    @Test(arguments: [TransactionState.prepareCommit, .prepareAbort], [false, true])
    func `positions of a decided transaction come over as its records do`(
        state: TransactionState,
        outputIsMarked: Bool
    ) throws {
        for raw in [false, true] { try Self.bringDecided(state, outputIsMarked, raw) }
    }

    private static func bringDecided(
        _ state: TransactionState,
        _ outputIsMarked: Bool,
        _ raw: Bool
    ) throws {
        let harness = try ImportHarness(isClean: false)
        let result: TransactionResult = state == .prepareCommit ? .commit : .abort
        try harness.maker.partition("in-0", [0: [Maker.batch(0, values: "a", "b", "c")]])
        var output = [Maker.batch(0, values: "x", "y", producer: .init(7, sequence: 0))]
        if outputIsMarked { output.append(Maker.marker(2, result, producer: 7)) }
        try harness.maker.partition("out-0", [0: output])
        try harness.maker.partition(
            "__consumer_offsets-0",
            [0: [Self.position(0, 1), Self.position(1, 3, producer: 7)]]
        )
        try Self.decide(harness, state, "out-0", "__consumer_offsets-0")
        try harness.bring(raw: raw) { (log) throws in
            #expect(try Self.committedPosition(log) == (result == .commit ? 3 : 1))
            if !raw || result == .commit {
                let values = try ImportHarness.records(log, "out-0").map { $0.prefix(3) }
                #expect(values == (result == .commit ? ["0:x", "1:y"] : []))
            }
        }
    }

    @Test(arguments: [false, true])
    func `an open transaction's positions do not come over, and that is told`(
        raw: Bool
    ) throws {
        let harness = try ImportHarness(isClean: false)
        try harness.maker.partition("in-0", [0: [Maker.batch(0, values: "a", "b", "c")]])
        // Decided was the one before: its marker is there.
        try harness.maker.partition(
            "__consumer_offsets-0",
            [
                0: [
                    Self.position(0, 1, producer: 7),
                    Maker.marker(1, .commit, producer: 7, time: Self.time),
                    Self.position(2, 3, producer: 7),
                ]
            ]
        )
        try Self.decide(harness, .prepareCommit, "__consumer_offsets-0")
        let report = try harness.bring(raw: raw) { (log) throws in
            #expect(try Self.committedPosition(log) == 1)
        }
        #expect(
            report.notes.contains {
                $0.hasPrefix("the group g: left out 1 position of transactions ")
            }
        )
    }

    /// Kafka flushes neither file: a power loss, or a copy of a running broker's directory, leaves
    /// the state log behind.
    @Test(arguments: [TransactionState.prepareCommit, .prepareAbort], [false, true])
    func `a decision does not end the transaction behind its marker`(
        state: TransactionState,
        raw: Bool
    ) throws {
        let harness = try ImportHarness(isClean: false)
        let result: TransactionResult = state == .prepareCommit ? .commit : .abort
        try harness.maker.partition(
            "t-0",
            [
                0: [
                    Maker.batch(0, values: "first", producer: .init(7, epoch: 3, sequence: 0)),
                    Maker.marker(1, result, producer: 7, epoch: 4),
                    Maker.batch(2, values: "undecided", producer: .init(7, epoch: 4, sequence: 0)),
                    Maker.batch(3, values: "plain"),
                ]
            ]
        )
        try Self.decide(harness, state, epoch: 4, clientVersion: 2, "t-0")
        let partition = TopicPartition("t", PartitionIndex(0))
        try harness.bring(raw: raw) { (log) throws in
            let bounds = try log.broker.bounds(of: partition)
            #expect(bounds.lastStableOffset == Offset(raw ? 2 : 4))
            #expect(bounds.logEnd == Offset(4))
            let values = try ImportHarness.records(log, "t-0").map { $0.split(separator: "@")[0] }
            #expect(!values.contains("2:undecided"))
            #expect(raw || values.contains("3:plain"))
            if raw { #expect(try ImportHarness.producers(log, "t-0") == [7, 7, 7, -1]) }
        }
    }
}

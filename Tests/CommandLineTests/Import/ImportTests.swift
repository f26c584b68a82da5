import Broker
import Bytes
import Coordination
import DirectoryAccess
import Foundation
import KafkaDirectory
import KafkaRecords
import LogModel
import LogStorage
import MillraceTestKit
import Terminal
import Testing

@testable import DirectoryCommands

/// What an import brings, from hand-made directories of Kafka's.
@Suite struct ImportTests {
    private static let time: Int64 = 1_700_000_000_000
    /// Lets a log that does not know of imports read over gaps.
    private static let compacted = ["t:cleanup.policy=compact"]

    /// Committed, aborted and open transactions, with plain records between.
    private static func fillTransactions(_ maker: KafkaDirectoryMaker) throws {
        func batch(_ base: Int64, _ value: String, _ id: Int64) -> [UInt8] {
            Maker.batch(base, values: value, producer: .init(id, sequence: Int32(base)))
        }
        try maker.partition(
            "t-0",
            [
                0: [
                    batch(0, "a", 1), batch(1, "b", 2), Maker.batch(2, values: "c", "d"),
                    Maker.marker(4, .abort, producer: 1), Maker.marker(5, .commit, producer: 2),
                    batch(6, "e", 3), Maker.batch(7, values: "f"),
                ]
            ]
        )
    }

    @Test func `what a read_committed reader sees comes over, each record at its offset`() throws {
        let harness = try ImportHarness()
        try Self.fillTransactions(harness.maker)
        let report = try harness.bring(options: Self.compacted) { (log) throws in
            #expect(
                try ImportHarness.records(log, "t-0", .readUncommitted)
                    == ["1:b", "2:c", "3:d", "7:f"].map { "\($0)@\(Self.time)" }
            )
            #expect(try ImportHarness.producers(log, "t-0") == [-1, -1, -1])
            let bounds = try log.broker.bounds(of: TopicPartition("t", PartitionIndex(0)))
            #expect(bounds.logEnd == Offset(8) && bounds.lastStableOffset == Offset(8))
            // Nothing was deleted before the first record that is left.
            #expect(bounds.logStart == .zero)
        }
        #expect(!report.isDamaged)
        #expect(
            report.text(isRaw: false).hasPrefix(
                "t: 1 partition, 4 records; left out: 1 record of aborted transactions, "
                    + "1 record of open transactions, 2 markers\n"
            )
        )
        #expect(report.warnings.contains("left out 1 record of transactions whose end this folder"))
    }

    @Test func `raw brings transactions, markers and producers as they lie`() throws {
        let harness = try ImportHarness()
        try Self.fillTransactions(harness.maker)
        try harness.bring(raw: true) { (log) throws in
            #expect(try ImportHarness.producers(log, "t-0") == [1, 2, -1, 1, 2, 3, -1])
            let bounds = try log.broker.bounds(of: TopicPartition("t", PartitionIndex(0)))
            #expect(bounds.logEnd == Offset(8) && bounds.lastStableOffset == Offset(6))
        }
    }

    @Test func `old message formats become batches, log starts and holes stay`() throws {
        let harness = try ImportHarness()
        let inner = try (0..<2).map {
            try Maker.message(Int64($0), format: 1, time: 3, value: "w\($0)")
        }
        try harness.maker.partition(
            "t-1",
            [
                5: [
                    try Maker.message(5, format: 0, key: "k", value: "v0"),
                    try Maker.message(6, format: 1, time: 7, value: "v1"),
                    try Maker.wrapper(8, format: 1, time: 9, around: inner, attributes: 8),
                    Maker.batch(9, values: "v2", time: 11),
                ]
            ],
            id: nil
        )
        try harness.maker.checkpoint("log-start-offset", "t 1 6")
        let report = try harness.bring(options: Self.compacted) { (log) throws in
            #expect(log.broker.topic("t")?.partitions.count == 2)
            #expect(try ImportHarness.records(log, "t-0") == [])
            #expect(
                try ImportHarness.records(log, "t-1") == ["6:v1@7", "7:w0@9", "8:w1@9", "9:v2@11"]
            )
        }
        #expect(report.warnings.contains("1 of 2 partitions have no folder here"))
    }

    @Test(arguments: [false, true])
    func `records before the log's start are not counted`(raw: Bool) throws {
        let harness = try ImportHarness()
        try harness.maker.partition("t-0", [0: [Maker.batch(0, values: "a", "b", "c")]])
        try harness.maker.checkpoint("log-start-offset", "t 0 2")
        let report = try harness.bring(raw: raw) { (log) throws in
            #expect(try ImportHarness.records(log, "t-0").count == 1)
        }
        #expect(report.topics.map(\.recordCount) == [1])
    }

    @Test func `the next record never gets an offset that was used`() throws {
        let harness = try ImportHarness()
        try harness.maker.partition(
            "t-0",
            [
                0: [
                    Maker.batch(0, values: "a", producer: .init(1, sequence: 0)),
                    Maker.marker(1, .abort, producer: 1),
                ], 40: [],
            ]
        )
        try harness.bring(options: Self.compacted) { (log) throws in
            let partition = TopicPartition("t", PartitionIndex(0))
            #expect(try log.broker.bounds(of: partition).logEnd == Offset(40))
            #expect(try ImportHarness.records(log, "t-0", .readUncommitted) == [])
        }
    }

    @Test func `what lies in front of damage comes over, and the rest is told`() throws {
        let harness = try ImportHarness()
        var bad = Maker.batch(1, values: "b")
        bad[bad.count - 1] ^= 1
        try harness.maker.partition(
            "t-0",
            [0: [Maker.batch(0, values: "a"), bad, Maker.batch(2, values: "c")]]
        )
        let report = try harness.bring { (log) throws in
            #expect(try ImportHarness.records(log, "t-0") == ["0:a@\(Self.time)"])
        }
        #expect(report.isDamaged)
        #expect(
            report.warnings.contains("damage: t-0: /kafka/t-0/00000000000000000000.log, byte 69")
        )
        #expect(report.text(isRaw: false).contains("not whole"))
    }

    @Test func `a missing segment is told as damage, unless the topic is compacted`() throws {
        for isCompacted in [false, true] {
            let harness = try ImportHarness()
            try harness.maker.partition(
                "t-0",
                [0: [Maker.batch(0, values: "a")], 5: [Maker.batch(5, values: "f")]]
            )
            let options = isCompacted ? Self.compacted : []
            let report = try harness.bring(options: options) { (log) throws in
                #expect(
                    try ImportHarness.records(log, "t-0")
                        == ["0:a", "5:f"].map { "\($0)@\(Self.time)" }
                )
            }
            #expect(report.isDamaged != isCompacted)
            #expect(report.text(isRaw: false).contains("not whole") != isCompacted)
            #expect(report.warnings.contains("a segment is missing") != isCompacted)
        }
    }

    @Test func `a directory with Kafka's own topics alone is refused`() throws {
        let harness = try ImportHarness()
        let position = try Self.position("g", "t", 0, 1)
        try harness.maker.partition("__consumer_offsets-3", [0: [Self.batch([position])]])
        let failure = #expect(throws: CommandFailure.self) { try harness.bring() }
        #expect(failure?.reason?.contains("only Kafka's own are here (__consumer_offsets)") == true)
    }

    @Test func `an import that is stopped leaves none of its topics`() throws {
        let harness = try ImportHarness()
        for name in ["a-0", "b-0"] {
            try harness.maker.partition(name, [0: [Maker.batch(0, values: "x")]])
        }
        let log = try OpenLog(harness.target, creates: true)
        let running = KafkaImport(
            source: try KafkaDirectory.open(disk: harness.disk, path: harness.maker.path),
            log: log,
            request: ImportRequest(),
            time: ManualTimeSource()
        )
        running.requestStop()
        #expect(throws: ImportStopped.self) { try running.run() }
        #expect(log.broker.topics().filter { !$0.isInternal }.isEmpty)
        #expect(try log.unfinishedImports() == [])
        try log.close()
        NewDirectory(path: harness.target, before: nil).removeIfUnused()
        #expect(try PosixDisk().kind(of: harness.target) == nil)
    }

    @Test func `a directory that has topics is not removed, nor what was there before`() throws {
        let harness = try ImportHarness()
        try harness.maker.partition("t-0", [0: [Maker.batch(0, values: "x")]])
        try harness.bring()
        NewDirectory(path: harness.target, before: nil).removeIfUnused()
        let names = try PosixDisk().list(harness.target)
        #expect(names.contains("t-0"))
        let other = try ImportHarness()
        try OpenLog(other.target, creates: true).close()
        let mine = try PosixDisk().open("\(other.target)/lost+found", .create)
        mine.close()
        NewDirectory(path: other.target, before: ["lost+found"]).removeIfUnused()
        #expect(try PosixDisk().list(other.target) == ["lost+found"])
    }

    @Test func `options come along, unknown ones are told once, wrong ones are refused`() throws {
        let harness = try ImportHarness()
        for name in ["t-0", "u-0"] { try harness.maker.partition(name, [0: []]) }
        let report = try harness.bring(
            options: [
                "t:retention.ms=5", "u:cleanup.policy=compact", "t:min.insync.replicas=2",
                "u:min.insync.replicas=2",
            ]
        ) { (log) throws in
            #expect(log.broker.topic("t")?.options == ["retention.ms": "5"])
            #expect(log.broker.topic("u")?.options == ["cleanup.policy": "compact"])
        }
        #expect(
            Array(report.notes.prefix(2)) == [
                "the option min.insync.replicas (of t, u) is not known here and is left out",
                "nothing in this folder says how long compaction waits in u: Kafka's defaults "
                    + "hold; --config TOPIC:min.compaction.lag.ms=N and delete.retention.ms=N "
                    + "change that",
            ]
        )
        let other = try ImportHarness()
        try other.maker.partition("t-0", [0: []])
        for option in [
            "t:retention.ms=x", "v:retention.ms=5", "retention.ms=5", "t:retention.mss=5",
        ] {
            #expect(throws: CommandFailure.self) { try other.bring(options: [option]) }
        }
        try other.bring { (log) throws in
            #expect(log.broker.topic("t")?.options == ["retention.ms": "-1"])
        }
    }

    @Test func `a topic that exists is refused before anything is copied`() throws {
        let harness = try ImportHarness()
        for name in ["t-0", "u-0"] {
            try harness.maker.partition(name, [0: [Maker.batch(0, values: "a")]])
        }
        try harness.bring(topics: "u")
        #expect(throws: CommandFailure.self) { try harness.bring() }
        try harness.bring(topics: "t") { (log) throws in
            #expect(log.broker.topics().filter { !$0.isInternal }.map(\.name) == ["t", "u"])
        }
        #expect(throws: CommandFailure.self) { try harness.bring(topics: "__consumer_offsets") }
    }

    @Test func `an import that fails leaves none of its topics`() throws {
        let harness = try ImportHarness()
        for name in ["a-0", "b-0"] {
            try harness.maker.partition(name, [0: [Maker.batch(0, values: "x")]])
        }
        harness.disk.inject(
            DiskFault(.read, onPathEnding: "b-0/00000000000000000000.log", skipping: 1)
        )
        #expect(throws: DiskError.self) { try harness.bring() }
        harness.disk.clearFaults()
        let report = try harness.bring { (log) throws in
            #expect(try ImportHarness.records(log, "b-0") == ["0:x@\(Self.time)"])
        }
        #expect(report.topics.map(\.name) == ["a", "b"])
    }

    @Test func `positions of groups come with their topics, none of them behind the end`() throws {
        let harness = try ImportHarness()
        try harness.maker.partition("t-0", [0: [Maker.batch(0, values: "a", "b", "c")]])
        let positions = try [("t", 0, 2), ("t", 0, 3), ("gone", 0, 7)].map {
            topic,
            number,
            offset in
            try Self.position("g", topic, Int32(number), Int64(offset))
        }
        let late = try Self.position("late", "t", 0, 99)
        try harness.maker.partition("__consumer_offsets-3", [0: [Self.batch(positions + [late])]])
        let report = try harness.bring { (log) throws in
            #expect(try Self.positions(of: "g", log) == ["t-0": 3])
            #expect(try Self.positions(of: "late", log) == ["t-0": 3])
        }
        #expect(report.groupCount == 2 && report.positionCount == 2)
        #expect(report.warnings.contains("positions of groups that lay behind what was brought"))
    }

    private static func positions(of group: String, _ log: OpenLog) throws -> [String: Int64] {
        let answers = try log.broker.committedOffsets(
            group: group,
            partitions: nil,
            requireStable: true
        )
        var positions: [String: Int64] = [:]
        for (partition, answer) in answers {
            if case .committed(let value) = answer {
                positions[partition.description] = value.offset.rawValue
            }
        }
        return positions
    }

    private static func position(
        _ group: String,
        _ topic: String,
        _ partition: Int32,
        _ offset: Int64
    ) throws -> (key: [UInt8], value: [UInt8]) {
        (
            try OffsetCommitKey(group: group, topic: topic, partition: partition).encoded(),
            try OffsetCommitValue(offset: offset, commitTimestamp: 1).encoded(version: 3)
        )
    }

    private static func batch(_ records: [(key: [UInt8], value: [UInt8])]) -> [UInt8] {
        var builder = RecordBatchBuilder()
        for record in records {
            record.key.withUnsafeBytes { key in
                record.value.withUnsafeBytes { value in
                    builder.append(timestamp: Timestamp(1), key: key, value: value)
                }
            }
        }
        return Array(builder.seal())
    }

    /// Gaps of an imported topic that is not compacted are no damage.
    @Test func `gaps are there after the log was opened again`() throws {
        let harness = try ImportHarness()
        try Self.fillTransactions(harness.maker)
        try harness.bring()
        let log = try OpenLog(harness.target, creates: false)
        let records = Result { try ImportHarness.records(log, "t-0") }
        try log.close()
        #expect(try records.get() == ["1:b", "2:c", "3:d", "7:f"].map { "\($0)@\(Self.time)" })
    }
}

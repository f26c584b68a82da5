import Bytes
import KafkaDirectory
import LogModel
import MillraceTestKit
import Testing

/// Topics and options out of KRaft's own log.
@Suite struct MetadataTests {
    private static let first = UniqueID(high: 1, low: 2)
    private static let second = UniqueID(high: 3, low: 4)

    private typealias Make = KafkaMetadataMaker

    private static func metadata(
        _ records: [[UInt8]],
        snapshot: (name: String, records: [[UInt8]])? = nil
    ) throws -> ClusterMetadata {
        let kafka = try KafkaReading()
        try kafka.maker.partition("__cluster_metadata-0", [0: [Make.batch(0, records)]])
        if let snapshot {
            try kafka.maker.write(
                "__cluster_metadata-0/\(snapshot.name)",
                Make.batch(0, snapshot.records)
            )
        }
        return try #require(try kafka.open().metadata)
    }

    @Test func `topics, partition counts and options are told by records in order`() throws {
        let metadata = try Self.metadata([
            Make.topic("t", Self.first), Make.partition(0, of: Self.first),
            Make.partition(2, of: Self.first), Make.option("t", "retention.ms", "-1"),
            Make.option("t", "segment.bytes", "9"), Make.option("t", "segment.bytes", nil),
            Make.topic("gone", Self.second), Make.removal(Self.second),
            Make.record(20) { $0.writeInteger(Int32(1)) },
        ])
        #expect(metadata.problems.isEmpty)
        #expect(metadata.topics.keys.sorted() == ["t"])
        #expect(metadata.topics["t"]?.partitionCount == 3)
        #expect(metadata.topics["t"]?.options == ["retention.ms": "-1"])
    }

    @Test func `what this broker was told goes before what all were told`() throws {
        func told(_ owner: String, _ name: String, _ value: String?) throws -> [UInt8] {
            try Make.option(owner, name, value, resource: Make.brokerResource)
        }
        let metadata = try Self.metadata([
            told("", "log.retention.ms", "77"), told("1", "log.retention.ms", "-1"),
            told("2", "log.retention.ms", "2000"), told("", "log.roll.ms", "5"),
            told("1", "log.roll.ms", "6"), told("1", "log.roll.ms", nil),
            told("", "num.io.threads", "9"),
        ])
        #expect(metadata.defaults(ofNode: 1).values == ["retention.ms": "-1", "segment.ms": "5"])
        #expect(metadata.defaults(ofNode: 2).values["retention.ms"] == "2000")
        #expect(metadata.defaults(ofNode: 3).values["retention.ms"] == "77")
        #expect(
            metadata.defaults(ofNode: nil)
                == BrokerDefaults(values: ["segment.ms": "5"], doubtful: ["retention.ms"])
        )
    }

    @Test(
        arguments: [
            ("node.id=2", "2000"), ("broker.id=2", "2000"), ("node.id=3", "77"), ("#", nil),
        ] as [(String, String?)]
    )
    func `meta.properties tells which broker this is`(line: String, expected: String?) throws {
        let kafka = try KafkaReading(properties: "version=1\n\(line)\n")
        let records = try [("", "77"), ("2", "2000")].map {
            try Make.option($0.0, "log.retention.ms", $0.1, resource: Make.brokerResource)
        }
        try kafka.maker.partition("__cluster_metadata-0", [0: [Make.batch(0, records)]])
        let defaults = try kafka.open().defaults
        #expect(defaults.values["retention.ms"] == expected)
        #expect(defaults.doubtful == (expected == nil ? ["retention.ms"] : []))
    }

    @Test func `a broker's options of the cleaner and of indexes are its topics'`() throws {
        let names = [
            "log.cleaner.min.compaction.lag.ms": "min.compaction.lag.ms",
            "log.cleaner.max.compaction.lag.ms": "max.compaction.lag.ms",
            "log.cleaner.delete.retention.ms": "delete.retention.ms",
            "log.cleaner.min.cleanable.ratio": "min.cleanable.dirty.ratio",
            "log.index.interval.bytes": "index.interval.bytes",
        ]
        let metadata = try Self.metadata(
            try names.keys.sorted().map {
                try Make.option("", $0, "1", resource: Make.brokerResource)
            }
        )
        #expect(metadata.defaults(ofNode: 1).values.keys.sorted() == names.values.sorted())
    }

    @Test func `records that no snapshot stands for are missed`() throws {
        for start in [0, 3] as [Int64] {
            let kafka = try KafkaReading()
            let records = [try Make.topic("t", Self.first)]
            try kafka.maker.partition("__cluster_metadata-0", [start: [Make.batch(start, records)]])
            let metadata = try #require(try kafka.open().metadata)
            #expect(metadata.isWhole == (start == 0))
            #expect(metadata.problems.isEmpty == (start == 0))
        }
    }

    @Test func `the newest snapshot stands for the log in front of it`() throws {
        let name = KafkaDirectoryMaker.digits(2) + "-0000000001.checkpoint"
        let metadata = try Self.metadata(
            [
                Make.topic("old", Self.second), Make.removal(Self.first),
                Make.option("t", "retention.ms", "5"),
            ],
            snapshot: (
                name, [Make.option("t", "cleanup.policy", "compact"), Make.topic("t", Self.first)]
            )
        )
        #expect(metadata.topics.keys.sorted() == ["t"])
        #expect(
            metadata.topics["t"]?.options == ["cleanup.policy": "compact", "retention.ms": "5"]
        )
    }

    @Test func `an aborted metadata transaction leaves nothing`() throws {
        let metadata = try Self.metadata([
            Make.topic("t", Self.first), Make.record(23) { _ in },
            Make.topic("u", Self.second), Make.option("t", "retention.ms", "1"),
            Make.record(25) { _ in },
        ])
        #expect(metadata.topics.keys.sorted() == ["t"])
        #expect(metadata.topics["t"]?.options == [:])
    }

    @Test func `each cut of a record is told and no trap`() throws {
        let whole = try Make.option("topic", "retention.ms", "-1")
        for count in 0..<whole.count - 1 {
            let metadata = try Self.metadata([Array(whole[..<count])])
            #expect(metadata.problems.count == 1 && !metadata.isWhole, "\(count)")
        }
        #expect(try Self.metadata([Make.record(4, version: 9) { _ in }]).problems.count == 1)
    }
}

import Broker
import Bytes
import DirectoryAccess
import KafkaDirectory
import LogModel
import LogStorage
import MillraceTestKit
import Terminal
import Testing

@testable import DirectoryCommands

/// The options that topics get of an import: those in effect, and where that is not sure the ones
/// that keep records.
@Suite struct EffectiveOptionsTests {
    private typealias Make = KafkaMetadataMaker
    private static let id = "AAAAAAAAQACAAAAAAAAAAg"
    private static let longest = "\(Int64.max)"

    /// The topic `t` in a directory of broker 1, or what `properties` says.
    private static func harness(
        _ options: [[UInt8]],
        properties: String = KafkaDirectoryMaker.properties
    ) throws -> ImportHarness {
        let harness = try ImportHarness(properties: properties)
        try harness.maker.partition("t-0", [0: [Maker.batch(0, values: "a")]], id: id)
        let topic = try Make.topic("t", try #require(UniqueID(id)))
        try harness.maker.partition(
            "__cluster_metadata-0",
            [0: [Make.batch(0, [topic] + options)]]
        )
        return harness
    }

    private static func own(_ name: String, _ value: String) throws -> [UInt8] {
        try Make.option("t", name, value)
    }

    private static func told(_ owner: String, _ name: String, _ value: String) throws -> [UInt8] {
        try Make.option(owner, name, value, resource: Make.brokerResource)
    }

    /// What `t` has after an import, and what a person is told.
    private static func imported(
        _ harness: ImportHarness,
        options: [String] = []
    ) throws -> (options: [String: String], notes: [String]) {
        var found: [String: String] = [:]
        let report = try harness.bring(options: options) { (log) throws in
            found = log.broker.topic("t")?.options ?? [:]
        }
        return (found, report.notes)
    }

    @Test func `the topic's own option counts, then this broker's, then that of all brokers`()
        throws
    {
        let told = try [
            Self.told("", "log.retention.ms", "2000"), Self.told("1", "log.retention.ms", "-1"),
            Self.told("", "log.roll.ms", "1000"), Self.told("2", "log.retention.ms", "1"),
        ]
        #expect(
            try Self.imported(Self.harness(told)).options
                == ["retention.ms": "-1", "segment.ms": "1000"]
        )
        let own = try [Self.own("retention.ms", "7"), Self.own("segment.ms", "8")]
        #expect(
            try Self.imported(Self.harness(told + own)).options
                == ["retention.ms": "7", "segment.ms": "8"]
        )
    }

    @Test func `an empty cleanup.policy keeps for ever, whatever the broker deletes`() throws {
        let records = try [
            Self.told("", "log.retention.ms", "2000"),
            Self.told("", "log.cleanup.policy", "compact"),
            Self.own("cleanup.policy", ""),
        ]
        let harness = try Self.harness(records)
        let (options, notes) = try Self.imported(harness)
        #expect(options == ["cleanup.policy": "", "retention.ms": "2000"])
        #expect(notes.isEmpty)
        // The next owner of the directory reads it as well.
        let log = try OpenLog(harness.target, creates: false)
        #expect(log.broker.topic("t")?.options["cleanup.policy"] == "")
        try log.close()
    }

    @Test(arguments: [
        ("cleanup.policy", "keep", ""), ("retention.ms", "a week", "-1"),
        ("retention.bytes", "-7", "-1"),
        ("min.compaction.lag.ms", "1h", EffectiveOptionsTests.longest),
        ("max.compaction.lag.ms", "0", EffectiveOptionsTests.longest),
        ("delete.retention.ms", "-1", EffectiveOptionsTests.longest),
        ("min.cleanable.dirty.ratio", "half", "1"),
    ])
    func `an option that makes no sense is answered with what keeps most, not with the broker's`(
        name: String,
        value: String,
        most: String
    ) throws {
        let defaults = try [
            Self.told("", "log.cleanup.policy", "compact"), Self.told("", "log.retention.ms", "1"),
            Self.told("", "log.retention.bytes", "1"),
            Self.told("", "log.cleaner.min.compaction.lag.ms", "1"),
            Self.told("", "log.cleaner.max.compaction.lag.ms", "1"),
            Self.told("", "log.cleaner.delete.retention.ms", "1"),
            Self.told("", "log.cleaner.min.cleanable.ratio", "0"),
        ]
        let harness = try Self.harness(defaults + [Self.own(name, value)])
        let (options, notes) = try Self.imported(harness)
        #expect(options[name] == most)
        #expect(notes.contains { $0.contains("\(name)=\(most)") }, "\(notes)")
    }

    @Test func `an option that decides nothing about records is left out if it makes no sense`()
        throws
    {
        let harness = try Self.harness([
            Self.own("max.message.bytes", "1"), Self.own("retention.ms", "5"),
        ])
        let (options, notes) = try Self.imported(harness)
        #expect(options == ["retention.ms": "5"])
        #expect(notes.count == 1 && notes[0].contains("max.message.bytes=1 is left out"))
    }

    @Test func `where nothing tells which broker this is, no broker's own option deletes`() throws {
        let records = try [
            Self.told("", "log.retention.ms", "2000"), Self.told("1", "log.retention.ms", "-1"),
        ]
        let harness = try Self.harness(records, properties: "version=1\n")
        let (options, notes) = try Self.imported(harness)
        #expect(options == ["retention.ms": "-1"])
        #expect(notes.contains { $0.contains("meta.properties does not say which") })
        // What the topic says itself is sure.
        let sure = try Self.harness(
            records + [Self.own("retention.ms", "9")],
            properties: "version=1\n"
        )
        #expect(try Self.imported(sure).options == ["retention.ms": "9"])
    }

    @Test func `options that an unreadable record may have changed delete nothing`() throws {
        let unreadable = try Make.record(4, version: 9) { _ in }
        let harness = try Self.harness([
            Self.own("retention.ms", "5"), Self.own("cleanup.policy", "compact,delete"),
            Self.own("segment.ms", "8"), unreadable,
        ])
        let (options, notes) = try Self.imported(harness)
        #expect(options == ["retention.ms": "-1", "segment.ms": "8"])
        #expect(notes.contains { $0.contains("cannot be read whole") })
    }

    @Test func `a topic that the metadata log does not know gets no broker's retention`() throws {
        let harness = try ImportHarness()
        try harness.maker.partition("t-0", [0: [Maker.batch(0, values: "a")]])
        try harness.maker.partition(
            "__cluster_metadata-0",
            [0: [Make.batch(0, [try Self.told("", "log.retention.ms", "2000")])]]
        )
        #expect(try Self.imported(harness).options == ["retention.ms": "-1"])
    }

    @Test func `the command line decides over all of it`() throws {
        let harness = try Self.harness([
            Self.told("", "log.retention.ms", "2000"), Self.own("retention.ms", "5"),
        ])
        let (options, _) = try Self.imported(
            harness,
            options: ["t:cleanup.policy=", "t:retention.ms=6"]
        )
        #expect(options == ["cleanup.policy": "", "retention.ms": "6"])
    }

    @Test func `an option for a topic that --topics leaves out says so`() throws {
        let harness = try ImportHarness()
        for name in ["comp-0", "plain-0"] {
            try harness.maker.partition(name, [0: [Maker.batch(0, values: "x")]])
        }
        let left = #expect(throws: CommandFailure.self) {
            try harness.bring(topics: "comp", options: ["plain:retention.ms=1"])
        }
        #expect(left?.reason == "--topics leaves 'plain' out")
        let unknown = #expect(throws: CommandFailure.self) {
            try harness.bring(topics: "comp", options: ["plan:retention.ms=1"])
        }
        #expect(unknown?.what == "there is no topic 'plan' to bring over")
        let own = #expect(throws: CommandFailure.self) {
            try harness.bring(options: ["__consumer_offsets:retention.ms=1"])
        }
        #expect(own?.what.contains("is Kafka's own") == true)
    }
}

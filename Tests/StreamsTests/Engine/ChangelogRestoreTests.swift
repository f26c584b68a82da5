import Broker
import LogModel
import LogStorage
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// A store that is older than its changelog: what it holds counts only while the changelog can
/// still bring it up to date.
@Suite struct ChangelogRestoreTests {
    private struct Rows: StreamJob {
        static let name = "rows"
        var topology: [Statement] { table(Topic("in", key: .utf8, value: .utf8), store: "t") }
    }

    private static let changelog = TopicPartition("rows-t-changelog", PartitionIndex(0))

    /// No checkpoint but those of clean ends.
    private func driver() throws -> TopologyDriver {
        var configuration = StreamsConfiguration()
        configuration.checkpointIntervalMilliseconds = 1 << 40
        return try TopologyDriver(inputs: [("in", 1)], configuration: configuration, seed: 1) {
            try Topology(of: Rows())
        }
    }

    private func put(_ driver: TopologyDriver, _ key: String, _ value: String?) throws {
        try driver.send(
            topic: "in",
            key: Array(key.utf8),
            value: value.map { Array($0.utf8) },
            timestamp: driver.time.wallTime()
        )
    }

    private func rows(_ driver: TopologyDriver) throws -> [String] {
        try driver.contents(ofStore: "t").map { row in
            [row.key, row.value].map { String(decoding: $0, as: UTF8.self) }.joined(separator: "=")
        }
    }

    /// A job whose store stands for the first rows, while the changelog goes on.
    private func started(_ count: Int) throws -> TopologyDriver {
        let driver = try driver()
        for number in 0..<count { try put(driver, "k\(number)", "old") }
        try driver.runUntilIdle()
        try driver.restartCleanly()
        return driver
    }

    @Test func `a changelog made anew empties the store, however long it is`() throws {
        let driver = try started(3)
        try driver.broker.deleteTopic(Self.changelog.topic)
        try driver.broker.createTopic(
            Self.changelog.topic,
            partitionCount: 1,
            options: ["cleanup.policy": "compact"]
        )
        for number in 0..<20 {
            try driver.send(
                topic: Self.changelog.topic,
                key: Array("n\(number % 2)".utf8),
                value: Array("new".utf8),
                timestamp: Timestamp(1)
            )
        }
        try driver.kill()
        #expect(try rows(driver) == ["n0=new", "n1=new"])
        #expect(driver.stores.wipeCount == 1)
        try driver.restartCleanly()
        #expect(driver.stores.wipeCount == 1)
        #expect(try rows(driver).count == 2)
    }

    @Test func `a changelog that begins behind what the store stands for empties it`() throws {
        let driver = try started(3)
        for number in 3..<9 { try put(driver, "k\(number)", "new") }
        try driver.runUntilIdle()
        let end = try driver.broker.bounds(of: Self.changelog).highWatermark
        try driver.deleteRecords(of: Self.changelog.topic, before: Offset(end.rawValue - 3))
        try driver.kill()
        #expect(driver.stores.wipeCount == 1)
        #expect(try rows(driver).allSatisfy { $0.hasSuffix("=new") })
    }

    /// Compacts the changelog, with a removal of `k0` that the store has not seen.
    private func compactedDriver(_ retention: String) throws -> TopologyDriver {
        let driver = try started(3)
        try driver.broker.alterTopic(
            Self.changelog.topic,
            options: [
                "segment.bytes": "1024", "min.cleanable.dirty.ratio": "0",
                "delete.retention.ms": retention,
            ]
        )
        try put(driver, "k0", nil)
        for round in 0..<200 {
            try put(driver, "k1", "round \(round)")
            try driver.runUntilIdle()
            guard round % 50 == 49 else { continue }
            driver.time.advance(milliseconds: 1_000)
            driver.broker.clean { _ in true }
        }
        return driver
    }

    @Test func `a removal that compaction took away is not missed`() throws {
        let driver = try compactedDriver("0")
        let left = try driver.read(Self.changelog.topic)
        #expect(left.count < 200)
        #expect(!left.contains { $0.value == nil })
        try driver.kill()
        #expect(try rows(driver) == ["k1=round 199", "k2=old"])
        #expect(driver.stores.wipeCount == 1)
    }

    @Test func `a store is not made anew for a compaction that keeps removals`() throws {
        let driver = try compactedDriver("86400000")
        #expect(try driver.read(Self.changelog.topic).count < 200)
        try driver.kill()
        #expect(try rows(driver) == ["k1=round 199", "k2=old"])
        #expect(driver.stores.wipeCount == 0)
    }

    @Test func `a store that is as new as its changelog is kept for ever`() throws {
        let driver = try started(3)
        driver.time.advance(milliseconds: 100 * 86_400_000)
        try driver.restartCleanly()
        driver.time.advance(milliseconds: 100 * 86_400_000)
        try driver.kill()
        #expect(driver.stores.wipeCount == 0)
        #expect(try rows(driver) == ["k0=old", "k1=old", "k2=old"])
    }

    @Test func `a store that was whole at its last checkpoint is not made anew behind a long run`()
        throws
    {
        var configuration = StreamsConfiguration()
        configuration.checkpointIntervalMilliseconds = 10_000
        let driver = try TopologyDriver(
            inputs: [("in", 1)],
            configuration: configuration,
            seed: 1
        ) { try Topology(of: Rows()) }
        try driver.broker.alterTopic(
            Self.changelog.topic,
            options: [
                "segment.bytes": "1024", "min.cleanable.dirty.ratio": "0",
                "delete.retention.ms": "60000",
            ]
        )
        try put(driver, "k2", "old")
        try driver.runUntilIdle()
        // Much longer than removals are kept; then a checkpoint, and changes that it has not.
        try driver.advance(milliseconds: 3_600_000)
        try put(driver, "k0", "new")
        try driver.runUntilIdle()
        try driver.advance(milliseconds: 11_000)
        for round in 0..<50 {
            try put(driver, "k1", "round \(round)")
            try driver.runUntilIdle()
        }
        driver.broker.clean { _ in true }
        try driver.kill()
        #expect(driver.stores.wipeCount == 0)
        #expect(try rows(driver) == ["k0=new", "k1=round 49", "k2=old"])
    }

    private struct Words: StreamJob {
        static let name = "words"
        var topology: [Statement] {
            stream(Topic("in", key: .utf8, value: .utf8))
                .groupBy({ $0 }, via: "by-word", key: .utf8)
                .count(store: "counts")
                .to(Topic("out", key: .utf8, value: .int64))
        }
    }

    /// What a repartition topic held is purged behind the positions: its start says nothing.
    @Test func `a store that begins empty behind a purged repartition topic is told of`() throws {
        let driver = try TopologyDriver(
            inputs: [("in", 1), ("out", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: Words()) }
        for number in 0..<3 { try put(driver, "k", "word \(number)") }
        try driver.runUntilIdle()
        try driver.restartCleanly()
        let repartition = TopicPartition("words-by-word-repartition", PartitionIndex(0))
        let bounds = try driver.broker.bounds(of: repartition)
        #expect(bounds.logStart > .zero && bounds.logStart == bounds.lastStableOffset)
        #expect(driver.told.isEmpty)
        try driver.broker.deleteTopic("words-counts-changelog")
        try driver.restartCleanly()
        #expect(driver.told.count == 1, "\(driver.told)")
        #expect(driver.told.first?.contains("\"counts\" begins empty") == true)
    }

    @Test func `a store that begins empty beside positions that do not is told of`() throws {
        let driver = try started(3)
        #expect(driver.told.isEmpty)
        try driver.broker.deleteTopic(Self.changelog.topic)
        try driver.restartCleanly()
        #expect(driver.told.count == 1)
        #expect(driver.told.first?.contains("goes on at offset 3 of in-0") == true)
        try driver.restartCleanly()
        #expect(driver.told.isEmpty)
    }
}

import EmbeddedClient
import LogClient
import LogModel
import MillraceTestKit
import Serdes
import Streams
import StreamsRuntime
import Synchronization
import Testing

/// What windows do beyond the vectors: many partitions, idleness, restarts from disk.
@Suite struct WindowTests {
    private enum Topics {
        static let clicks = Topic("clicks", key: .utf8, value: .int64)
        static let totals = Topic(
            "totals",
            key: .windowed(.utf8, size: .seconds(60)),
            value: .int64
        )
    }

    private struct Totals: StreamJob {
        static let name = "totals"
        var topology: [Statement] {
            stream(Topics.clicks)
                .groupByKey()
                .windowed(by: .tumbling(.seconds(60), grace: .seconds(10)))
                .reduce(
                    store: "totals",
                    value: .int64,
                    emit: .onClose(idleAfter: .seconds(5))
                ) { old, new -> Int64 in old + new }
                .to(Topics.totals)
        }
    }

    @Test func `a window closes on a quiet partition once, through a crash`() throws {
        let engine = try TestEngine(Totals(), partitions: 4, seed: 7)
        try engine.send(3, key: "a", to: Topics.clicks, at: .zero)
        try engine.crash()
        try engine.send(4, key: "a", to: Topics.clicks, at: .seconds(1))
        try engine.send(9, key: "b", to: Topics.clicks, at: .seconds(2))
        try engine.advance(by: .seconds(4))
        #expect(try engine.read(Topics.totals).isEmpty)
        try engine.advance(by: .seconds(75))
        let found = try engine.read(Topics.totals).sorted { $0.key.key < $1.key.key }
        #expect(found.map(\.key.key) == ["a", "b"] && found.map(\.value) == [7, 9])
        #expect(found.allSatisfy { $0.key.window.start == Timestamp(0) })
        try engine.crash()
        try engine.advance(by: .seconds(300))
        #expect(try engine.read(Topics.totals).isEmpty)
    }

    /// Counts how often a value was tried.
    private static let tries = Mutex<Int>(0)

    @Test func `no window closes by the clock while its next record waits for a retry`() throws {
        struct Waiting: StreamJob {
            static let name = "waiting"
            static let counts = Topic(
                "counts",
                key: .windowed(.utf8, size: .seconds(60)),
                value: .int64
            )
            var topology: [Statement] {
                stream(Topics.clicks)
                    .mapValues { (value: Int64) throws -> Int64 in
                        let count =
                            value < 2
                            ? 5
                            : WindowTests.tries.withLock { count in
                                count += 1
                                return count
                            }
                        guard count > 4 else { throw SerdeError("down") }
                        return value
                    }
                    .onError(.deadLetter(retry: .fixed(.seconds(30), attempts: 6)))
                    .groupByKey()
                    .windowed(by: .tumbling(.seconds(60)))
                    .count(store: "minutes", emit: .onClose(idleAfter: .seconds(5)))
                    .to(Self.counts)
            }
        }
        Self.tries.withLock { $0 = 0 }
        let engine = try TestEngine(Waiting(), partitions: 1, seed: 3)
        try engine.send(1, key: "k", to: Topics.clicks, at: .zero)
        try engine.send(2, key: "k", to: Topics.clicks, at: .seconds(1))
        for _ in 0..<140 { try engine.advance(by: .seconds(1)) }
        #expect(try engine.read(Waiting.counts).isEmpty)
        try engine.advance(by: .seconds(90))
        #expect(try engine.read(Waiting.counts).map(\.value) == [2])
    }

    @Test func `a session that the clock has closed takes no record more`() throws {
        struct Visits: StreamJob {
            static let name = "visits"
            static let counts = Topic("counts", key: .session(.utf8), value: .int64)
            var topology: [Statement] {
                stream(Topics.clicks)
                    .groupByKey()
                    .windowed(by: .session(gap: .seconds(4), grace: .seconds(1)))
                    .count(store: "visits", emit: .onClose(idleAfter: .seconds(2)))
                    .to(Self.counts)
            }
        }
        let engine = try TestEngine(Visits(), partitions: 1, seed: 3)
        try engine.send(1, key: "a", to: Topics.clicks, at: .zero)
        for _ in 0..<10 { try engine.advance(by: .seconds(1)) }
        #expect(try engine.read(Visits.counts).map(\.value) == [1])
        try engine.crash()
        try engine.send(1, key: "a", to: Topics.clicks, at: .seconds(3))
        try engine.advance(by: .seconds(20))
        #expect(try engine.read(Visits.counts).map(\.value) == [1])
    }

    @Test func `the window without an end takes every record from its start on`() throws {
        struct Ever: StreamJob {
            static let name = "ever"
            static let counts = Topic("counts", key: .utf8, value: .utf8)
            var topology: [Statement] {
                stream(Topics.clicks)
                    .groupByKey()
                    .windowed(by: .unlimited(from: Timestamp(1_000)))
                    .count(store: "ever")
                    .toStream()
                    .map { key, count -> (String, String) in
                        let (start, end) = (key.window.start.rawValue, key.window.end.rawValue)
                        return (key.key, "\(count ?? 0) \(start) \(end)")
                    }
                    .to(Self.counts)
            }
        }
        let engine = try TestEngine(Ever(), partitions: 1, seed: 3)
        for time: Int64 in [999, 1_000, 90_000_000, 1_500] {
            try engine.send(1, key: "a", to: Topics.clicks, at: .milliseconds(time))
            try engine.advance(by: .seconds(1))
            if time == 1_000 { try engine.crash() }
        }
        let counts = try engine.read(Ever.counts)
        #expect(counts.map(\.value) == (1...3).map { "\($0) 1000 \(Int64.max)" })
    }

    @Test func `once every window is closed an idle partition writes nothing more`() throws {
        let driver = try TopologyDriver(
            inputs: [("clicks", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: Totals()) }
        try driver.send(
            topic: "clicks",
            key: [97],
            value: [0, 0, 0, 0, 0, 0, 0, 1],
            timestamp: driver.time.wallTime()
        )
        try driver.advance(milliseconds: 100_000)
        #expect(try driver.read("totals").count == 1)
        let changelog = TopicPartition("totals-totals-changelog", PartitionIndex(0))
        let client = EmbeddedClient(broker: driver.broker)
        let end = try client.bounds(of: changelog).highWatermark
        for _ in 0..<20 { try driver.advance(milliseconds: 10_000) }
        #expect(try client.bounds(of: changelog).highWatermark == end)
    }

    @Test func `a late record is dropped after a restart as before it`() throws {
        let engine = try TestEngine(Totals(), partitions: 1, seed: 3)
        try engine.send(1, key: "a", to: Topics.clicks, at: .seconds(200))
        try engine.run()
        try engine.kill()
        try engine.send(5, key: "a", to: Topics.clicks, at: .seconds(10))
        try engine.advance(by: .seconds(300))
        let found = try engine.read(Topics.totals)
        #expect(found.map(\.value) == [1])
    }

    @Test func `a window of two streams is closed for both, once`() throws {
        struct Both: StreamJob {
            static let name = "both"
            static let left = Topic("left", key: .utf8, value: .int64)
            static let right = Topic("right", key: .utf8, value: .int64)
            var topology: [Statement] {
                stream(Self.left).groupByKey()
                    .cogrouped(as: .int64) { $0 += $1 }
                    .with(stream(Self.right).groupByKey()) { $0 += $1 }
                    .windowed(by: TimeWindows.tumbling(.seconds(60)))
                    .aggregate(store: "sums", initial: 0, emit: .onClose)
                    .to(Topics.totals)
            }
        }
        let driver = try TopologyDriver(
            inputs: [("left", 1), ("right", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: Both()) }
        for (topic, value, seconds): (String, UInt8, Int64) in [
            ("left", 1, 10), ("right", 2, 20), ("left", 4, 60), ("right", 8, 30),
            ("right", 16, 61), ("right", 0, 200),
        ] {
            try driver.send(
                topic: topic,
                key: [97],
                value: [0, 0, 0, 0, 0, 0, 0, value],
                timestamp: Timestamp(seconds * 1_000)
            )
            try driver.runUntilIdle()
        }
        // The left stream closes the window: the right one's 8 comes too late, and is counted.
        #expect(try driver.read("totals").map { $0.value?.last } == [3, 20])
        #expect(driver.counters.recordsDropped == 1)
    }

    @Test(arguments: [Int64.min, -1, .max])
    func `a record of any time leaves the windows of others alone`(time: Int64) throws {
        let sliding = SlidingWindows.sliding(.seconds(10), grace: .seconds(1))
        let session = SessionWindows.session(gap: .seconds(10))
        struct All: StreamJob {
            static let name = "all"
            static let clicks = Topic("clicks", key: .utf8, value: .int64)
            let sliding: SlidingWindows
            let session: SessionWindows
            init() { self.init(.sliding(.zero), .session(gap: .zero)) }
            init(_ sliding: SlidingWindows, _ session: SessionWindows) {
                self.sliding = sliding
                self.session = session
            }
            var topology: [Statement] {
                let clicks = stream(Self.clicks)
                let grouped = clicks.groupByKey()
                grouped.windowed(by: .hopping(.seconds(10), every: .seconds(5)))
                    .count(store: "hopping").toStream()
                grouped.windowed(by: sliding).count(store: "sliding").toStream()
                grouped.windowed(by: session).count(store: "session").toStream()
                clicks.join(
                    clicks,
                    within: .within(.seconds(1)),
                    store: "join",
                    key: .utf8,
                    left: .int64,
                    right: .int64
                ) { left, right -> Int64 in left + right }
                .to(Topic("pairs", key: .utf8, value: .int64))
            }
        }
        let driver = try TopologyDriver(
            inputs: [("clicks", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: All(sliding, session)) }
        for (key, at) in [("a", 20_000), ("a", 21_000), ("b", time), ("b", time)] {
            try driver.send(
                topic: "clicks",
                key: Array(key.utf8),
                value: [0, 0, 0, 0, 0, 0, 0, 1],
                timestamp: Timestamp(at),
                isImported: true
            )
        }
        try driver.runUntilIdle()
        // Two records, dropped by three windows and by both sides of the join.
        if time < 0 { #expect(driver.counters.recordsDropped == 10) }
        try driver.kill()
        try driver.runUntilIdle()
        let pairs = try driver.read("pairs").filter { $0.key == [97] }
        #expect(pairs.count == 4)
    }

    @Test func `a key with zeros finds its own sessions only`() throws {
        struct Sessions: StreamJob {
            static let name = "sessions"
            static let clicks = Topic("clicks", key: .bytes, value: .int64)
            static let counts = Topic("counts", key: .session(.bytes), value: .int64)
            var topology: [Statement] {
                stream(Self.clicks)
                    .groupByKey()
                    .windowed(by: .session(gap: .seconds(10)))
                    .count(store: "counts")
                    .to(Self.counts)
            }
        }
        let engine = try TestEngine(Sessions(), partitions: 1, seed: 1)
        let keys: [[UInt8]] = [[0], [0, 0], [0, 255], [], [0, 0, 0], [1], [0, 1]]
        for (round, time) in [0, 5, 100].enumerated() {
            for key in keys {
                try engine.send(
                    Int64(round),
                    key: key,
                    to: Sessions.clicks,
                    at: .seconds(time)
                )
            }
            try engine.kill()
        }
        try engine.run()
        var latest: [String: Int64] = [:]
        var seen: Set<[UInt8]> = []
        for record in try engine.readChanges(Sessions.counts) {
            let id =
                "\(record.key.key) \(record.key.window.start.rawValue)"
                + "-\(record.key.window.end.rawValue)"
            seen.insert(record.key.key)
            latest[id] = record.value
        }
        #expect(seen == Set(keys))
        for key in keys {
            #expect(latest["\(key) 0-5000"] == 2)
            #expect(latest["\(key) 100000-100000"] == 1)
            #expect(latest["\(key) 0-0"] == nil)
        }
    }
}

extension TestEngine {
    /// The committed records of a topic of changes; nil for a removal.
    fileprivate func readChanges<KeySerde: Serde, ValueSerde: Serde>(
        _ topic: Topic<KeySerde, ValueSerde>
    ) throws -> [(key: KeySerde.Value, value: ValueSerde.Value?)] {
        try read(Topic(topic.name, key: topic.key, value: OptionalSerde(topic.value)))
    }
}

import EmbeddedClient
import LogClient
import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// Records of two streams that meet, in any order of times and through crashes, against a model
/// that keeps them in lists; and what becomes of those that are too old.
@Suite struct StreamJoinTests {
    private static let before: Int64 = 300
    private static let after: Int64 = 500
    private static let grace: Int64 = 200

    private struct Pairs: StreamJob {
        static let name = "pairs"
        static let left = Topic("left", key: .utf8, value: .int64)
        static let right = Topic("right", key: .utf8, value: .int64)
        static let output = Topic("pairs", key: .utf8, value: .utf8)
        var topology: [Statement] {
            stream(Self.left)
                .join(
                    stream(Self.right),
                    within: .within(
                        before: .milliseconds(StreamJoinTests.before),
                        after: .milliseconds(StreamJoinTests.after),
                        grace: .milliseconds(StreamJoinTests.grace)
                    ),
                    store: "met",
                    key: .utf8,
                    left: .int64,
                    right: .int64
                ) { (left: Int64, right: Int64) -> String in "\(left)|\(right)" }
                .to(Self.output)
        }
    }

    private struct Model {
        struct Entry {
            var key: String
            var time: Int64
            var value: Int64
        }
        private var sides: [[Entry]] = [[], []]
        private var latest = [Int64.min, Int64.min]
        private(set) var results: [String] = []

        private func isKept(_ time: Int64, _ side: Int) -> Bool {
            latest[side] == .min || time > latest[side] - before - after - grace
        }

        mutating func take(_ key: String, _ value: Int64, _ time: Int64, isLeft: Bool) {
            let (own, other) = isLeft ? (0, 1) : (1, 0)
            latest[own] = max(latest[own], time)
            if isKept(time, own) { sides[own].append(Entry(key: key, time: time, value: value)) }
            let first = time - (isLeft ? before : after)
            let last = time + (isLeft ? after : before)
            let partners = sides[other].enumerated().filter { _, entry in
                entry.key == key && entry.time >= first && entry.time <= last
                    && isKept(entry.time, other)
            }.sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
            for (_, partner) in partners {
                let pair = isLeft ? "\(value)|\(partner.value)" : "\(partner.value)|\(value)"
                results.append("\(key) \(pair) at \(max(time, partner.time))")
            }
        }
    }

    /// A driver whose clock begins at the records' times: the log keeps them for a week.
    private func driver(seed: UInt64, at wallTime: Int64) throws -> TopologyDriver {
        try TopologyDriver(
            inputs: [("left", 1), ("right", 1)],
            configuration: StreamsConfiguration(),
            seed: seed,
            time: ManualTimeSource(wallTime: Timestamp(wallTime))
        ) { try Topology(of: Pairs()) }
    }

    private func send(
        _ value: Int64,
        key: String,
        at time: Int64,
        isLeft: Bool,
        to driver: TopologyDriver
    ) throws {
        try driver.send(
            topic: isLeft ? "left" : "right",
            key: Array(key.utf8),
            value: withUnsafeBytes(of: value.bigEndian) { Array($0) },
            timestamp: Timestamp(time)
        )
    }

    private func results(of driver: TopologyDriver) throws -> [String] {
        try driver.read("pairs").map { record in
            let key = String(decoding: record.key ?? [], as: UTF8.self)
            let value = String(decoding: record.value ?? [], as: UTF8.self)
            return "\(key) \(value) at \(record.timestamp.rawValue)"
        }
    }

    @Test(arguments: 0..<8)
    func `pairs are those of two lists, through crashes and the loss of all stores`(
        seed: UInt64
    ) throws {
        var random = SeededGenerator(seed: seed)
        var now: Int64 = seed % 3 == 0 ? 0 : 1_000_000
        let driver = try driver(seed: seed, at: now)
        var model = Model()
        var found: [String] = []
        for number in 0..<400 as Range<Int64> {
            now += Int64.random(in: 0...60, using: &random)
            if Int.random(in: 0..<40, using: &random) == 0 { now += 3_000 }
            let late = Int64.random(in: 0...(seed % 2 == 0 ? 200 : 1_500), using: &random)
            let time = max(0, now - late)
            let key = ["a", "b", "c\0d"].randomElement(using: &random) ?? "a"
            let isLeft = Bool.random(using: &random)
            model.take(key, number, time, isLeft: isLeft)
            try send(number, key: key, at: time, isLeft: isLeft, to: driver)
            switch Int.random(in: 0..<24, using: &random) {
            case 0: try driver.crash()
            case 1: try driver.kill()
            case 2: try driver.loseStores()
            case 3: try driver.restartCleanly()
            case 4:
                // In the middle of the transaction.
                _ = try driver.step()
                try driver.kill()
            case 5:
                // Checkpoints are due, and what is too old is cut off.
                try driver.advance(milliseconds: 31_000)
            default: break
            }
            try driver.runUntilIdle()
            found += try results(of: driver)
        }
        #expect(driver.lostCount == 0)
        #expect(found == model.results)
        #expect(found.count > 100)
    }

    @Test func `what is too old leaves the store, its disk and the changelog`() throws {
        let driver = try driver(seed: 3, at: 0)
        var bounds: [PartitionBounds] = []
        for round in 0..<40 as Range<Int64> {
            for number in 0..<50 as Range<Int64> {
                let time = round * 2_000 + number * 40
                try send(number, key: "k\(number)", at: time, isLeft: number % 2 == 0, to: driver)
            }
            try driver.advance(milliseconds: 31_000)
            let changelog = TopicPartition("pairs-met-left-changelog", PartitionIndex(0))
            bounds.append(try EmbeddedClient(broker: driver.broker).bounds(of: changelog))
        }
        // A span of each side at most is too old and not yet gone.
        for store in ["met-left", "met-right"] {
            #expect(try driver.contents(ofStore: store).count < 60)
            #expect(driver.stores.contents(of: "pairs/\(store)-0").entries.count < 60)
        }
        let last = try #require(bounds.last)
        #expect(last.logStart > Offset(500))
        #expect(last.logStart.distance(to: last.highWatermark) < 200)
        // No record of it says that another one is gone.
        #expect(driver.stores.wipeCount == 0)
        try driver.loseStores()
        try send(7, key: "k48", at: 79_960, isLeft: false, to: driver)
        try driver.runUntilIdle()
        #expect(try results(of: driver).last == "k48 48|7 at 79960")
    }

    private struct Refusing: StreamJob {
        static let name = "refusing"
        var topology: [Statement] {
            stream(Pairs.left)
                .join(
                    stream(Pairs.right),
                    within: .within(.seconds(1)),
                    store: "met",
                    key: .utf8,
                    left: .int64,
                    right: .int64
                ) { (left: Int64, right: Int64) throws -> String in
                    if left == 1, right == 13 { throw SerdeError("13") }
                    return "\(left)|\(right)"
                }
                .onError(.skip)
                .to(Pairs.output)
        }
    }

    @Test func `a record whose pair is left out for an error is kept and meets others`() throws {
        let driver = try TopologyDriver(
            inputs: [("left", 1), ("right", 1)],
            configuration: StreamsConfiguration(),
            seed: 11,
            time: ManualTimeSource(wallTime: Timestamp(0))
        ) { try Topology(of: Refusing()) }
        let records: [(Int64, isLeft: Bool)] = [(1, true), (13, false), (2, true), (14, false)]
        for (number, record) in records.enumerated() {
            let (value, isLeft) = record
            try send(value, key: "a", at: Int64(number), isLeft: isLeft, to: driver)
            try driver.runUntilIdle()
        }
        #expect(
            try results(of: driver) == ["a 2|13 at 2", "a 1|14 at 3", "a 2|14 at 3"]
        )
        #expect(driver.counters.recordsSkipped == 1)
    }
}

import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// Ids that are remembered: through crashes, for as long as the rule says, and no longer.
@Suite struct DeduplicateTests {
    private static let orders = Topic("orders", key: .utf8, value: .utf8)
    private static let output = Topic("out", key: .utf8, value: .utf8)

    private struct Once: StreamJob {
        static let name = "once"
        var topology: [Statement] {
            stream(DeduplicateTests.orders)
                .deduplicated(by: { $0 }, within: .milliseconds(100), store: "seen")
                .to(DeduplicateTests.output)
        }
    }

    private struct Keys: StreamJob {
        static let name = "keys"
        var topology: [Statement] {
            stream(DeduplicateTests.orders).distinct(store: "seen").to(DeduplicateTests.output)
        }
    }

    private func driver(_ job: some StreamJob, partitions: Int32 = 1) throws -> TopologyDriver {
        try TopologyDriver(
            inputs: [("orders", partitions)],
            configuration: StreamsConfiguration(),
            seed: 21
        ) { try Topology(of: job) }
    }

    private func send(
        _ value: String,
        key: String = "k",
        at time: Int64,
        to driver: TopologyDriver
    ) throws {
        try driver.send(
            topic: "orders",
            key: Array(key.utf8),
            value: Array(value.utf8),
            timestamp: Timestamp(time)
        )
    }

    private func values(of driver: TopologyDriver) throws -> [String] {
        try driver.runUntilIdle()
        return try driver.read("out").map { String(decoding: $0.value ?? [], as: UTF8.self) }
    }

    @Test func `a record that comes back from the dead letters is no duplicate`() throws {
        for driver in [try driver(Once()), try driver(Keys())] {
            try send("a", at: 1_000, to: driver)
            try send("a", at: 1_001, to: driver)
            try driver.send(
                topic: "orders",
                key: Array("k".utf8),
                value: Array("a".utf8),
                timestamp: Timestamp(1_002),
                headers: [(DeadLetterHeader.replayedLetter, Array("once-dead-letters/0/7".utf8))]
            )
            try send("a", at: 1_003, to: driver)
            #expect(try values(of: driver) == ["a", "a"])
        }
    }

    @Test func `an id is remembered for the time in stream time, both ends included`() throws {
        let driver = try driver(Once())
        for (value, time) in [("a", 1_000), ("a", 1_000), ("a", 1_100), ("b", 900), ("b", 1_050)] {
            try send(value, at: Int64(time), to: driver)
        }
        #expect(try values(of: driver) == ["a", "b"])
        #expect(driver.counters.drops[.duplicate] == 3)
        // Stream time is 1,100 since the third record: "b" came then, though it is older.
        try send("a", at: 1_101, to: driver)
        try send("b", at: 1_200, to: driver)
        try send("b", at: 1_201, to: driver)
        #expect(try values(of: driver) == ["a", "b"])
    }

    @Test(arguments: [false, true])
    func `ids outlast every crash, and those of records that were not committed do not`(
        wipesStores: Bool
    ) throws {
        let driver = try driver(Once(), partitions: 3)
        for index in 0..<20 { try send("id\(index)", key: "k\(index % 5)", at: 1_000, to: driver) }
        #expect(try values(of: driver).count == 20)
        for index in 0..<25 { try send("id\(index)", key: "k\(index % 5)", at: 1_010, to: driver) }
        _ = try driver.step()
        if wipesStores { try driver.crash() } else { try driver.kill() }
        #expect(try values(of: driver).sorted() == (20..<25).map { "id\($0)" })
        try driver.crash()
        for index in 0..<25 { try send("id\(index)", key: "k\(index % 5)", at: 1_020, to: driver) }
        #expect(try values(of: driver).isEmpty)
    }

    @Test func `what is forgotten leaves the store, also one that was restored`() throws {
        let driver = try driver(Once())
        for index in 0..<50 { try send("id\(index)", at: Int64(index * 10), to: driver) }
        _ = try values(of: driver)
        // 11 ids with a twin each, and the clock.
        #expect(try driver.contents(ofStore: "seen").count == 23)
        try driver.crash()
        #expect(try driver.contents(ofStore: "seen").count == 23)
        try send("last", at: 10_000, to: driver)
        #expect(try values(of: driver) == ["last"])
        #expect(try driver.contents(ofStore: "seen").count == 3)
    }

    @Test(arguments: [65_526, 65_527, 65_534, 65_535])
    func `an id that is too long to be restored is refused`(length: Int) throws {
        struct Lenient: StreamJob {
            static let name = "once"
            var errorPolicies: ErrorPolicies { ErrorPolicies(process: .skip) }
            var topology: [Statement] { Once().topology }
        }
        let driver = try driver(Lenient())
        let id = String(repeating: "i", count: length)
        try send(id, at: 1_000, to: driver)
        try send("b", at: 1_001, to: driver)
        // The twin has 9 bytes more.
        #expect(try values(of: driver) == (length < 65_527 ? [id, "b"] : ["b"]))
        try driver.crash()
        try send("b", at: 1_002, to: driver)
        #expect(try values(of: driver).isEmpty)
    }

    @Test func `times before 1970 count as its beginning`() throws {
        let driver = try driver(Once())
        for time: Int64 in [-500, -1, 90, 101] {
            try driver.send(
                topic: "orders",
                key: [107],
                value: Array("a".utf8),
                timestamp: Timestamp(time),
                isImported: true
            )
        }
        #expect(try values(of: driver) == ["a", "a"])
        #expect(driver.counters.drops[.duplicate] == 2)
    }

    @Test func `each key passes once, for ever`() throws {
        let driver = try driver(Keys(), partitions: 2)
        for round in 0..<3 {
            for key in ["x", "y", "z"] {
                try send("\(key)\(round)", key: key, at: Int64(round) * 1_000_000, to: driver)
            }
            try driver.runUntilIdle()
            try driver.crash()
        }
        #expect(try values(of: driver).sorted() == ["x0", "y0", "z0"])
    }
}

import LogModel
import MillraceTestKit
import Streams
import Testing

@testable import StreamsRuntime

/// Rows that end when they are not updated: when, what is told of it, and that they stay away.
@Suite struct ExpiryTests {
    @Test func `a row ends at its time, before the record that brings it`() throws {
        let table = try ExpiryHarness()
        try table.send("a", "1", at: 1_000)
        try table.send("b", "2", at: 1_050)
        try table.send("a", "3", at: 1_020)
        try table.send("c", "4", at: 1_119)
        #expect(try table.changes() == ["a=1@1000", "b=2@1050", "a=3@1020", "c=4@1119"])
        try table.send("d", "5", at: 1_120)
        // A record of the very moment begins a new row.
        try table.send("b", "6", at: 1_150)
        #expect(try table.changes() == ["a-@1120", "d=5@1120", "b-@1150", "b=6@1150"])
        #expect(try table.sizes() == (3, 3))
    }

    @Test func `rows that end at once go by their ends, then keys, each once`() throws {
        let table = try ExpiryHarness()
        for key in ["c", "a", "b"] { try table.send(key, "x", at: 500) }
        try table.send("z", "y", at: 450)
        // Its twin is moved on the way.
        try table.send("b", "x", at: 510)
        try table.send("far", "1", at: 100_000)
        let ends = ["z-@550", "a-@600", "c-@600", "b-@610", "far=1@100000"]
        #expect(try Array(table.changes().dropFirst(5)) == ends)
        try table.send("far", "2", at: 100_001)
        #expect(try table.changes() == ["far=2@100001"])
        #expect(try table.sizes() == (1, 1))
    }

    @Test func `an older record changes a row and does not shorten its life`() throws {
        let table = try ExpiryHarness()
        try table.send("a", "1", at: 1_000)
        try table.send("a", "2", at: 910)
        try table.send("b", "3", at: 1_099)
        #expect(try table.changes() == ["a=1@1000", "a=2@910", "b=3@1099"])
        try table.send("b", "4", at: 1_100)
        #expect(try table.changes() == ["a-@1100", "b=4@1100"])
    }

    @Test func `a record that is older than rows live begins none, and is counted`() throws {
        let table = try ExpiryHarness()
        try table.send("a", "1", at: 1_000)
        try table.send("old", "2", at: 900)
        try table.send("young", "3", at: 901)
        // To a row that is there it is as good as any.
        try table.send("a", "4", at: 10)
        // A removal is one, however old.
        try table.send("old", nil, at: 5)
        #expect(try table.changes() == ["a=1@1000", "young=3@901", "a=4@10", "old-@5"])
        #expect(table.driver.counters.drops[.late] == 1)
    }

    @Test func `a row that was removed does not end, and one after it has a life of its own`()
        throws
    {
        let table = try ExpiryHarness()
        try table.send("a", "1", at: 1_000)
        try table.send("a", nil, at: 1_010)
        #expect(try table.changes() == ["a=1@1000", "a-@1010"])
        #expect(try table.sizes() == (0, 0))
        try table.send("a", "2", at: 1_020)
        try table.send("b", "3", at: 1_101)
        #expect(try table.changes() == ["a=2@1020", "b=3@1101"])
        try table.send("b", "4", at: 1_120)
        #expect(try table.changes() == ["a-@1120", "b=4@1120"])
    }

    @Test func `a hot row has one twin, and lives`() throws {
        let table = try ExpiryHarness()
        for step: Int64 in 0..<50 { try table.send("a", "\(step)", at: 1_000 + step * 30) }
        #expect(try table.changes().count == 50)
        #expect(try table.sizes() == (1, 1))
    }

    @Test(arguments: 0..<3)
    func `what has ended does not come back by a restart`(way: Int) throws {
        let table = try ExpiryHarness(seed: UInt64(way))
        for index in 0..<20 { try table.send("k\(index)", "x", at: Int64(1_000 + index)) }
        try table.driver.runUntilIdle()
        for index in 0..<20 where index % 2 == 0 {
            try table.send("k\(index)", "y", at: Int64(1_050 + index))
        }
        try table.send("late", "z", at: 1_110)
        #expect(try table.changes().count == 36)
        switch way {
        case 0: try table.driver.crash()
        case 1: try table.driver.loseStores()
        default: try table.driver.restartCleanly()
        }
        #expect(try table.changes().isEmpty)
        #expect(try table.sizes().rows == 16)
        // One that was not updated, and the update of one that has ended by now.
        try table.send("k11", "w", at: 1_112)
        try table.send("k1", "w", at: 1_113)
        #expect(
            try table.changes() == ["k11-@1111", "k11=w@1112", "k13-@1113", "k1=w@1113"]
        )
    }

    @Test func `rows of a quiet partition end by the clock, where that is wanted`() throws {
        for idle: Duration? in [nil, .seconds(5)] {
            let expiry = Expiry.after(.seconds(60), idleAfter: idle)
            let table = try ExpiryHarness(ExpiringJob(expiry: expiry))
            let now = table.driver.time.wallTime().rawValue
            try table.send("a", "1", at: now)
            try table.send("b", "2", at: now + 500)
            try table.driver.advance(milliseconds: 59_000)
            #expect(try table.changes().count == 2)
            // Idleness is counted anew from a start.
            try table.driver.crash()
            try table.driver.advance(milliseconds: 4_000)
            #expect(try table.changes().isEmpty)
            try table.driver.advance(milliseconds: 60_000)
            let ends = ["a-@\(now + 60_000)", "b-@\(now + 60_500)"]
            #expect(try table.changes() == (idle == nil ? [] : ends))
            // Stream time has not moved: a record of then is taken.
            try table.send("c", "3", at: now + 600)
            try table.driver.advance(milliseconds: 1_000)
            #expect(try table.changes() == ["c=3@\(now + 600)"])
            try table.driver.crash()
            #expect(try table.sizes().rows == (idle == nil ? 3 : 1))
        }
    }

    @Test func `another life counts from the next start on`() throws {
        let table = try ExpiryHarness()
        try table.send("a", "1", at: 1_000)
        try table.send("b", "1", at: 1_060)
        _ = try table.changes()
        table.job.expiry = .after(.milliseconds(500))
        try table.driver.kill()
        try table.send("c", "2", at: 1_400)
        #expect(try table.changes() == ["c=2@1400"])
        table.job.expiry = .after(.milliseconds(10))
        try table.driver.kill()
        // Stream time is that of what is committed: they have ended without another record.
        #expect(try table.changes() == ["a-@1010", "b-@1070"])
        #expect(try table.sizes() == (1, 1))
    }

    @Test func `more rows than a turn removes go before the record, through a kill`() throws {
        let table = try ExpiryHarness()
        let count = 20_000
        for index in 0..<count { try table.send("k\(100_000 + index)", "x", at: 1_000) }
        #expect(try table.changes().count == count)
        try table.send("next", "1", at: 5_000)
        try table.send("next", "2", at: 5_001)
        _ = try table.driver.step()
        #expect(try table.sizes().rows == count - 16_384)
        try table.driver.commit()
        try table.driver.kill()
        #expect(try table.sizes().rows == count - 16_384)
        let changes = try table.changes()
        #expect(changes.count == count + 2)
        #expect(changes.suffix(2) == ["next=1@5000", "next=2@5001"])
        #expect(Set(changes.dropLast(2)).count == count)
        #expect(try table.sizes() == (1, 1))
    }

    @Test func `more rows than a turn removes end by the clock in the turns that follow`() throws {
        let expiry = Expiry.after(.seconds(60), idleAfter: .seconds(5))
        let table = try ExpiryHarness(ExpiringJob(expiry: expiry))
        let now = table.driver.time.wallTime().rawValue
        let count = 17_000
        for index in 0..<count { try table.send("k\(index)", "x", at: now) }
        try table.driver.advance(milliseconds: 1)
        #expect(try table.sizes().rows == count)
        try table.driver.advance(milliseconds: 70_000)
        #expect(try table.changes().count == 2 * count)
        #expect(try table.sizes() == (0, 0))
    }

    @Test(arguments: [1, 2])
    func `rows end as they did where fewer threads have the partitions`(threads: Int) throws {
        var configuration = StreamsConfiguration()
        configuration.threadCount = 4
        let driver = try TopologyDriver(
            inputs: [("in", 4)],
            configuration: configuration,
            seed: 9
        ) { try Topology(of: ExpiringJob()) }
        func send(_ value: String, at time: Int64) throws {
            for index in 0..<20 {
                try driver.send(
                    topic: "in",
                    key: Array("k\(index)".utf8),
                    value: Array(value.utf8),
                    timestamp: Timestamp(time)
                )
            }
            try driver.runUntilIdle()
        }
        try send("a", at: 1_000)
        try send("b", at: 1_100)
        #expect(try driver.read("out").count == 60)
        driver.configuration.threadCount = threads
        try driver.crash()
        try send("c", at: 1_150)
        #expect(try driver.read("out").map(\.value) == Array(repeating: [99], count: 20))
        try send("d", at: 1_250)
        let last = try driver.read("out")
        #expect(last.count == 40 && last.count { $0.value == nil } == 20)
        #expect(try driver.contents(ofStore: "rows").count == 40)
    }

    @Test func `a row that ends is not the fault of the record in hand`() throws {
        struct Failing: StreamJob {
            static let name = "failing"
            var errorPolicies: ErrorPolicies {
                ErrorPolicies(process: .deadLetter(topic: "letters"))
            }
            var topology: [Statement] {
                table(ExpiringJob.input, store: "rows", expiry: .after(.milliseconds(100)))
                    .toStream()
                    .mapValues { (value: String?) throws -> String in
                        guard let value else { throw SerdeError("nothing") }
                        return value
                    }
                    .to(ExpiringJob.output)
            }
        }
        let driver = try TopologyDriver(
            inputs: [("in", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: Failing()) }
        for (key, time) in [("a", 1_000), ("b", 1_200)] {
            try driver.send(
                topic: "in",
                key: Array(key.utf8),
                value: [120],
                timestamp: Timestamp(Int64(time))
            )
        }
        try driver.runUntilIdle()
        #expect(try driver.read("out").map(ExpiryHarness.words) == ["a=x@1000", "b=x@1200"])
        let letters = try driver.read("letters")
        #expect(letters.count == 1 && letters[0].key == nil && letters[0].value == nil)
    }
}

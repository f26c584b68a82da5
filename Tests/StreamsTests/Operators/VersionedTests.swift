import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// Tables with a history beyond the vectors: against a model, through crashes, on many partitions.
@Suite struct VersionedTests {
    private static let rates = Topic("rates", key: .utf8, value: OptionalSerde(.int64))
    private static let sales = Topic("sales", key: .utf8, value: .int64)
    private static let out = Topic("out", key: .utf8, value: OptionalSerde(.int64))

    /// Looks the row of a key up as of the time of each sale: its value, or nil.
    private struct LookUp: StreamJob {
        static let name = "look-up"
        var topology: [Statement] {
            let rates = table(
                Topic("rates", key: .utf8, value: .int64),
                store: "rates",
                history: .milliseconds(40)
            )
            stream(sales).leftJoin(rates) { _, rate -> Int64? in rate }.to(out)
        }
    }

    /// What a table with a history answers, told by all that was ever put.
    private struct Model {
        let history: Int64
        var streamTime = Int64.min
        var versions: [String: [Int64: Int64?]] = [:]

        mutating func put(_ key: String, _ value: Int64?, at time: Int64) {
            streamTime = max(streamTime, time)
            guard time >= streamTime - history else { return }
            versions[key, default: [:]][time] = .some(value)
        }

        func value(of key: String, asOf time: Int64) -> Int64? {
            let known = versions[key] ?? [:]
            guard let newest = known.keys.max() else { return nil }
            if newest <= time, let value = known[newest] ?? nil { return value }
            guard time >= streamTime - history else { return nil }
            return known.keys.filter { $0 <= time }.max().flatMap { known[$0] ?? nil }
        }
    }

    @Test(arguments: [1, 2, 3, 4])
    func `rows are those of their time, whatever the order of arrival`(seed: UInt64) throws {
        let engine = try TestEngine(LookUp(), partitions: 1, seed: seed)
        var model = Model(history: 40)
        var random = SeededGenerator(seed: seed)
        var expected: [Int64?] = []
        var now: Int64 = 100
        for step in 0..<250 {
            now += Int64.random(in: 0...3, using: &random)
            let key = ["a", "b"].randomElement(using: &random) ?? "a"
            let time = max(0, now - Int64.random(in: 0...60, using: &random))
            if Bool.random(using: &random) {
                let value = Int64.random(in: 0...2, using: &random) == 0 ? nil : Int64(step)
                model.put(key, value, at: time)
                try engine.send(value, key: key, to: Self.rates, at: .milliseconds(time))
            } else {
                expected.append(model.value(of: key, asOf: time))
                try engine.send(0, key: key, to: Self.sales, at: .milliseconds(time))
            }
            // One after the other: within one turn a task takes the older head first.
            try engine.process()
            switch Int.random(in: 0..<40, using: &random) {
            case 0: try engine.crash()
            case 1: try engine.kill()
            case 2: try engine.run()
            default: break
            }
            try engine.run()
        }
        #expect(try engine.read(Self.out).map(\.value) == expected)
    }

    private static func driver<Job: StreamJob>(
        _ job: Job,
        partitions: Int32
    ) throws
        -> TopologyDriver
    {
        try TopologyDriver(
            inputs: [("rates", partitions), ("sales", partitions)],
            configuration: StreamsConfiguration(),
            seed: 5
        ) { try Topology(of: job) }
    }

    private static func number(_ value: UInt8) -> [UInt8] { [0, 0, 0, 0, 0, 0, 0, value] }

    @Test func `versions leave the store when they are older than the history`() throws {
        let driver = try Self.driver(LookUp(), partitions: 1)
        for step in 0..<200 {
            try driver.send(
                topic: "rates",
                key: [UInt8(97 + step % 5)],
                value: step % 3 == 0 ? nil : Self.number(1),
                timestamp: Timestamp(Int64(step) * 2)
            )
            try driver.runUntilIdle()
        }
        // 20 versions of 40 ms, each with its twin by time, the newest ones, and the clock.
        #expect(try driver.contents(ofStore: "rates").count < 2 * 25 + 5 + 1)
        try driver.send(
            topic: "rates",
            key: [120],
            value: Self.number(1),
            timestamp: Timestamp(10_000)
        )
        try driver.runUntilIdle()
        #expect(try driver.contents(ofStore: "rates").count <= 5 + 1 + 1)
    }

    @Test func `a row of a time before 1970 is dropped and counted`() throws {
        let driver = try Self.driver(LookUp(), partitions: 1)
        try driver.send(
            topic: "rates",
            key: [97],
            value: Self.number(1),
            timestamp: Timestamp(-5),
            isImported: true
        )
        try driver.runUntilIdle()
        #expect(driver.counters.recordsDropped == 1)
        #expect(try driver.contents(ofStore: "rates").isEmpty)
    }

    /// Joins with a grace over a table that is made of another one and has a history of its own.
    private struct Held: StreamJob {
        static let name = "held"
        var topology: [Statement] {
            let doubled = table(Topic("rates", key: .utf8, value: .int64), store: "rates")
                .mapValues(to: Int64.self) { (rate: Int64) -> Int64 in rate * 2 }
                .materialized(
                    store: "doubled",
                    key: .utf8,
                    value: .int64,
                    history: .milliseconds(100)
                )
            stream(sales)
                .join(
                    doubled,
                    grace: .milliseconds(10),
                    store: "sales-held",
                    key: .utf8,
                    value: .int64
                ) { (sale: Int64, rate: Int64) -> Int64? in sale + rate }
                .to(out)
        }
    }

    @Test func `what is held survives crashes, with its time and headers, by partition`() throws {
        let driver = try Self.driver(Held(), partitions: 2)
        func sale(_ value: UInt8, _ time: Int64, _ partition: Int32) throws {
            try driver.send(
                topic: "sales",
                key: [97],
                value: Self.number(value),
                timestamp: Timestamp(time),
                headers: [(name: "sale", value: [value])],
                partition: PartitionIndex(partition)
            )
            _ = try driver.step()
            try driver.kill()
            try driver.runUntilIdle()
            try driver.crash()
        }
        try sale(1, 100, 0)
        try sale(2, 100, 1)
        // The row is of before, and comes after; the other partition has another.
        for partition: Int32 in [0, 1] {
            try driver.send(
                topic: "rates",
                key: [97],
                value: Self.number(10 + 10 * UInt8(partition)),
                timestamp: Timestamp(90),
                partition: PartitionIndex(partition)
            )
        }
        try driver.runUntilIdle()
        try sale(3, 104, 0)
        #expect(try driver.read("out").isEmpty)
        try sale(4, 110, 0)
        var found = try driver.read("out")
        #expect(found.map(\.value) == [Self.number(21)])
        #expect(found.map(\.timestamp) == [Timestamp(100)])
        #expect(found.first?.headers.map(\.value) == [[1]])
        // Late: joined at once, and stream time stands.
        try sale(5, 99, 0)
        try sale(6, 130, 1)
        found = try driver.read("out")
        #expect(found.map(\.value) == [Self.number(25), Self.number(42)])
        #expect(found.map(\.timestamp) == [Timestamp(99), Timestamp(100)])
        #expect(found.last?.headers.map(\.value) == [[2]])
    }
}

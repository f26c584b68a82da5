import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// What is behind `mapAsync` sees time and other inputs as behind `mapValues`.
@Suite struct MapAsyncTimeTests {
    private static let events = Topic("events", key: .utf8, value: .int64)
    private static let rows = Topic("rows", key: .utf8, value: .int64)
    private static let others = Topic("others", key: .utf8, value: .int64)
    private static let outputs = [
        "counts", "joined", "ticks", "windows", "pairs", "chained", "reminders",
    ]

    private static func output(_ name: String) -> Topic<UTF8Serde, UTF8Serde> {
        Topic(name, key: .utf8, value: .utf8)
    }

    /// Says at each tick of stream time how many records it has seen.
    private struct Ticker: Processor {
        var count = 0
        mutating func start(_ context: inout ProcessorContext<String, String>) throws {
            context.schedule("tick", every: .milliseconds(50), by: .streamTime)
        }
        mutating func process(
            _ key: String,
            _ value: Int64,
            _ context: inout ProcessorContext<String, String>
        ) throws {
            count += 1
        }
        mutating func fire(
            _ timer: String,
            at time: Timestamp,
            _ context: inout ProcessorContext<String, String>
        ) throws { try context.forward("tick", "\(time.rawValue): \(count)") }
    }

    /// Says of each key how often it was seen within 30 milliseconds.
    private struct Reminder: Processor {
        var seen: [String: Int] = [:]
        mutating func process(
            _ key: String,
            _ value: Int64,
            _ context: inout ProcessorContext<String, String>
        ) throws {
            seen[key, default: 0] += 1
            guard seen[key] == 1 else { return }
            context.schedule(
                key,
                every: .seconds(86_400),
                by: .streamTime,
                from: Timestamp(context.timestamp.rawValue + 30)
            )
        }
        mutating func fire(
            _ timer: String,
            at time: Timestamp,
            _ context: inout ProcessorContext<String, String>
        ) throws {
            try context.forward(timer, "\(time.rawValue): \(seen.removeValue(forKey: timer) ?? 0)")
            context.cancel(timer)
        }
    }

    private struct Job: StreamJob {
        static let name = "timed"
        var isAsync = false

        var topology: [Statement] {
            let events = stream(MapAsyncTimeTests.events)
            let asked =
                isAsync
                ? events.mapAsync(maxInFlight: 16) { (_: String, value: Int64) async throws in
                    if value % 3 == 0 { try await Task.sleep(for: .microseconds(value % 7 * 100)) }
                    return value
                } : events.mapValues { (value: Int64) in value }
            asked.groupByKey(key: .utf8)
                .count(store: "counts", expiry: .after(.milliseconds(40)))
                .toStream()
                .mapValues { (count: Int64?) in count.map { "\($0)" } ?? "gone" }
                .to(MapAsyncTimeTests.output("counts"))
            (isAsync
                ? asked.mapAsync(maxInFlight: 16) { (_: String, value: Int64) async throws in
                    if value % 5 == 0 { try await Task.sleep(for: .microseconds(300)) }
                    return value
                } : asked)
                .groupByKey(key: .utf8)
                .count(store: "chained", expiry: .after(.milliseconds(40)))
                .toStream()
                .mapValues { (count: Int64?) in count.map { "\($0)" } ?? "gone" }
                .to(MapAsyncTimeTests.output("chained"))
            asked.process(stores: []) { (_: TaskStores) in Reminder() }
                .to(MapAsyncTimeTests.output("reminders"))
            asked.join(table(MapAsyncTimeTests.rows, store: "rows")) {
                (value: Int64, row: Int64) in "\(value) \(row)"
            }
            .to(MapAsyncTimeTests.output("joined"))
            asked.process(stores: []) { (_: TaskStores) in Ticker() }
                .to(MapAsyncTimeTests.output("ticks"))
            asked.groupByKey(key: .utf8)
                .windowed(by: .tumbling(.milliseconds(20), grace: .zero))
                .count(store: "windows", emit: .onClose)
                .to(
                    Topic(
                        "windows",
                        key: .windowed(.utf8, size: .milliseconds(20)),
                        value: .int64
                    )
                )
            asked.leftJoin(
                stream(MapAsyncTimeTests.others),
                within: .within(.milliseconds(10), grace: .zero),
                store: "pairs",
                key: .utf8,
                left: .int64,
                right: .int64
            ) { (left: Int64, right: Int64?) in "\(left) \(right.map { "\($0)" } ?? "-")" }
            .to(MapAsyncTimeTests.output("pairs"))
        }
    }

    /// What comes out of 400 records of each input, times a little out of order.
    private static func results(isAsync: Bool, seed: UInt64) throws -> [String: [String]] {
        var random = SeededGenerator(seed: seed)
        let driver = try TopologyDriver(
            inputs: [("events", 1), ("rows", 1), ("others", 1)],
            configuration: StreamsConfiguration(),
            seed: seed
        ) { try Topology(of: Job(isAsync: isAsync)) }
        for number in 0..<400 as Range<Int64> {
            for (topic, share) in [("events", 4), ("rows", 1), ("others", 1)] {
                guard Int.random(in: 0..<4, using: &random) < share else { continue }
                try driver.send(
                    topic: topic,
                    key: Array("k\(Int.random(in: 0..<9, using: &random))".utf8),
                    value: withUnsafeBytes(of: number.bigEndian) { Array($0) },
                    timestamp: Timestamp(
                        1_000_000 + number * 6 + .random(in: -8...0, using: &random)
                    )
                )
            }
            // Turns end anywhere.
            if Int.random(in: 0..<12, using: &random) == 0 { _ = try driver.step() }
        }
        try driver.runUntilIdle()
        var found: [String: [String]] = [:]
        for topic in outputs {
            found[topic] = try driver.read(topic).map { record in
                "\(record.key ?? []) \(record.value ?? []) @\(record.timestamp.rawValue)"
            }
        }
        return found
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `calls in flight change no result`(seed: UInt64) throws {
        let plain = try Self.results(isAsync: false, seed: seed)
        let asked = try Self.results(isAsync: true, seed: seed)
        for topic in Self.outputs {
            #expect(plain[topic]?.isEmpty == false, "\(topic)")
            #expect(asked[topic] == plain[topic], "\(topic)")
        }
        let gone = "\(Array("gone".utf8))"
        #expect(plain["counts"]?.contains { $0.contains(gone) } == true)
    }

    /// Two ways of one stream that meet in front of an operator that holds results, and of rows
    /// that end.
    private struct Diamond: StreamJob {
        static let name = "diamond"
        var topology: [Statement] {
            let events = stream(MapAsyncTimeTests.events)
            let asked = events.mapAsync(maxInFlight: 8) { (_: String, value: Int64) async throws in
                if value % 2 == 0 { try await Task.sleep(for: .microseconds(200)) }
                return value
            }
            let counts = asked.merge(events).groupByKey(key: .utf8).count(store: "counts")
            counts.to(Topic("counts", key: .utf8, value: .int64))
            counts.suppressed(
                .untilTimeLimit(.milliseconds(20)),
                store: "held",
                key: .utf8,
                value: .int64
            )
            .materialized(
                store: "rows",
                key: .utf8,
                value: .int64,
                expiry: .after(.milliseconds(40))
            )
            .toStream()
            .mapValues { (count: Int64?) in count.map { "\($0)" } ?? "gone" }
            .to(MapAsyncTimeTests.output("joined"))
        }
    }

    @Test func `results in flight do not come back to the operator that waits for them`() throws {
        let driver = try TopologyDriver(
            inputs: [("events", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: Diamond()) }
        for number in 0..<300 as Range<Int64> {
            try driver.send(
                topic: "events",
                key: Array("k\(number % 7)".utf8),
                value: withUnsafeBytes(of: number.bigEndian) { Array($0) },
                timestamp: Timestamp(1_000_000 + number * 9)
            )
            if number % 11 == 0 { _ = try driver.step() }
        }
        try driver.runUntilIdle()
        var last: [[UInt8]: Int64] = [:]
        for record in try driver.read("counts") {
            last[record.key ?? []] = (record.value ?? []).reduce(0) { $0 << 8 | Int64($1) }
        }
        #expect(last.values.reduce(0, +) == 600)
        let rows = try driver.read("joined").map { String(decoding: $0.value ?? [], as: UTF8.self) }
        #expect(rows.contains("gone") && rows.count > 300)
    }
}

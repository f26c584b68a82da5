import LogModel
import MillraceTestKit
import Streams
import Testing

@testable import StreamsRuntime

/// Tables whose rows end against a naive model, and operators of every kind with such rows.
@Suite struct ExpiryModelTests {
    private struct Step {
        let key: String
        let value: String?
        let time: Int64
    }

    /// Records that go forward mostly, jump now and then, and come late.
    private static func steps(_ count: Int, _ random: inout SeededGenerator) -> [Step] {
        var now: Int64 = 1_000
        return (0..<count).map { _ in
            switch Int.random(in: 0..<40, using: &random) {
            case 0: now += 250
            case 1: now += 90
            default: now += Int64.random(in: 0..<6, using: &random)
            }
            let isLate = Int.random(in: 0..<5, using: &random) == 0
            let time = isLate ? now - Int64.random(in: 0..<160, using: &random) : now
            let isRemoval = Int.random(in: 0..<6, using: &random) == 0
            return Step(
                key: "k\(Int.random(in: 0..<12, using: &random))",
                value: isRemoval ? nil : "v\(Int.random(in: 0..<3, using: &random))",
                time: time
            )
        }
    }

    /// What stays of the counts by value.
    private static func counts(_ driver: TopologyDriver) throws -> [String: Int64] {
        try driver.read("counts").reduce(into: [:]) { counts, record in
            let key = String(decoding: record.key ?? [], as: UTF8.self)
            let count = (record.value ?? []).reduce(Int64(0)) { $0 << 8 | Int64($1) }
            counts[key] = count == 0 ? nil : count
        }
    }

    @Test(arguments: 0..<8)
    func `rows end as the model's do, whatever happens between`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let table = try ExpiryHarness(ExpiringJob(isGrouped: true), seed: seed)
        var model = ExpiryModel(life: 100)
        for (index, step) in Self.steps(300, &random).enumerated() {
            try table.send(step.key, step.value, at: step.time)
            model.take(step.key, step.value, at: step.time)
            switch Int.random(in: 0..<24, using: &random) {
            case 0: try table.driver.crash()
            case 1: try table.driver.kill()
            case 2: try table.driver.loseStores()
            case 3: try table.driver.restartCleanly()
            case 4..<8: _ = try table.driver.crashInCommit(turn: index * 7 + Int(seed))
            case 8..<12: try table.driver.commit()
            default: _ = try table.driver.step()
            }
        }
        #expect(try table.changes() == model.changes)
        let rows = try table.driver.contents(ofStore: "rows").filter { $0.key.first == 1 }
        #expect(
            rows.map { String(decoding: $0.key.dropFirst(), as: UTF8.self) }
                == model.rows.keys.sorted()
        )
        for row in rows {
            let known = model.rows[String(decoding: row.key.dropFirst(), as: UTF8.self)]
            #expect(row.timestamp.rawValue == known?.time)
            #expect(String(decoding: row.value.dropFirst(8), as: UTF8.self) == known?.value)
        }
        let counts = Dictionary(grouping: model.rows.values, by: \.value).mapValues { $0.count }
        #expect(try Self.counts(table.driver) == counts.mapValues(Int64.init))
        // What restores left over goes as time does.
        try table.send("far", "x", at: 1_000_000)
        _ = try table.changes()
        #expect(try table.sizes() == (1, 1))
    }

    @Test(arguments: 0..<4)
    func `without a restore there are as many twins as rows`(seed: UInt64) throws {
        var random = SeededGenerator(seed: 100 + seed)
        let table = try ExpiryHarness(seed: seed)
        for step in Self.steps(300, &random) {
            try table.send(step.key, step.value, at: step.time)
            _ = try table.driver.step()
            let sizes = try table.sizes()
            #expect(sizes.rows == sizes.twins)
        }
    }

    @Test func `a restore of many updates makes one twin of a row`() throws {
        let table = try ExpiryHarness()
        for index: Int64 in 0..<60 { try table.send("k\(index % 3)", "x", at: 1_000 + index) }
        #expect(try table.changes().count == 60)
        try table.driver.loseStores()
        #expect(try table.sizes() == (3, 3))
    }

    @Test func `aggregates of every kind begin anew behind their end`() throws {
        struct Aggregates: StreamJob {
            static let name = "aggregates"
            static let input = Topic("in", key: .utf8, value: .int64)
            static let life = Expiry.after(.milliseconds(100))
            static func out(_ name: String) -> Topic<UTF8Serde, Int64Serde> {
                Topic(name, key: .utf8, value: .int64)
            }

            var topology: [Statement] {
                let grouped = stream(Self.input).groupByKey()
                grouped.count(store: "count", expiry: Self.life).to(Self.out("counted"))
                grouped.reduce(store: "reduce", expiry: Self.life) { max($0, $1) }
                    .to(Self.out("reduced"))
                grouped.aggregate(store: "sum", initial: Int64(0), expiry: Self.life) {
                    (sum: inout Int64, value: Int64) in sum += value
                }
                .to(Self.out("summed"))
                grouped.cogrouped(as: .int64) { (sum: inout Int64, value: Int64) in sum -= value }
                    .aggregate(store: "cogroup", initial: 0, expiry: Self.life)
                    .to(Self.out("cogrouped"))
                grouped.top(
                    1,
                    by: { (value: Int64) -> Int64 in value },
                    store: "top",
                    expiry: Self.life
                )
                .mapValues { (list: [Int64]) -> Int64 in list[0] }
                .to(Self.out("best"))
                stream(Topic("rows", key: .utf8, value: .optional(.int64)))
                    .toTable(store: "kept", key: .utf8, value: .int64)
                    .materialized(store: "fleeting", key: .utf8, value: .int64, expiry: Self.life)
                    .to(Self.out("fled"))
            }
        }
        let driver = try TopologyDriver(
            inputs: [("in", 1), ("rows", 1)],
            configuration: StreamsConfiguration(),
            seed: 3
        ) { try Topology(of: Aggregates()) }
        for (value, time) in [(5, 1_000), (3, 1_090), (4, 1_189), (7, 1_290)] as [(UInt8, Int64)] {
            for topic in ["in", "rows"] {
                try driver.send(
                    topic: topic,
                    key: [97],
                    value: [0, 0, 0, 0, 0, 0, 0, value],
                    timestamp: Timestamp(time)
                )
            }
            try driver.runUntilIdle()
            try driver.crash()
        }
        func values(_ topic: String) throws -> [Int64?] {
            try driver.read(topic).map { record in
                record.value.map { $0.reduce(Int64(0)) { $0 << 8 | Int64($1) } }
            }
        }
        #expect(try values("counted") == [1, 2, 3, nil, 1])
        #expect(try values("reduced") == [5, 5, 5, nil, 7])
        #expect(try values("summed") == [5, 8, 12, nil, 7])
        #expect(try values("cogrouped") == [-5, -8, -12, nil, -7])
        #expect(try values("best") == [5, nil, 7])
        #expect(try values("fled") == [5, 3, 4, nil, 7])
        #expect(try driver.contents(ofStore: "kept").count == 1)
    }

    @Test func `rows of several tables go in the order of their ends`() throws {
        struct Two: StreamJob {
            static let name = "two"
            var topology: [Statement] {
                let rows = table(
                    ExpiringJob.input,
                    store: "rows",
                    expiry: .after(.milliseconds(100))
                )
                rows.to(ExpiringJob.output)
                rows.materialized(
                    store: "kept",
                    key: .utf8,
                    value: .utf8,
                    expiry: .after(.milliseconds(60))
                )
                .to(ExpiringJob.output)
            }
        }
        let driver = try TopologyDriver(
            inputs: [("in", 1)],
            configuration: StreamsConfiguration(),
            seed: 5
        ) { try Topology(of: Two()) }
        for (key, time) in [("a", 0), ("b", 50), ("c", 300)] {
            if key == "c" { try driver.crash() }
            try driver.send(
                topic: "in",
                key: Array(key.utf8),
                value: [120],
                timestamp: Timestamp(Int64(time))
            )
            try driver.runUntilIdle()
        }
        let found = try driver.read("out").map(ExpiryHarness.words)
        #expect(found.prefix(4) == ["a=x@0", "a=x@0", "b=x@50", "b=x@50"])
        // What ends in the first table is a removal for the second one, as any other.
        #expect(
            found.dropFirst(4) == [
                "a-@60", "a-@100", "a-@100", "b-@110", "b-@150", "b-@150", "c=x@300", "c=x@300",
            ]
        )
    }

    @Test func `no join meets a row that has ended, though another input brings the time`() throws {
        struct Joined: StreamJob {
            static let name = "joined"
            var topology: [Statement] {
                let rows = table(ExpiringJob.input, store: "rows", expiry: .after(.seconds(1)))
                stream(Topic("asks", key: .utf8, value: .utf8))
                    .leftJoin(rows) { (ask: String, row: String?) -> String in
                        "\(ask)\(row ?? "none")"
                    }
                    .to(ExpiringJob.output)
            }
        }
        let driver = try TopologyDriver(
            inputs: [("in", 1), ("asks", 1)],
            configuration: StreamsConfiguration(),
            seed: 4
        ) { try Topology(of: Joined()) }
        for (topic, value, time) in [
            ("in", "r", 1_000), ("asks", "1", 1_999), ("asks", "2", 2_000), ("in", "s", 2_500),
            ("asks", "3", 3_400),
        ] {
            try driver.send(
                topic: topic,
                key: [97],
                value: Array(value.utf8),
                timestamp: Timestamp(Int64(time))
            )
            if time == 2_000 { try driver.crash() }
        }
        try driver.runUntilIdle()
        let found = try driver.read("out").map { String(decoding: $0.value ?? [], as: UTF8.self) }
        #expect(found == ["1r", "2none", "3s"])
    }

    @Test func `the description tells when rows end, and a store is read without them`() throws {
        let expiry = Expiry.after(.seconds(60), idleAfter: .seconds(5))
        let specification = try Topology(of: ExpiringJob(expiry: expiry)).specification
        let words = "expiring-row, key utf8, value utf8; rows end after 60000 ms"
        #expect(specification.text().contains("\(words), by the clock after 5000 ms idle\n"))
        let fields = #""rowsEndAfterMilliseconds":60000,"idleAfterMilliseconds":5000}"#
        #expect(specification.json().contains(fields))
        let store = try #require(specification.subtopologies.flatMap(\.stores).first)
        let layout = try #require(StoreLayout(store.format))
        #expect(layout == .expiringRow)
        #expect(layout.ranges(from: [97], to: nil).first?.from == [1, 97])
        let stored: [UInt8] = [0, 0, 0, 0, 0, 0, 3, 232, 128, 0, 0, 0, 0, 0, 0, 7, 120]
        let entry = [1, 97].withUnsafeBytes { (key: UnsafeRawBufferPointer) in
            stored.withUnsafeBytes { layout.entry(key, $0, windowSize: nil) }
        }
        #expect(entry?.value == [120] && entry?.place == .row)
        for length in 0..<16 {
            let cut = Array(stored.prefix(length))
            let none = [1, 97].withUnsafeBytes { (key: UnsafeRawBufferPointer) in
                cut.withUnsafeBytes { layout.entry(key, $0, windowSize: nil) }
            }
            #expect(none == nil)
        }
    }

    @Test func `two operators cannot have one store of rows that end`() throws {
        struct Twice: StreamJob {
            static let name = "twice"
            var topology: [Statement] {
                let grouped = stream(ExpiringJob.input).groupByKey()
                grouped.count(store: "s", expiry: .after(.seconds(1)))
                grouped.reduce(store: "s", expiry: .after(.seconds(1))) { old, _ in old }
            }
        }
        #expect(throws: TopologyError.self) { _ = try Topology(of: Twice()) }
    }
}

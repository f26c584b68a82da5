import Bytes
import EmbeddedClient
import LogClient
import LogModel
import MillraceTestKit
import Streams
import Testing

@testable import StreamsRuntime

/// Foreign-key joins beyond the vectors: records on their way, several partitions, crashes.
@Suite struct ForeignKeyTests {
    private static let orders = Topic("orders", key: .utf8, value: .utf8)
    private static let people = Topic("people", key: .utf8, value: .utf8)
    private static let out = Topic("out", key: .utf8, value: .utf8)

    /// The person of an order: what stands before its colon, if anything.
    @Sendable private static func person(_ order: String) -> String? {
        let name = order.prefix { $0 != ":" }
        return name.isEmpty ? nil : String(name)
    }

    private struct Inner: StreamJob {
        static let name = "inner"
        var topology: [Statement] {
            let people = table(people, store: "people")
            table(orders, store: "orders")
                .join(people, foreignKey: person, via: "who") { "\($0)|\($1)" }
                .to(out)
        }
    }

    private struct Left: StreamJob {
        static let name = "left"
        var topology: [Statement] {
            let people = table(people, store: "people")
            table(orders, store: "orders")
                .leftJoin(people, foreignKey: person, via: "who") { "\($0)|\($1 ?? "none")" }
                .to(out)
        }
    }

    private static func driver<Job: StreamJob>(_ job: Job, seed: UInt64) throws -> TopologyDriver {
        var configuration = StreamsConfiguration()
        configuration.threadCount = 2
        return try TopologyDriver(
            inputs: [("orders", 3), ("people", 2)],
            configuration: configuration,
            seed: seed
        ) { try Topology(of: job) }
    }

    private static func text(_ bytes: [UInt8]?) -> String? {
        bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Sends changes of both tables, lets the job do something or crash after some, and compares
    /// what the results amount to with the join of what both tables are in the end.
    private static func check<Job: StreamJob>(_ job: Job, isLeft: Bool, seed: UInt64) throws {
        let driver = try driver(job, seed: seed)
        var random = SeededGenerator(seed: seed)
        var orders: [String: String] = [:]
        var people: [String: String] = [:]
        var results: [String: String] = [:]
        func collect() throws {
            for record in try driver.read("out") {
                results[text(record.key) ?? ""] = text(record.value)
            }
        }
        for step in 0..<300 {
            let isOrder = Int.random(in: 0..<3, using: &random) > 0
            let number = Int.random(in: 0..<(isOrder ? 12 : 5), using: &random)
            let key = isOrder ? "o\(number)" : "p\(number)"
            var value: String?
            if Int.random(in: 0..<4, using: &random) > 0 {
                let person = Int.random(in: -1..<5, using: &random)
                value = isOrder ? (person < 0 ? ":\(step)" : "p\(person):\(step)") : "v\(step)"
            }
            if isOrder { orders[key] = value } else { people[key] = value }
            try driver.send(
                topic: isOrder ? "orders" : "people",
                key: Array(key.utf8),
                value: value.map { Array($0.utf8) },
                timestamp: Timestamp(Int64(step))
            )
            switch Int.random(in: 0..<30, using: &random) {
            case 0..<12: _ = try driver.step()
            case 12: try driver.commit()
            case 13: try driver.crash()
            case 14: try driver.kill()
            case 15: try driver.runUntilIdle()
            default: break
            }
        }
        try driver.runUntilIdle()
        try collect()
        var expected: [String: String] = [:]
        for (key, order) in orders {
            let found = person(order).flatMap { people[$0] }
            if isLeft || found != nil { expected[key] = "\(order)|\(found ?? "none")" }
        }
        #expect(results == expected)
    }

    private struct WithKey: StreamJob {
        static let name = "with-key"
        let isLeft: Bool
        init() { self.init(isLeft: false) }
        init(isLeft: Bool) { self.isLeft = isLeft }

        var topology: [Statement] {
            let people = table(people, store: "people")
            let orders = table(orders, store: "orders")
            let named = { @Sendable (key: String, order: String) -> String? in
                "p" + key.dropFirst() + order
            }
            if isLeft {
                orders.leftJoin(people, foreignKeyWithKey: named, via: "who") {
                    "\($0)|\($1 ?? "none")"
                }.to(out)
            } else {
                orders.join(people, foreignKeyWithKey: named, via: "who") { "\($0)|\($1)" }
                    .to(out)
            }
        }
    }

    @Test(arguments: [false, true])
    func `a row may name the other by its key and value together`(isLeft: Bool) throws {
        let driver = try Self.driver(WithKey(isLeft: isLeft), seed: 1)
        func send(_ topic: String, _ key: String, _ value: String) throws {
            try driver.send(
                topic: topic,
                key: Array(key.utf8),
                value: Array(value.utf8),
                timestamp: Timestamp(1)
            )
            try driver.runUntilIdle()
        }
        try send("orders", "o1", "a")
        try send("people", "p1a", "ada")
        try send("orders", "o2", "a")
        try send("orders", "o1", "b")
        let results = try driver.read("out").map {
            "\(Self.text($0.key) ?? "")=\(Self.text($0.value) ?? "-")"
        }
        #expect(
            results.filter { $0.hasPrefix("o1") }
                == (isLeft ? ["o1=a|none", "o1=a|ada", "o1=b|none"] : ["o1=a|ada", "o1=-"])
        )
        #expect(results.filter { $0.hasPrefix("o2") } == (isLeft ? ["o2=a|none"] : []))
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6])
    func `whatever is on its way, the results end as the join of both tables`(seed: UInt64) throws {
        try Self.check(Inner(), isLeft: false, seed: seed)
        try Self.check(Left(), isLeft: true, seed: seed)
    }

    @Test func `a response for an earlier state of a row is passed over`() throws {
        let driver = try Self.driver(Inner(), seed: 1)
        func send(_ topic: String, _ key: String, _ value: String) throws {
            try driver.send(
                topic: topic,
                key: Array(key.utf8),
                value: Array(value.utf8),
                timestamp: Timestamp(5)
            )
        }
        try send("people", "p", "v")
        try driver.runUntilIdle()
        for order in ["p:1", "p:2", "q:3", "p:4"] { try send("orders", "o", order) }
        try driver.runUntilIdle()
        #expect(try driver.read("out").map { Self.text($0.value) } == ["p:4|v"])
        #expect(driver.counters.recordsDropped == 0)
    }

    @Test func `requests have the partitions of the other table, responses those of this one`()
        throws
    {
        let topology = try Topology(of: Inner())
        #expect(topology.specification.subtopologies.count == 2)
        let topics = [("orders", 3), ("people", 2)].map { name, count in
            TopicDescription(
                name: name,
                id: .zero,
                partitionCount: Int32(count),
                isInternal: false,
                configuration: [:]
            )
        }
        let plan = try TopologyPlan(topology.specification, existing: topics)
        #expect(plan.partitionCounts["inner-who-subscription-repartition"] == 2)
        #expect(plan.partitionCounts["inner-who-response-repartition"] == 3)
        #expect(plan.partitionCounts["inner-who-foreign-keys-changelog"] == 3)
        #expect(plan.partitionCounts["inner-who-subscriptions-changelog"] == 2)
        #expect(plan.tasks.count == 5)
    }

    private struct Bill: Codable, Sendable {
        var owner: String
        var cents: Int
    }

    /// A chain: its first result is kept, and names the row of a third table; a key path names the
    /// foreign key.
    private struct Chain: StreamJob {
        static let name = "chain"
        var topology: [Statement] {
            let owners = table(people, store: "people")
            let bills = table(Topic("orders", key: .utf8, value: .json(Bill.self)), store: "bills")
            let named = bills.join(
                owners,
                foreignKey: \.owner,
                via: "owner",
                key: .utf8,
                otherKey: .utf8,
                otherValue: .utf8
            ) { (bill: Bill, name: String) -> String in "\(bill.cents) of \(name)" }
            named.filter { (text: String) -> Bool in !text.hasPrefix("0 ") }
                .materialized(store: "named", key: .utf8, value: .utf8)
                .groupBy(via: "by-name", key: .utf8, value: .utf8) { _, text in (text, text) }
                .count(store: "counts")
                .to(Topic("out", key: .utf8, value: .int64))
        }
    }

    @Test func `a result is kept and gathered where a store holds it`() throws {
        let driver = try Self.driver(Chain(), seed: 2)
        for (key, cents) in [("a", 7), ("b", 7), ("c", 0)] {
            try driver.send(
                topic: "orders",
                key: Array(key.utf8),
                value: Array("{\"owner\":\"p\",\"cents\":\(cents)}".utf8),
                timestamp: Timestamp(1)
            )
        }
        try driver.send(topic: "people", key: [112], value: [78], timestamp: Timestamp(2))
        try driver.runUntilIdle()
        let found = try driver.read("out")
        #expect(found.map { Self.text($0.key) } == ["7 of N", "7 of N"])
        #expect(found.map(\.value?.last) == [1, 2])
    }

    /// The person of an order, then the person whom that one's row names.
    private struct Twice: StreamJob {
        static let name = "twice"
        var topology: [Statement] {
            let people = table(people, store: "people")
            let named = table(orders, store: "orders")
                .join(people, foreignKey: person, via: "first") { "\($0)|\($1)" }
                .materialized(store: "named", key: .utf8, value: .utf8)
            named.join(
                people,
                foreignKey: { (text: String) -> String? in
                    text.split(separator: "|").last.map(String.init)
                },
                via: "second"
            ) { "\($0)|\($1)" }
            .to(out)
        }
    }

    @Test func `a run until caught up waits for every way there and back`() throws {
        // For its topics and its log.
        let driver = try Self.driver(Inner(), seed: 3)
        for (topic, key, value) in [
            ("orders", "o", "p:1"), ("people", "p", "q"), ("people", "q", "end"),
        ] {
            try driver.send(
                topic: topic,
                key: Array(key.utf8),
                value: Array(value.utf8),
                timestamp: Timestamp(1)
            )
        }
        var configuration = StreamsConfiguration()
        configuration.commitRecordLimit = 1
        configuration.checkpointsInline = true
        let application = try StreamsApplication(
            topology: Topology(of: Twice()),
            client: EmbeddedClient(broker: driver.broker),
            engines: SimulatedStores(),
            configuration: configuration,
            time: driver.time,
            pause: { _ in }
        )
        try application.start()
        try application.run(until: .whenCaughtUp)
        try application.close()
        #expect(try driver.read("out").map { Self.text($0.value) } == ["p:1|q|end"])
    }

    private struct Gathered: StreamJob {
        static let name = "gathered"
        var topology: [Statement] {
            let people = table(people, store: "people")
            table(orders, store: "orders")
                .join(people, foreignKey: person, via: "who") { "\($0)|\($1)" }
                .groupBy(via: "g", key: .utf8, value: .utf8) { key, value in (value, key) }
                .count(store: "counts")
                .to(Topic("out", key: .utf8, value: .int64))
        }
    }

    @Test func `a result that keeps no rows is not gathered, and its owner is told what to add`() {
        let error = #expect(throws: TopologyError.self) { try Topology(of: Gathered()) }
        #expect(error?.message.contains("\"who\"") == true)
        #expect(error?.message.contains(".materialized") == true)
    }
}

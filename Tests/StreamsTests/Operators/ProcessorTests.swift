import Broker
import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// What processors do beside the vectors: timers through restarts, shared stores, headers, errors.
@Suite struct ProcessorTests {
    enum Topics {
        static let `in` = Topic("in", key: .utf8, value: .utf8)
        static let out = Topic("out", key: .utf8, value: .utf8)
    }

    enum Stores {
        static let counts = Store.keyValue("counts", key: .utf8, value: .int64)
        static let unordered = Store.keyValue(
            "unordered",
            key: .utf8,
            value: .int64,
            isOrdered: false
        )
    }

    typealias Context = ProcessorContext<String, String>

    /// A processor that does what a test says.
    struct Scripted: Processor {
        typealias Step = (String, String, Context) throws -> Void
        var begin: (Context) throws -> Void = { _ in }
        var step: Step = { _, _, _ in }
        var tick: (String, Timestamp, Context) throws -> Void = { _, _, _ in }

        mutating func start(_ context: inout Context) throws { try begin(context) }
        mutating func process(_ key: String, _ value: String, _ context: inout Context) throws {
            try step(key, value, context)
        }
        mutating func fire(_ timer: String, at time: Timestamp, _ context: inout Context) throws {
            try tick(timer, time, context)
        }
    }

    static func driver(
        partitions: Int32 = 1,
        seed: UInt64 = 1,
        @TopologyBuilder _ statements: @escaping @Sendable () -> [Statement]
    ) throws -> TopologyDriver {
        try TopologyDriver(
            inputs: [("in", partitions)],
            configuration: StreamsConfiguration(),
            seed: seed
        ) { try Topology(job: "processing", statements: statements()) }
    }

    private struct Input: StreamJob {
        static let name = "processing"
        var topology: [Statement] { [] }
        var stream: Streams.Stream<String, String> { stream(Topics.in) }
    }

    static var input: Streams.Stream<String, String> { Input().stream }

    static func send(
        _ driver: TopologyDriver,
        _ key: String,
        _ value: String,
        at time: Int64,
        headers: [(name: String, value: [UInt8]?)] = []
    ) throws {
        try driver.send(
            topic: "in",
            key: Array(key.utf8),
            value: Array(value.utf8),
            timestamp: Timestamp(time),
            headers: headers
        )
        try driver.runUntilIdle()
    }

    static func texts(_ driver: TopologyDriver) throws -> [String] {
        try driver.read("out").map { record in
            let key = String(decoding: record.key ?? [], as: UTF8.self)
            let value = String(decoding: record.value ?? [], as: UTF8.self)
            return "\(key)=\(value)@\(record.timestamp.rawValue)"
        }
    }

    // MARK: Timers

    @Test func `a timer of stream time goes on behind what is committed, in each partition`()
        throws
    {
        let driver = try Self.driver(partitions: 2) {
            [
                Self.input.process { _ -> Scripted in
                    Scripted(
                        begin: { $0.schedule("tick", every: .milliseconds(10), by: .streamTime) },
                        tick: { timer, time, context in
                            try context.forward(timer, "p\(context.partition.rawValue)")
                        }
                    )
                }.to(Topics.out)
            ]
        }
        func send(_ partition: Int32, at time: Int64) throws {
            try driver.send(
                topic: "in",
                key: [97],
                value: [97],
                timestamp: Timestamp(time),
                partition: PartitionIndex(partition)
            )
            try driver.runUntilIdle()
        }
        try send(0, at: 5)
        try send(1, at: 25)
        #expect(try Self.texts(driver).sorted() == ["tick=p0@5", "tick=p1@25"])
        try driver.crash()
        try send(0, at: 9)
        try send(1, at: 29)
        #expect(try Self.texts(driver).isEmpty)
        try driver.restartCleanly()
        try send(0, at: 10)
        try send(1, at: 31)
        try driver.kill()
        try send(0, at: 11)
        #expect(try Self.texts(driver).sorted() == ["tick=p0@10", "tick=p1@31"])
    }

    @Test func `timers are due in order, once, and can be replaced and ended while they run`()
        throws
    {
        let driver = try Self.driver {
            [
                Self.input.process { _ -> Scripted in
                    Scripted(
                        begin: {
                            $0.schedule("slow", every: .milliseconds(20), by: .wallClock)
                            $0.schedule("quick", every: .milliseconds(15), by: .wallClock)
                            $0.schedule("never", every: .milliseconds(15), by: .wallClock)
                            $0.cancel("never")
                            $0.cancel("unknown")
                        },
                        tick: { timer, time, context in
                            let due = context.dueTime(of: timer) ?? .none
                            try context.forward(timer, "\(time.milliseconds(to: due))")
                            if timer == "quick" {
                                context.schedule("quick", every: .milliseconds(40), by: .wallClock)
                            } else {
                                context.cancel("slow")
                            }
                        }
                    )
                }.to(Topics.out)
            ]
        }
        let begin = driver.time.wallTime().rawValue
        try driver.advance(milliseconds: 50)
        #expect(
            try Self.texts(driver) == ["quick=10@\(begin + 50)", "slow=10@\(begin + 50)"]
        )
        try driver.advance(milliseconds: 39)
        #expect(try Self.texts(driver).isEmpty)
        try driver.advance(milliseconds: 1)
        #expect(try Self.texts(driver).map { $0.prefix(5) } == ["quick"])
    }

    @Test func `a timer that is due without anything to do for it stops the job with its name`()
        throws
    {
        struct Silent: Processor {
            mutating func start(_ context: inout Context) {
                context.schedule("reminder", every: .milliseconds(1), by: .streamTime)
            }
            mutating func process(_ key: String, _ value: String, _ context: inout Context) {}
        }
        let driver = try Self.driver {
            [Self.input.process { _ -> Silent in Silent() }.to(Topics.out)]
        }
        let error = #expect(throws: StreamsError.self) {
            try Self.send(driver, "a", "b", at: 7)
        }
        #expect(error?.message.contains("\"reminder\"") == true)
    }

    @Test
    func `what is put at the start is committed without a record, and seen by the next start`()
        throws
    {
        let driver = try Self.driver {
            [
                Self.input.process(stores: [Stores.counts]) { stores -> Scripted in
                    let counts = try stores.open(Stores.counts)
                    return Scripted(
                        begin: { _ in try counts.put("starts", (counts.get("starts") ?? 0) + 1) }
                    )
                }.to(Topics.out)
            ]
        }
        for starts in 1...3 {
            try driver.runUntilIdle()
            let found = try driver.contents(ofStore: "counts")
            #expect(found.map(\.value.last) == [UInt8(starts)])
            try driver.crash()
        }
    }

    @Test func `an abort makes the processor anew, with its stores and timers as committed`() throws
    {
        struct Remembering: Processor {
            let counts: KeyValueStore<UTF8Serde, Int64Serde>
            var seen = 0
            mutating func start(_ context: inout Context) {
                context.schedule("tick", every: .milliseconds(10), by: .streamTime)
            }
            mutating func process(
                _ key: String,
                _ value: String,
                _ context: inout Context
            ) throws {
                seen += 1
                try counts.put(key, (counts.get(key) ?? 0) + 1)
                try context.forward(key, "\(seen) of \(try counts.get(key) ?? 0)")
            }
            mutating func fire(
                _ timer: String,
                at time: Timestamp,
                _ context: inout Context
            ) throws { try context.forward(timer, "\(seen)") }
        }
        var configuration = StreamsConfiguration()
        // Every record is sent at once, and opens the transaction in the log.
        configuration.batchByteLimit = 1
        let driver = try TopologyDriver(inputs: [("in", 1)], configuration: configuration, seed: 1)
        {
            let output = Self.input.process(stores: [Stores.counts]) { stores -> Remembering in
                Remembering(counts: try stores.open(Stores.counts))
            }
            return try Topology(job: "processing", statements: [output.to(Topics.out)])
        }
        let base = driver.time.wallTime().rawValue
        try Self.send(driver, "a", "x", at: base + 5)
        try driver.send(topic: "in", key: [97], value: [97], timestamp: Timestamp(base + 25))
        _ = try driver.step()
        // The log gives the open transaction up.
        driver.time.advance(milliseconds: 70_000)
        driver.broker.housekeeping(now: driver.time.wallTime())
        try driver.runUntilIdle()
        #expect(driver.rewindCount == 1)
        try Self.send(driver, "a", "x", at: base + 29)
        let found = try driver.read("out").map { record in
            let value = String(decoding: record.value ?? [], as: UTF8.self)
            return "\(value) at \(record.timestamp.rawValue - base)"
        }
        #expect(found == ["1 of 1 at 5", "1 at 5", "1 of 2 at 25", "1 at 25", "2 of 3 at 29"])
    }

    // MARK: Stores

    @Test func `processors that share a store see each other's changes, in one sub-topology`()
        throws
    {
        let topology = try Topology(job: "processing", statements: Self.shared())
        #expect(topology.specification.subtopologies.count == 1)
        #expect(topology.specification.subtopologies[0].stores.map(\.name) == ["counts"])
        #expect(topology.specification.text().contains("processValues in counts <- [0]"))
        let driver = try Self.driver { Self.shared() }
        try Self.send(driver, "a", "x", at: 1)
        try driver.crash()
        try Self.send(driver, "a", "x", at: 2)
        #expect(try Self.texts(driver) == ["a=1@1", "a=2@2"])
    }

    @TopologyBuilder private static func shared() -> [Statement] {
        let source = input
        source.processValues(stores: [Stores.counts]) { stores -> Adding in
            Adding(counts: try stores.open(Stores.counts))
        }
        source.process(stores: [Stores.counts]) { stores -> Scripted in
            let counts = try stores.open(Stores.counts)
            return Scripted(step: { key, _, context in
                try context.forward(key, "\(try counts.get(key) ?? 0)")
            })
        }.to(Topics.out)
    }

    struct Adding: ValueProcessor {
        let counts: KeyValueStore<UTF8Serde, Int64Serde>
        mutating func process(
            _ key: String,
            _ value: String,
            _ context: inout ValueContext<String, String>
        ) throws {
            try counts.put(key, (counts.get(key) ?? 0) + 1)
            try context.forward(value)
        }
    }

    @Test func `a store has one kind of owner`() throws {
        let error = #expect(throws: TopologyError.self) {
            let source = Self.input
            return try Topology(
                job: "processing",
                statements: [
                    source.process(stores: [Stores.counts]) { _ -> Scripted in Scripted() }
                        .to(Topics.out),
                    source.groupByKey().count(store: "counts").to(
                        Topic("counted", key: .utf8, value: .int64)
                    ),
                ]
            )
        }
        #expect(error?.message.contains("\"counts\"") == true)
    }

    @Test func `a range may read and change the store that it reads`() throws {
        let driver = try Self.driver {
            [
                Self.input.process(stores: [Stores.counts]) { stores -> Scripted in
                    let counts = try stores.open(Stores.counts)
                    return Scripted(step: { key, _, context in
                        for (index, name) in ["a", "b", "b\u{0}", "c"].enumerated() {
                            try counts.put(name, Int64(index))
                        }
                        var seen: [String] = []
                        try counts.range(from: "a", through: "b") { name, number in
                            try counts.range(prefix: "b", as: .utf8) { inner, _ in
                                seen.append("\(name.count)\(inner.count)")
                                return true
                            }
                            if name == "a" { try counts.remove("b") }
                            try counts.put(name, number + 10)
                            return true
                        }
                        let left = try counts.get("b").map { "\($0)" } ?? "none"
                        let first = try counts.putIfAbsent("a", 7) ?? -1
                        seen += [left, "\(first)"]
                        try context.forward(key, seen.joined(separator: " "))
                    })
                }.to(Topics.out)
            ]
        }
        try Self.send(driver, "k", "v", at: 1)
        #expect(try Self.texts(driver) == ["k=11 12 none 10@1"])
    }

    @Test(arguments: ["range", "store", "child", "time", "null"])
    func `what a processor may not do is refused in words`(what: String) throws {
        let words =
            switch what {
            case "range": "has no order"
            case "store": "was not given"
            case "child": "no child"
            case "time": "before 1970"
            default: "null key"
            }
        let nullable = Store.keyValue("nullable", key: .optional(.utf8), value: .int64)
        let error = #expect(throws: StreamsError.self) {
            let driver = try Self.driver {
                [
                    Self.input.process(stores: [Stores.unordered, nullable]) { stores -> Scripted in
                        let store = try stores.open(Stores.unordered)
                        let other = try stores.open(nullable)
                        if what == "store" { _ = try stores.open(Stores.counts) }
                        return Scripted(step: { key, value, context in
                            switch what {
                            case "range": try store.range { _, _ in true }
                            case "child": try context.forward(key, value, to: "elsewhere")
                            case "time":
                                context.timestamp = Timestamp(-5)
                                try context.forward(key, value)
                            default: try other.put(nil, 1)
                            }
                        })
                    }.to(Topics.out)
                ]
            }
            try Self.send(driver, "a", "b", at: 1)
        }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    // MARK: Records

    @Test func `headers and time are read and set for what is forwarded, and no longer`() throws {
        let driver = try Self.driver {
            [
                Self.input.process { _ -> Scripted in
                    Scripted(step: { key, value, context in
                        let id = context.headers["id"].map { String(decoding: $0, as: UTF8.self) }
                        try context.forward(
                            key,
                            "\(id ?? "none") \(context.offset?.rawValue ?? -1)"
                        )
                        guard value == "set" else { return }
                        context.headers.append(RecordHeaders.Header("null", nil))
                        context.headers.removeAll { $0.name == "id" }
                        context.timestamp = Timestamp(99)
                        try context.forward(key, "set")
                    })
                }.to(Topics.out)
            ]
        }
        try Self.send(driver, "a", "set", at: 1, headers: [("id", [49]), ("x", []), ("id", [50])])
        try Self.send(driver, "a", "plain", at: 2)
        let found = try driver.read("out")
        #expect(found.map(\.timestamp.rawValue) == [1, 99, 2])
        #expect(found.map { $0.headers.map(\.name) } == [["id", "x", "id"], ["x", "null"], []])
        #expect(found[1].headers.map(\.value) == [[], nil])
        #expect(found.map { String(decoding: $0.value ?? [], as: UTF8.self) }[0] == "2 0")
    }
}

import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// What window, session and in-memory stores do beside the vectors: restarts, keys of all kinds,
/// what expires.
@Suite struct ProcessorStoreTests {
    private typealias Context = ProcessorContext<String, String>
    private typealias Scripted = ProcessorTests.Scripted

    @Test(arguments: [false, true])
    func `what expires leaves a window store, through restarts, and old puts do nothing`(
        isInMemory: Bool
    ) throws {
        let store = Store.window(
            "windows",
            key: .utf8,
            value: .utf8,
            size: .milliseconds(10),
            retention: .milliseconds(100)
        )
        let used = isInMemory ? store.inMemory : store
        let driver = try ProcessorTests.driver {
            ProcessorTests.input.process(stores: [used]) { stores -> Scripted in
                let windows = try stores.open(used)
                return Scripted(step: { key, value, context in
                    try windows.put(key, value, at: context.timestamp)
                    var seen: [String] = []
                    try windows.fetchAll { row, value in
                        // What is read may change what is read.
                        try windows.fetch(row.key, at: row.window.start).map { seen.append($0) }
                        if value == "c" { try windows.put(row.key, nil, at: row.window.start) }
                        return true
                    }
                    try context.forward(key, seen.joined(separator: ","))
                })
            }.to(ProcessorTests.Topics.out)
        }
        func send(_ key: String, _ value: String, _ time: Int64) throws -> [String] {
            try ProcessorTests.send(driver, key, value, at: time)
            return try ProcessorTests.texts(driver).map { $0.split(separator: "@")[0] }.map {
                String($0.drop { $0 != "=" }.dropFirst())
            }
        }
        #expect(try send("a", "a", 1_000) == ["a"])
        // Keys that begin alike and hold zeros have their place behind the shorter ones.
        #expect(try send("a\u{0}", "b", 1_000) == ["a,b"])
        #expect(try send("aa", "c", 1_000) == ["a,b,c"])
        try driver.crash()
        #expect(try send("b", "d", 1_099) == ["a,b,d"])
        try driver.restartCleanly()
        #expect(try send("z", "e", 1_100) == (isInMemory ? ["d,e"] : ["d,e"]))
        try driver.kill()
        #expect(try send("a", "late", 1_000) == ["d,e"])
        #expect(driver.counters.recordsDropped == (isInMemory ? 1 : 0))
        let kept = try driver.contents(ofStore: "windows").filter { $0.key.first == 1 }
        #expect(kept.count == 2)
    }

    @Test func `sessions of keys that begin alike are told apart, through a crash`() throws {
        let store = Store.session(
            "sessions",
            key: .utf8,
            value: .utf8,
            retention: .seconds(10)
        )
        let driver = try ProcessorTests.driver {
            ProcessorTests.input.process(stores: [store]) { stores -> Scripted in
                let sessions = try stores.open(store)
                return Scripted(step: { key, value, context in
                    let window = Window(
                        start: context.timestamp.advanced(byMilliseconds: -5),
                        end: context.timestamp
                    )
                    try sessions.put(Windowed(key: key, window: window), value)
                    var seen: [String] = []
                    try sessions.findSessions(keysFrom: "a", through: "a\u{0}") { _, value in
                        seen.append(value)
                        return true
                    }
                    try sessions.findSessions("a", endingFrom: Timestamp(11)) { _, value in
                        seen.append("a:" + value)
                        return seen.count < 9
                    }
                    let own = try sessions.fetch(Windowed(key: key, window: window)) ?? ""
                    try context.forward(key, (seen + [own]).joined(separator: ","))
                })
            }.to(ProcessorTests.Topics.out)
        }
        try ProcessorTests.send(driver, "a", "1", at: 10)
        try ProcessorTests.send(driver, "a\u{0}", "2", at: 5)
        try driver.crash()
        try ProcessorTests.send(driver, "aa", "3", at: 7)
        try ProcessorTests.send(driver, "a", "4", at: 20)
        #expect(
            try ProcessorTests.texts(driver) == [
                "a=1,1@10", "a\u{0}=1,2,2@5", "aa=1,2,3@7", "a=1,4,2,a:4,4@20",
            ]
        )
    }

    @Test func `a store in memory is restored from its changelog`() throws {
        let store = Store.keyValue("counts", key: .int64, value: .int64).inMemory
        let input = Topic("in", key: .int64, value: .int64)
        struct Empty: StreamJob {
            static let name = "memory"
            var topology: [Statement] { [] }
        }
        let makeTopology = {
            try Topology(
                job: "memory",
                statements: [
                    Empty().stream(input).process(stores: [store]) { stores -> Adding in
                        Adding(counts: try stores.open(store))
                    }.to(Topic("out", key: .int64, value: .int64))
                ]
            )
        }
        let topology = try makeTopology()
        #expect(topology.specification.text().contains("store counts, in memory, changelog"))
        let driver = try TopologyDriver(
            inputs: [("in", 1)],
            configuration: StreamsConfiguration(),
            seed: 1,
            makeTopology: makeTopology
        )
        let count: Int64 = 20
        func send(_ number: Int64) throws {
            let bytes = withUnsafeBytes(of: number.bigEndian) { Array($0) }
            try driver.send(
                topic: "in",
                key: bytes,
                value: bytes,
                timestamp: driver.time.wallTime()
            )
        }
        for number in 0..<count { try send(number) }
        try driver.advance(milliseconds: 60_000)
        try driver.restartCleanly()
        #expect(try driver.contents(ofStore: "counts").count == Int(count))
        try driver.kill()
        try send(5)
        try driver.runUntilIdle()
        #expect(try driver.read("out").last?.value?.last == 2)
        #expect(try driver.contents(ofStore: "counts").count == Int(count))
    }

    private struct Adding: Processor {
        let counts: KeyValueStore<Int64Serde, Int64Serde>
        mutating func process(
            _ key: Int64,
            _ value: Int64,
            _ context: inout ProcessorContext<Int64, Int64>
        ) throws {
            let count = (try counts.get(key) ?? 0) + 1
            try counts.put(key, count)
            try context.forward(key, count)
        }
    }

    @Test func `transformed rows are looked up and replaced as their store has them`() throws {
        struct Rows: StreamJob {
            static let name = "rows"
            static let rows = Topic("rows", key: .utf8, value: .utf8)
            static let calls = Topic("calls", key: .utf8, value: .utf8)
            static let seen = Store.keyValue("seen", key: .utf8, value: .int64)
            var topology: [Statement] {
                let counted = table(Self.rows, store: "rows").transformValues(
                    to: String.self,
                    stores: [Self.seen]
                ) { stores in
                    let seen = try stores.open(Self.seen)
                    return { key, value in
                        let count = (try seen.get(key) ?? 0) + 1
                        try seen.put(key, count)
                        return value.map { "\($0)\(count)" }
                    }
                }.materialized(store: "counted", key: .utf8, value: .utf8)
                stream(Self.calls).join(counted) { call, row -> String in "\(call) \(row)" }
                    .to(ProcessorTests.Topics.out)
            }
        }
        let engine = try TestEngine(Rows(), partitions: 2)
        try engine.send("x", key: "a", to: Rows.rows)
        try engine.run()
        try engine.send("y", key: "a", to: Rows.rows)
        try engine.process()
        try engine.crash()
        try engine.run()
        try engine.send("call", key: "a", to: Rows.calls)
        try engine.run()
        try engine.send("call", key: "a", to: Rows.calls)
        try engine.run()
        let found = try engine.read(ProcessorTests.Topics.out)
        #expect(found.map(\.value) == ["call y2", "call y2"])
    }
}

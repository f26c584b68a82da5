import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// Processors' stores whose values end: what is read of them, and that nothing comes back.
@Suite struct ExpiringStoreTests {
    private typealias Scripted = ProcessorTests.Scripted

    private static func store(isInMemory: Bool) -> Store<KeyValueStore<UTF8Serde, UTF8Serde>> {
        let store = Store.keyValue(
            "values",
            key: .utf8,
            value: .utf8,
            expiry: .after(.milliseconds(100))
        )
        return isInMemory ? store.inMemory : store
    }

    /// Puts every value ("-" removes it), and tells the one before and what the store then has.
    private static func driver(isInMemory: Bool, seed: UInt64 = 1) throws -> TopologyDriver {
        let used = store(isInMemory: isInMemory)
        return try ProcessorTests.driver(seed: seed) {
            ProcessorTests.input.process(stores: [used]) { stores -> Scripted in
                let values = try stores.open(used)
                return Scripted(step: { key, value, context in
                    let known = try values.getWithTimestamp(key).map { "\($0)@\($1.rawValue)" }
                    try values.put(key, value == "-" ? nil : value)
                    var seen: [String] = []
                    try values.range { key, value in
                        seen.append("\(key)\(value)")
                        return true
                    }
                    try context.forward(key, "\(known ?? "none") \(seen.joined(separator: ","))")
                })
            }.to(ProcessorTests.Topics.out)
        }
    }

    @Test(arguments: [false, true], 0..<4)
    func `values end as rows of a table do, whatever happens between`(
        isInMemory: Bool,
        seed: UInt64
    ) throws {
        var random = SeededGenerator(seed: 700 + seed)
        let driver = try Self.driver(isInMemory: isInMemory, seed: seed)
        var model = ExpiryModel(life: 100)
        var expected: [String] = []
        var now: Int64 = 1_000
        for index in 0..<250 {
            now += Int.random(in: 0..<30, using: &random) == 0 ? 120 : Int64(index % 4)
            let time = index % 5 == 0 ? now - Int64.random(in: 0..<160, using: &random) : now
            let key = "k\(Int.random(in: 0..<8, using: &random))"
            let value = Int.random(in: 0..<6, using: &random) == 0 ? "-" : "v\(index)"
            model.advance(to: time)
            let known = model.rows[key].map { "\($0.value)@\($0.time)" } ?? "none"
            model.take(key, value == "-" ? nil : value, at: time)
            let rows = model.rows.sorted { $0.key < $1.key }.map { "\($0.key)\($0.value.value)" }
            expected.append("\(key)=\(known) \(rows.joined(separator: ","))@\(time)")
            try driver.send(
                topic: "in",
                key: Array(key.utf8),
                value: Array(value.utf8),
                timestamp: Timestamp(time)
            )
            switch Int.random(in: 0..<24, using: &random) {
            case 0: try driver.crash()
            case 1: try driver.kill()
            case 2: try driver.loseStores()
            case 3: try driver.restartCleanly()
            case 4..<8: _ = try driver.crashInCommit(turn: index * 7 + Int(seed))
            case 8..<12: try driver.commit()
            default: _ = try driver.step()
            }
        }
        try driver.runUntilIdle()
        #expect(try driver.read("out").map(ExpiryHarness.words) == expected)
        #expect(model.lateCount > 0)
    }

    @Test func `a put that is too old is counted, and one to a value that is there is none`() throws
    {
        let driver = try Self.driver(isInMemory: false)
        for (key, value, time) in [
            ("a", "1", 1_000), ("old", "2", 900), ("a", "3", 10), ("b", "4", 1_099),
            ("c", "5", 1_100),
        ] as [(String, String, Int64)] {
            try ProcessorTests.send(driver, key, value, at: time)
        }
        try driver.runUntilIdle()
        #expect(
            try driver.read("out").map(ExpiryHarness.words) == [
                "a=none a1@1000", "old=none a1@900", "a=1@1000 a3@10", "b=none a3,b4@1099",
                "c=none b4,c5@1100",
            ]
        )
        #expect(driver.counters.drops[.late] == 1)
    }

    @Test func `ranges of all kinds find the values alone`() throws {
        let used = Store.keyValue(
            "values",
            key: .bytes,
            value: .int64,
            expiry: .after(.seconds(10), idleAfter: .seconds(1))
        )
        let driver = try ProcessorTests.driver {
            ProcessorTests.input.process(stores: [used]) { stores -> Scripted in
                let values = try stores.open(used)
                let keys: [[UInt8]] = [[], [0], [1], [1, 2], [1, 255], [2], [255], [255, 255]]
                return Scripted(step: { key, _, context in
                    for (index, bytes) in keys.enumerated() {
                        try values.put(bytes, Int64(index))
                    }
                    var found: [String] = []
                    func tell(_ read: (([UInt8], Int64) throws -> Bool) throws -> Void) throws {
                        var seen = ""
                        try read { _, value in
                            seen += "\(value)"
                            return true
                        }
                        found.append(seen)
                    }
                    try tell { try values.range($0) }
                    try tell { try values.range(isReversed: true, $0) }
                    try tell { try values.range(from: [1, 2], $0) }
                    try tell { try values.range(through: [1, 2], isReversed: true, $0) }
                    try tell { try values.range(from: [1], through: [2], $0) }
                    try tell { try values.range(from: [2], through: [1], $0) }
                    for prefix: [UInt8] in [[], [1], [255], [255, 255], [3]] {
                        try tell { try values.range(prefix: prefix, as: .bytes, $0) }
                    }
                    try context.forward(key, found.joined(separator: " "))
                })
            }.to(ProcessorTests.Topics.out)
        }
        try ProcessorTests.send(driver, "a", "", at: 1_000)
        #expect(
            try ProcessorTests.texts(driver).map { $0.split(separator: "@")[0] } == [
                "a=01234567 76543210 34567 3210 2345  01234567 234 67 7 "
            ]
        )
    }

    @Test func `a store that begins to end its values is another one`() throws {
        let plain = Store.keyValue("values", key: .utf8, value: .utf8)
        #expect(plain.specification.kind == .orderedKeyValue)
        let ending = Self.store(isInMemory: false)
        #expect(ending.specification.kind == .expiringRow)
        #expect(ending.specification.format != plain.specification.format)
        #expect(ending.specification.expiry == .after(.milliseconds(100)))
    }
}

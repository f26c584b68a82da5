import LogModel
import MillraceTestKit
import StateStores
import Testing

@Suite("The table of a store")
struct KeyValueTableTests {
    @Test(arguments: 0..<60)
    func `a table and a dictionary agree through any history`(seed: Int) {
        var history = TableHistory(seed: UInt64(seed))
        history.run(steps: 3_000)
    }

    @Test func `a long value, key and neither survive growth inside a transaction`() {
        let table = TableUnderTest()
        table.put([1], Array(repeating: 7, count: 100), 5)
        table.table.pointee.commit()
        table.put([1], [9], 6)
        for number in 0..<5_000 {
            table.put(Array("key of more than 24 bytes \(number)".utf8), [], 7)
        }
        #expect(table.get([1])?.value == [9])
        table.table.pointee.abort()
        #expect(table.get([1])?.value == Array(repeating: 7, count: 100))
        #expect(table.get([1])?.timestamp == 5)
        #expect(table.get(Array("key of more than 24 bytes 4999".utf8)) == nil)
    }

    @Test func `memory outside of slots is counted and given back`() {
        let table = TableUnderTest()
        for _ in 0..<3 {
            table.put([1], Array(repeating: 1, count: 1_000), 1)
            table.table.pointee.commit()
        }
        #expect(table.table.pointee.outOfLineByteCount == 1_000)
        table.put([1], Array(repeating: 1, count: 500), 1)
        #expect(table.table.pointee.outOfLineByteCount == 1_500)
        table.table.pointee.abort()
        #expect(table.table.pointee.outOfLineByteCount == 1_000)
        table.table.pointee.drainChanged { _, _, _ in }
        _ = table.table.pointee.evict(atMost: .max, looking: 10_000, sparing: nil)
        #expect(table.table.pointee.outOfLineByteCount == 0)
        #expect(table.table.pointee.count == 0)
    }

    @Test func `slots stay where they are while nothing says that some moved`() {
        let table = TableUnderTest()
        let keys = (0..<400).map { Array("key \($0)".utf8) }
        var known: (places: [[UInt8]: UnsafeRawPointer], moveCount: Int) = ([:], -1)
        var stays = 0
        func look() {
            var places: [[UInt8]: UnsafeRawPointer] = [:]
            for key in keys { places[key] = table.place(of: key) }
            if known.moveCount == table.table.pointee.moveCount {
                for (key, place) in known.places { #expect(places[key] == place) }
                stays += 1
            }
            known = (places, table.table.pointee.moveCount)
        }
        for key in keys {
            table.put(key, [1], 1)
            look()
        }
        table.table.pointee.commit()
        look()
        table.table.pointee.drainChanged { _, _, _ in }
        while table.table.pointee.count > 100 {
            _ = table.table.pointee.evict(atMost: 1, looking: 10_000, sparing: nil)
            look()
        }
        #expect(stays > 300)
    }

    @Test func `hashes differ with every byte and every length`() {
        var seen: Set<UInt64> = []
        for length in 0...70 {
            let zeros = [UInt8](repeating: 0, count: length)
            #expect(seen.insert(zeros.withUnsafeBytes(KeyHash.hash)).inserted)
            for index in 0..<length {
                var key = zeros
                key[index] = 1
                #expect(seen.insert(key.withUnsafeBytes(KeyHash.hash)).inserted)
            }
        }
    }
}

/// A table behind a pointer, as stores keep it, with arrays for bytes.
final class TableUnderTest {
    struct Value: Equatable {
        var value: [UInt8]
        var timestamp: Int64
    }

    let table: UnsafeMutablePointer<KeyValueTable>

    init() {
        table = .allocate(capacity: 1)
        table.initialize(to: KeyValueTable(capacity: 1))
    }

    deinit {
        table.deinitialize(count: 1)
        table.deallocate()
    }

    func put(_ key: [UInt8], _ value: [UInt8]?, _ timestamp: Int64) {
        key.withUnsafeBytes { key in
            let hash = KeyHash.hash(key)
            let slot =
                table.pointee.find(key, hash: hash) ?? table.pointee.insert(key, hash: hash)
            guard let value else {
                return table.pointee.put(slot, value: nil, timestamp: Timestamp(timestamp))
            }
            value.withUnsafeBytes {
                table.pointee.put(slot, value: $0, timestamp: Timestamp(timestamp))
            }
        }
    }

    func place(of key: [UInt8]) -> UnsafeRawPointer? {
        key.withUnsafeBytes { key in
            table.pointee.find(key, hash: KeyHash.hash(key))?.address
        }
    }

    func get(_ key: [UInt8]) -> Value? {
        key.withUnsafeBytes { key in
            guard let slot = table.pointee.find(key, hash: KeyHash.hash(key)),
                let value = table.pointee.value(slot)
            else { return nil }
            return Value(
                value: Array(value),
                timestamp: table.pointee.timestamp(slot).rawValue
            )
        }
    }
}

/// A random history of a table beside dictionaries that say what it must hold.
private struct TableHistory {
    typealias Value = TableUnderTest.Value

    let table = TableUnderTest()
    var generator: SeededGenerator
    let seed: UInt64
    /// What is committed; nil for a key that was removed.
    var committed: [[UInt8]: Value?] = [:]
    var dirty: [[UInt8]: Value?] = [:]
    /// Keys whose committed value the engine does not have.
    var changed: Set<[UInt8]> = []
    /// The number of the last checkpoint, and its keys.
    var checkpointNumber: UInt8 = 0
    var drained: Set<[UInt8]> = []
    /// Keys that the table may have dropped.
    var engine: [[UInt8]: Value] = [:]
    let keys: [[UInt8]]

    init(seed: UInt64) {
        self.seed = seed
        var generator = SeededGenerator(seed: seed)
        // Few keys meet many changes; many keys meet growth.
        keys = (0..<(seed % 2 == 0 ? 40 : 900)).map { number in
            let length = generator.below(60)
            var key = (0..<length).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            if length > 2 { key[0] = UInt8(number & 0xff) }
            return key
        }
        self.generator = generator
    }

    mutating func run(steps: Int) {
        for step in 0..<steps {
            switch generator.below(200) {
            case 0..<150: put()
            case 150..<180: check(keys[generator.below(keys.count)])
            case 180..<188: commit()
            case 188..<194: abort()
            case 194..<198: if dirty.isEmpty { checkpoint() }
            default: if dirty.isEmpty { evict() }
            }
            if step % 500 == 499 { for key in keys { check(key) } }
        }
    }

    /// Lets some keys go; those that changed and those of the last checkpoint stay.
    private mutating func evict() {
        let spared: UInt8? = generator.below(2) == 0 ? checkpointNumber : nil
        var gone: Set<[UInt8]> = []
        let eviction = table.table.pointee.evict(
            atMost: 1 + generator.below(60),
            looking: generator.below(3_000),
            sparing: spared
        ) { gone.insert(Array($0)) }
        #expect(eviction.count == gone.count, "seed \(seed)")
        #expect(gone.isDisjoint(with: changed), "seed \(seed)")
        if spared != nil { #expect(gone.isDisjoint(with: drained), "seed \(seed)") }
        drained.subtract(gone)
        #expect(table.table.pointee.changedCount == changed.count, "seed \(seed)")
        if generator.below(3) == 0 { table.table.pointee.compact(ifFreeing: 0.1) }
    }

    private mutating func put() {
        let key = keys[generator.below(keys.count)]
        load(key)
        let timestamp = Int64(generator.below(1_000))
        guard generator.below(5) > 0 else {
            table.put(key, nil, timestamp)
            return dirty[key] = .some(nil)
        }
        let length = generator.below(3) == 0 ? generator.below(200) : generator.below(20)
        let byte = UInt8(truncatingIfNeeded: generator.next())
        let value = [UInt8](repeating: byte, count: length)
        table.put(key, value, timestamp)
        dirty[key] = Value(value: value, timestamp: timestamp)
    }

    /// What a store does before a change: brings in what the engine holds.
    private func load(_ key: [UInt8]) {
        key.withUnsafeBytes { bytes in
            let hash = KeyHash.hash(bytes)
            guard table.table.pointee.find(bytes, hash: hash) == nil, let held = engine[key] else {
                return
            }
            let slot = table.table.pointee.insert(bytes, hash: hash)
            held.value.withUnsafeBytes {
                table.table.pointee.setClean(
                    slot,
                    value: $0,
                    timestamp: Timestamp(held.timestamp)
                )
            }
        }
    }

    private func check(_ key: [UInt8]) {
        load(key)
        let expected = dirty[key] ?? committed[key] ?? nil
        #expect(table.get(key) == expected, "seed \(seed)")
    }

    private mutating func commit() {
        table.table.pointee.commit()
        for (key, value) in dirty {
            committed[key] = value
            changed.insert(key)
        }
        dirty = [:]
    }

    private mutating func abort() {
        table.table.pointee.abort()
        dirty = [:]
        for key in keys { check(key) }
    }

    private mutating func checkpoint() {
        var drained: [[UInt8]: Value?] = [:]
        checkpointNumber += 1
        table.table.pointee.drainChanged(forCheckpoint: checkpointNumber) { key, value, timestamp in
            drained[Array(key)] = .some(
                value.map { Value(value: Array($0), timestamp: timestamp.rawValue) }
            )
        }
        #expect(Set(drained.keys) == changed, "seed \(seed)")
        for (key, value) in drained {
            #expect(committed[key] == .some(value), "seed \(seed)")
            engine[key] = value
        }
        changed = []
        self.drained = Set(drained.keys)
    }
}

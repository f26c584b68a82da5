import LogModel
import StateStores
import Synchronization
import Testing
import Threads

/// What every engine promises (`StoreEngine`), held by RocksDB and by the simulated stores alike.
@Suite("The contract of store engines")
struct StoreEngineContract {
    @Test(arguments: EngineKind.allCases)
    func `a new store is empty and stands for no offset`(kind: EngineKind) throws {
        let place = try StorePlace(kind)
        let engine = try place.open()
        defer { engine.close() }
        #expect(engine.isEmpty)
        #expect(engine.checkpointedOffset == nil)
        #expect(try engine.storedValue(of: [1]) == nil)
        #expect(try engine.pairs() == [])
        #expect(place.discards.isEmpty)
    }

    @Test(arguments: EngineKind.allCases)
    func `the values and the offset of each checkpoint are there at once and after a reopening`(
        kind: EngineKind
    ) throws {
        let place = try StorePlace(kind)
        var engine = try place.open()
        try engine.checkpoint([Pair("a", "1"), Pair("b", "2"), Pair("c", "3")], upTo: 3)
        try engine.checkpoint([Pair("b", nil), Pair("c", "4"), Pair("d", "5")], upTo: 6)
        for _ in 0..<2 {
            #expect(engine.checkpointedOffset == Offset(6))
            #expect(!engine.isEmpty)
            #expect(try engine.pairs() == [Pair("a", "1"), Pair("c", "4"), Pair("d", "5")])
            #expect(try engine.storedValue(of: Array("c".utf8)) == Array("4".utf8))
            #expect(try engine.storedValue(of: Array("b".utf8)) == nil)
            engine.close()
            engine = try place.open()
        }
        engine.close()
        #expect(place.discards.isEmpty)
    }

    @Test(arguments: EngineKind.allCases)
    func `a checkpoint without entries moves the offset alone`(kind: EngineKind) throws {
        let place = try StorePlace(kind)
        var engine = try place.open()
        try engine.checkpoint([], upTo: 5)
        #expect(engine.isEmpty)
        engine.close()
        engine = try place.open()
        defer { engine.close() }
        #expect(engine.checkpointedOffset == Offset(5))
        #expect(engine.isEmpty)
        #expect(try engine.pairs() == [])
    }

    @Test(arguments: EngineKind.allCases)
    func `an empty value is a value, a removed key has none`(kind: EngineKind) throws {
        let place = try StorePlace(kind)
        var engine = try place.open()
        try engine.checkpoint([Pair("empty", ""), Pair("removed", "x")], upTo: 1)
        try engine.checkpoint([Pair("removed", nil), Pair("never there", nil)], upTo: 2)
        for _ in 0..<2 {
            #expect(try engine.storedValue(of: Array("empty".utf8)) == [])
            #expect(try engine.storedValue(of: Array("removed".utf8)) == nil)
            #expect(try engine.storedValue(of: Array("never there".utf8)) == nil)
            #expect(try engine.pairs() == [Pair("empty", "")])
            engine.close()
            engine = try place.open()
        }
        engine.close()
    }

    @Test(arguments: EngineKind.allCases)
    func `keys of any bytes and lengths are kept in the order of their bytes`(
        kind: EngineKind
    ) throws {
        let limit = KeyValueTable.keyByteLimit
        let keys: [[UInt8]] = [
            [], [0], [0, 0], [0, 1], [1], [1, 0], [1, 0, 255], [2], [127], [128], [255],
            [255, 0], [UInt8](repeating: 255, count: limit - 1),
            [UInt8](repeating: 255, count: limit),
        ]
        let zeros = [UInt8](repeating: 0, count: limit)
        let ordered = (keys + [zeros]).sorted { $0.lexicographicallyPrecedes($1) }
        let pairs = ordered.enumerated().map { Pair($0.element, [UInt8($0.offset)]) }
        let place = try StorePlace(kind)
        var engine = try place.open()
        try engine.checkpoint(pairs.shuffled(), upTo: 1)
        for _ in 0..<2 {
            #expect(try engine.pairs() == pairs)
            for pair in pairs { #expect(try engine.storedValue(of: pair.key) == pair.value) }
            engine.close()
            engine = try place.open()
        }
        engine.close()
    }

    @Test(arguments: EngineKind.allCases)
    func `a scan lends from <= key < to in order, until it is told to end`(
        kind: EngineKind
    ) throws {
        let place = try StorePlace(kind)
        let engine = try place.open()
        defer { engine.close() }
        let pairs = stride(from: 0, to: 250, by: 2).map { Pair([UInt8($0)], [UInt8($0)]) }
        try engine.checkpoint(pairs, upTo: 1)
        func keys(_ from: [UInt8]?, _ to: [UInt8]?, limit: Int = .max) throws -> [[UInt8]] {
            try engine.pairs(from: from, to: to, limit: limit).map(\.key)
        }
        #expect(try engine.pairs() == pairs)
        #expect(try keys([10], [14]) == [[10], [12]])
        #expect(try keys([9], [13]) == [[10], [12]])
        #expect(try keys([10, 0], [12, 0]) == [[12]])
        #expect(try keys(nil, [3]) == [[0], [2]])
        #expect(try keys([], [3]) == [[0], [2]])
        #expect(try keys(nil, []) == [])
        #expect(try keys([246], nil) == [[246], [248]])
        #expect(try keys([249], nil) == [])
        #expect(try keys([14], [14]) == [])
        #expect(try keys([14], [10]) == [])
        #expect(try keys(nil, nil, limit: 3) == [[0], [2], [4]])
        #expect(place.discards.isEmpty)
    }

    @Test(arguments: EngineKind.allCases)
    func `a reversed scan lends the same entries in descending order`(kind: EngineKind) throws {
        let place = try StorePlace(kind)
        let engine = try place.open()
        defer { engine.close() }
        let longest = [UInt8](repeating: 255, count: KeyValueTable.keyByteLimit)
        let keys: [[UInt8]] = [[], [0], [0, 0], [1], [1, 255], [2], [254], [255], longest]
        #expect(try engine.pairs(isReversed: true) == [])
        try engine.checkpoint(keys.map { Pair($0, [1]) } + [Pair([3], [1])], upTo: 1)
        // A removal that lies between the entries is none of them.
        try engine.checkpoint([Pair([3], nil)], upTo: 2)
        for from in [nil] + keys + [[1, 0], [3]] as [[UInt8]?] {
            for to in [nil] + keys + [[1, 0], [3]] as [[UInt8]?] {
                let ascending = try engine.pairs(from: from, to: to)
                let expected = keys.filter { key in
                    !(from.map { key.lexicographicallyPrecedes($0) } ?? false)
                        && to.map { key.lexicographicallyPrecedes($0) } ?? true
                }
                #expect(ascending.map(\.key) == expected)
                let descending = try engine.pairs(from: from, to: to, isReversed: true)
                #expect(descending == ascending.reversed())
            }
        }
        #expect(try engine.pairs(isReversed: true, limit: 2).map(\.key) == [longest, [255]])
    }

    @Test(arguments: EngineKind.allCases)
    func `a scan sees one moment, and its caller may read beside it`(kind: EngineKind) throws {
        let place = try StorePlace(kind)
        let engine = try place.open()
        defer { engine.close() }
        try engine.checkpoint((0..<100).map { Pair([UInt8($0)], [1]) }, upTo: 1)
        var values: [[UInt8]] = []
        var failure: (any Error)?
        try engine.scan(from: nil, to: nil, isReversed: true) { key, value in
            values.append(Array(value))
            do {
                if values.count == 1 {
                    try engine.checkpoint((0..<50).map { Pair([UInt8($0)], [2]) }, upTo: 2)
                }
                let now = try engine.storedValue(of: Array(key))
                #expect(now == (key[0] < 50 ? [2] : [1]))
            } catch { failure = error }
            return failure == nil
        }
        #expect(failure == nil)
        #expect(values == Array(repeating: [1], count: 100))
    }

    @Test(arguments: EngineKind.allCases)
    func `a checkpoint that fails has not happened, and the next one can`(
        kind: EngineKind
    ) throws {
        let place = try StorePlace(kind)
        var engine = try place.open()
        try engine.checkpoint([Pair("a", "1"), Pair("b", "1")], upTo: 1)
        try place.failingCheckpoints {
            #expect(throws: StoreError.self) {
                try engine.checkpoint([Pair("a", nil), Pair("b", "2"), Pair("c", "2")], upTo: 2)
            }
        }
        #expect(engine.checkpointedOffset == Offset(1))
        #expect(try engine.pairs() == [Pair("a", "1"), Pair("b", "1")])
        try engine.checkpoint([Pair("b", "3")], upTo: 3)
        for _ in 0..<2 {
            #expect(engine.checkpointedOffset == Offset(3))
            #expect(try engine.pairs() == [Pair("a", "1"), Pair("b", "3")])
            engine.close()
            engine = try place.open()
        }
        engine.close()
        #expect(place.discards.isEmpty)
    }

    @Test(arguments: EngineKind.allCases)
    func `a wiped store is a new one, and takes checkpoints`(kind: EngineKind) throws {
        let place = try StorePlace(kind)
        var engine = try place.open()
        try engine.checkpoint([Pair([], [1]), Pair("a", "1"), Pair([255, 255], [])], upTo: 9)
        try engine.wipe(because: "a test")
        for _ in 0..<2 {
            #expect(engine.checkpointedOffset == nil)
            #expect(engine.isEmpty)
            #expect(try engine.pairs() == [])
            #expect(try engine.storedValue(of: Array("a".utf8)) == nil)
            engine.close()
            engine = try place.open()
        }
        try engine.checkpoint([Pair("b", "2")], upTo: 1)
        #expect(try engine.pairs() == [Pair("b", "2")])
        engine.close()
        engine = try place.open()
        defer { engine.close() }
        #expect(engine.checkpointedOffset == Offset(1))
        #expect(try engine.pairs() == [Pair("b", "2")])
    }

    @Test(arguments: EngineKind.allCases)
    func `checkpoints of 100,000 entries come back, the second over the first`(
        kind: EngineKind
    ) throws {
        let place = try StorePlace(kind)
        var engine = try place.open()
        let count = 100_000
        func key(_ number: Int) -> [UInt8] {
            withUnsafeBytes(of: UInt64(number).bigEndian) { Array($0) }
        }
        try engine.checkpoint((0..<count).map { Pair(key($0), [1, 1, 1]) }, upTo: 1)
        // Every third removed, every third changed.
        let second = (0..<count).filter { $0 % 3 != 0 }
            .map { Pair(key($0), $0 % 3 == 1 ? nil : [2]) }
        try engine.checkpoint(second, upTo: 2)
        engine.close()
        engine = try place.open()
        defer { engine.close() }
        let expected = (0..<count).filter { $0 % 3 != 1 }
            .map { Pair(key($0), $0 % 3 == 0 ? [1, 1, 1] : [2]) }
        #expect(try engine.pairs() == expected)
        #expect(engine.checkpointedOffset == Offset(2))
        for number in stride(from: 0, to: count, by: 997) {
            let value: [UInt8]? = number % 3 == 0 ? [1, 1, 1] : number % 3 == 1 ? nil : [2]
            #expect(try engine.storedValue(of: key(number)) == value)
        }
    }

    @Test(arguments: EngineKind.allCases)
    func `a store that is open is in use, and free once it is closed`(kind: EngineKind) throws {
        let place = try StorePlace(kind)
        let engine = try place.open()
        try engine.checkpoint([Pair("a", "1")], upTo: 1)
        #expect {
            try place.open()
        } throws: { error in
            (error as? StoreError)?.code == .inUse
        }
        #expect(try engine.storedValue(of: Array("a".utf8)) == Array("1".utf8))
        engine.close()
        let again = try place.open()
        #expect(again.checkpointedOffset == Offset(1))
        again.close()
        #expect(place.discards.isEmpty)
    }

    @Test(arguments: EngineKind.allCases)
    func `reads beside checkpoints of another thread see whole checkpoints, never older ones`(
        kind: EngineKind
    ) throws {
        let place = try StorePlace(kind)
        let engine = try place.open()
        defer { engine.close() }
        let keys = (0..<200).map { Array("key \($0)".utf8) }
        let rounds = CheckpointRounds(engine: engine, keys: keys, count: 60)
        let thread = OwnedThread { rounds.run() }
        defer { thread.join() }
        var last = 0
        repeat {
            last = rounds.finished
            let pairs = try engine.pairs()
            #expect(pairs.isEmpty || pairs.count == keys.count)
            let seen = Set(pairs.map(\.value))
            #expect(seen.count <= 1)
            let round = Int(pairs.first?.value?.first ?? 0)
            #expect(round >= last)
            #expect(Int(try engine.storedValue(of: keys[7])?.first ?? 0) >= round)
        } while last < 60 && rounds.failure == nil
        #expect(rounds.failure == nil)
        thread.join()
        #expect(engine.checkpointedOffset == Offset(60))
    }
}

/// Checkpoint after checkpoint on another thread, each with its number as every key's value.
///
/// SAFETY: `@unchecked` because engines are not Sendable by type; an engine takes reads from one
/// thread and checkpoints from another at the same time, by its contract.
private final class CheckpointRounds: @unchecked Sendable {
    private let engine: any StoreEngine
    private let keys: [[UInt8]]
    private let count: Int
    private let progress = Atomic(0)
    private let error = Lock<String?>(nil)

    init(engine: any StoreEngine, keys: [[UInt8]], count: Int) {
        self.engine = engine
        self.keys = keys
        self.count = count
    }

    /// The last checkpoint that has returned.
    var finished: Int { progress.load(ordering: .acquiring) }

    var failure: String? { error.withLock { $0 } }

    func run() {
        for round in 1...count {
            do {
                try engine.checkpoint(keys.map { Pair($0, [UInt8(round)]) }, upTo: Int64(round))
            } catch { return self.error.withLock { $0 = "\(error)" } }
            progress.store(round, ordering: .releasing)
        }
    }
}

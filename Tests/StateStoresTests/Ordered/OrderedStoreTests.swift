import LogModel
import MillraceTestKit
import StateStores
import Testing

@Suite("Range reads of an ordered store")
struct OrderedStoreTests {
    /// Whether the store of a test is complete, or has to ask its engine.
    enum Completeness: CaseIterable { case complete, incomplete }

    @Test(arguments: Completeness.allCases)
    func `a range read may change the store: ahead it is seen, behind it is not`(
        _ completeness: Completeness
    ) throws {
        let rig = try StoreRig(completeness)
        try rig.fill([10, 20, 30, 40, 50, 60])
        var seen: [UInt8] = []
        try rig.store.entries(from: [10], to: [90]) { key, value, _ in
            seen.append(key[0])
            #expect(value.elementsEqual(rig.expected[key[0]] ?? []))
            switch key[0] {
            case 10:
                try rig.set(5, [1])
                try rig.set(10, nil)
                try rig.set(11, [7, 7])
                try rig.set(20, Array(repeating: 9, count: 100))
                try rig.set(30, nil)
            case 20:
                // The key that the read is at, removed and put again.
                try rig.set(20, nil)
                try rig.set(20, [2])
                try rig.set(15, [1])
                try rig.set(90, [1])
            case 60:
                try rig.set(70, Array(repeating: 3, count: 50))
                for number in 0..<5_000 { try rig.store.set(Array("zz \(number)".utf8), [1]) }
            default: break
            }
            return true
        }
        #expect(seen == [10, 11, 20, 40, 50, 60, 70])
        seen = []
        try rig.store.entries(from: nil, to: [91], true) { key, _, _ in
            seen.append(key[0])
            if key[0] == 50 {
                try rig.set(55, [1])
                try rig.set(45, [1])
                try rig.set(40, nil)
            }
            return true
        }
        #expect(seen == [90, 70, 60, 50, 45, 20, 15, 11, 5])
        #expect(rig.store.isComplete == (completeness == .complete))
    }

    @Test(arguments: Completeness.allCases)
    func `range reads lie within range reads, and an error ends them`(
        _ completeness: Completeness
    ) throws {
        let rig = try StoreRig(completeness)
        try rig.fill([1, 2, 3])
        var pairs: [[UInt8]] = []
        try rig.store.entries(from: nil, to: nil) { outer, _, _ in
            let from = Array(outer)
            try rig.store.entries(from: from, to: nil, true) { inner, _, _ in
                pairs.append([from[0], inner[0]])
                return true
            }
            return true
        }
        #expect(pairs == [[1, 3], [1, 2], [1, 1], [2, 3], [2, 2], [3, 3]])
        struct Stop: Error {}
        for isReversed in [false, true] {
            #expect(throws: Stop.self) {
                try rig.store.entries(from: nil, to: nil, isReversed) { _, _, _ in throw Stop() }
            }
        }
        try rig.store.close(checkpointing: true)
    }

    @Test func `a store that began empty never asks its engine`() throws {
        for isOrdered in [false, true] {
            let rig = try StoreRig(.complete, isOrdered: isOrdered)
            for round in 0..<10 {
                try rig.fill([UInt8(round), UInt8(round + 100)])
                #expect(try rig.store.value([UInt8(round + 200)]) == nil)
                if isOrdered { #expect(try rig.keys() == rig.expected.keys.sorted()) }
            }
            #expect(rig.store.isComplete)
            #expect(rig.engine.getCount == 0 && rig.engine.scanCount == 0)
        }
    }

    @Test func `a store that fits is loaded by the first range read, once`() throws {
        let rig = try StoreRig(.complete)
        try rig.fill(Array(0..<200))
        try rig.reopen()
        #expect(!rig.store.isComplete)
        try rig.set(7, nil)
        try rig.set(201, [1])
        #expect(rig.engine.scanCount == 0 && rig.engine.getCount == 2)
        for _ in 0..<5 { #expect(try rig.keys() == rig.expected.keys.sorted()) }
        #expect(rig.store.isComplete)
        rig.store.abort()
        #expect(try rig.keys() == Array(0..<200))
        #expect(try rig.store.value([250]) == nil)
        #expect(rig.engine.scanCount == 1 && rig.engine.getCount == 2)
    }

    @Test func `a store that does not fit is not loaded again, and reads its engine`() throws {
        let rig = try StoreRig(.complete)
        let value = [UInt8](repeating: 1, count: 4_000)
        for key in 0..<100 as Range<UInt8> { try rig.set(key, value) }
        rig.commit()
        try rig.reopen(tableByteLimit: 300 << 10)
        for _ in 0..<5 { #expect(try rig.keys() == Array(0..<100)) }
        #expect(!rig.store.isComplete)
        #expect(rig.engine.scanCount == 6)
        // What was loaded in vain goes with the next look at the memory.
        try rig.store.checkpointIfDue(now: rig.next(), interval: 1 << 40)
        #expect(rig.store.byteCount < 300 << 10)
        #expect(try rig.keys() == Array(0..<100))
    }

    @Test func `eviction makes a store incomplete, and a wipe complete again`() throws {
        let rig = try StoreRig(.incomplete)
        try rig.fill(Array(0..<100))
        #expect(!rig.store.isComplete)
        #expect(try rig.keys() == Array(0..<100))
        #expect(rig.engine.scanCount == 1)
        try rig.store.wipe(because: "a test")
        #expect(rig.store.isComplete)
        #expect(try rig.keys() == [])
        #expect(rig.engine.scanCount == 1)
    }

    @Test func `a key that is too long for a store is an error`() throws {
        let rig = try StoreRig(.complete)
        let longest = [UInt8](repeating: 1, count: KeyValueTable.keyByteLimit)
        #expect {
            try rig.store.set(longest + [0], [])
        } throws: { error in
            (error as? StoreError)?.message.contains("65535") == true
        }
        try rig.store.set(longest, [1])
        var count = 0
        try rig.store.entries(from: longest, to: nil) { key, _, _ in
            count += key.count
            return true
        }
        #expect(count == longest.count)
    }
}

@Suite("Memory of a store whose keys come and go")
struct StoreMemoryTests {
    @Test(arguments: [(true, 10_000), (false, 2_000)])
    func `a million keys over a hundred checkpoints leave nothing behind`(
        isOrdered: Bool,
        count: Int
    ) throws {
        let rig = try StoreRig(.complete, isOrdered: isOrdered)
        let table = rig.store.table
        var peak = 0
        // Each round opens as many windows as it closes.
        for round in 0..<100 {
            for number in 0..<count {
                try rig.change(window: round * count + number, to: [1, 2, 3, 4])
                if round > 0 { try rig.change(window: (round - 1) * count + number, to: nil) }
            }
            rig.commit()
            try rig.checkpoint()
            if round == 3 { peak = rig.store.byteCount }
        }
        #expect(rig.store.isComplete)
        #expect(rig.store.byteCount <= peak)
        #expect(table.pointee.count == count)
        for number in 0..<count { try rig.change(window: 99 * count + number, to: nil) }
        rig.commit()
        try rig.checkpoint()
        #expect(table.pointee.count == 0)
        #expect(rig.store.byteCount <= peak / 2 || peak < 1 << 20)
        #expect(rig.engine.isEmpty && rig.engine.getCount == 0)
    }

    @Test(arguments: [false, true])
    func `keys that were only looked for leave too, once they are many`(
        isOrdered: Bool
    ) throws {
        let rig = try StoreRig(.complete, isOrdered: isOrdered)
        for round in 0..<20 {
            for number in 0..<1_000 {
                #expect(try rig.store.value(Array("\(round) \(number)".utf8)) == nil)
                try rig.store.set(Array("aborted \(round) \(number)".utf8), [1])
            }
            rig.store.abort()
            try rig.set(1, [UInt8(round)])
            rig.commit()
            try rig.checkpoint()
            #expect(rig.store.table.pointee.count <= 2_001)
        }
        #expect(try rig.store.value([1]) == [19])
        if isOrdered { #expect(try rig.keys() == [1]) }
    }

    @Test(arguments: [false, true])
    func `a key that came and went between two checkpoints leaves with the commit`(
        isOrdered: Bool
    ) throws {
        let rig = try StoreRig(.complete, isOrdered: isOrdered)
        let table = rig.store.table
        let keys = 0..<200 as Range<UInt8>
        // Of different lengths: in their slots and outside.
        func key(_ number: UInt8) -> [UInt8] {
            [UInt8](repeating: number, count: Int(number) / 4 + 1)
        }
        for number in keys { try rig.store.set(key(number), [number]) }
        rig.commit()
        for number in keys where number % 2 == 0 { try rig.store.set(key(number), nil) }
        rig.store.abort()
        #expect(table.pointee.count == 200)
        for number in keys where number % 2 == 0 { try rig.store.set(key(number), nil) }
        // One comes again in the same transaction.
        try rig.store.set(key(8), [9])
        rig.commit()
        #expect(table.pointee.count == 101)
        for number in keys {
            let expected: [UInt8]? = number == 8 ? [9] : number % 2 == 0 ? nil : [number]
            #expect(try rig.store.value(key(number)) == expected)
        }
        try rig.checkpoint()
        #expect(try rig.engine.pairs().count == 101)
        // What the engine has stays until the next checkpoint has removed it there.
        try rig.store.set(key(1), nil)
        rig.commit()
        #expect(try rig.store.value(key(1)) == nil)
        try rig.checkpoint()
        #expect(try rig.engine.pairs().count == 100)
    }

    @Test func `a removal whose checkpoint failed stays until one succeeds`() throws {
        let rig = try StoreRig(.complete)
        try rig.fill([1, 2])
        try rig.set(1, nil)
        rig.commit()
        rig.engine.failsNextCheckpoint = true
        #expect(throws: StoreError.self) { try rig.checkpoint() }
        #expect(rig.store.table.pointee.count == 2)
        #expect(try rig.keys() == [2])
        try rig.checkpoint()
        #expect(rig.store.table.pointee.count == 1)
        #expect(try rig.engine.pairs().map(\.key) == [[2]])
    }
}

@Suite("Entries that leave an ordered store without a transaction")
struct DiscardTests {
    @Test func `keys that the engine never had are gone at once, and no checkpoint knows of them`()
        throws
    {
        let rig = try StoreRig(.complete)
        for key in 0..<200 as Range<UInt8> { try rig.set(key, [key]) }
        rig.commit()
        #expect(try rig.discard(from: 50, to: 150))
        #expect(try rig.keys() == Array(0..<50) + Array(150..<200))
        #expect(rig.store.table.pointee.count == 100)
        try rig.checkpoint()
        #expect(try rig.engine.pairs().count == 100)
    }

    @Test(arguments: OrderedStoreTests.Completeness.allCases)
    func `keys of the engine leave it with the next checkpoint`(
        _ completeness: OrderedStoreTests.Completeness
    ) throws {
        let rig = try StoreRig(completeness)
        try rig.fill(Array(0..<200))
        #expect(try rig.discard(from: 50, to: 150))
        #expect(try rig.keys() == Array(0..<50) + Array(150..<200))
        // They come back, in a transaction that is aborted, and in one that is not.
        try rig.set(60, [1])
        rig.store.abort()
        try rig.set(70, [7])
        rig.commit()
        let expected = Array(0..<50 as Range<UInt8>) + [70] + Array(150..<200)
        #expect(try rig.keys() == expected)
        try rig.checkpoint()
        #expect(try rig.engine.pairs().map { $0.key[0] } == expected)
        try rig.reopen()
        #expect(try rig.keys() == expected)
    }

    @Test func `a checkpoint that fails leaves what was discarded to the next`() throws {
        let rig = try StoreRig(.complete)
        try rig.fill(Array(0..<20))
        try rig.set(20, [20])
        rig.commit()
        rig.engine.failsNextCheckpoint = true
        #expect(throws: StoreError.self) { try rig.checkpoint() }
        #expect(try rig.discard(from: 10, to: 30))
        #expect(try rig.keys() == Array(0..<10))
        try rig.checkpoint()
        #expect(try rig.engine.pairs().map { $0.key[0] } == Array(0..<10))
    }
}

/// A store over a simulated engine that is watched, with its expected small keys.
private final class StoreRig {
    private let stores = SimulatedStores()
    private let worker = CheckpointWorker(inline: true)
    private(set) var engine: WatchedEngine
    private(set) var store: StateStore
    /// What keys of one byte were set to.
    private(set) var expected: [UInt8: [UInt8]] = [:]
    private var offset: Int64 = 0
    private var now: UInt64 = 0

    init(_ completeness: OrderedStoreTests.Completeness, isOrdered: Bool = true) throws {
        engine = WatchedEngine(try stores.open(path: "s"))
        store = StateStore(
            engine: engine,
            worker: worker,
            // A table that is always too large is emptied by every checkpoint.
            budget: .tables(completeness == .complete ? 512 << 20 : 1 << 10),
            isOrdered: isOrdered
        )
    }

    deinit { worker.close() }

    /// Sets keys to themselves, commits and checkpoints.
    func fill(_ keys: [UInt8]) throws {
        for key in keys { try set(key, [key]) }
        commit()
        try checkpoint()
    }

    func set(_ key: UInt8, _ value: [UInt8]?) throws {
        try store.set([key], value)
        expected[key] = value
    }

    /// Changes a key of 16 bytes: a window's start and a number.
    func change(window: Int, to value: [UInt8]?) throws {
        let parts = (UInt64(window / 1_000).bigEndian, UInt64(window).bigEndian)
        try withUnsafeBytes(of: parts) { key in
            let slot = try store.slot(for: key)
            guard let value else {
                return store.table.pointee.put(slot, value: nil, timestamp: Timestamp(0))
            }
            value.withUnsafeBytes {
                store.table.pointee.put(slot, value: $0, timestamp: Timestamp(0))
            }
        }
    }

    func discard(from: UInt8, to: UInt8) throws -> Bool {
        try [from].withUnsafeBytes { from in
            try [to].withUnsafeBytes { to in try store.discard(from: from, to: to) }
        }
    }

    func commit() {
        offset += 1
        store.commit(changelogOffset: Offset(offset))
    }

    func next() -> UInt64 {
        now += 10
        return now
    }

    func checkpoint() throws {
        // The first call only starts the clock of the store.
        if now == 0 { try store.checkpointIfDue(now: 0, interval: 1) }
        try store.checkpointIfDue(now: next(), interval: 1)
    }

    func reopen(tableByteLimit: Int = 512 << 20) throws {
        try store.close(checkpointing: true)
        engine = WatchedEngine(try stores.open(path: "s"))
        store = StateStore(
            engine: engine,
            worker: worker,
            budget: .tables(tableByteLimit),
            isOrdered: true
        )
    }

    func keys() throws -> [UInt8] {
        var keys: [UInt8] = []
        try store.entries(from: nil, to: nil) { key, _, _ in
            keys.append(key[0])
            return true
        }
        return keys
    }
}

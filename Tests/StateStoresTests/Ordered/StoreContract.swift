import LogModel
import MillraceTestKit
import StateStores
import Testing

/// What a store promises over both engines, ordered and not, through any history.
@Suite("The contract of state stores")
struct StoreContract {
    @Test(arguments: EngineKind.allCases, 0..<24)
    func `an ordered store and a sorted dictionary agree`(kind: EngineKind, seed: Int) throws {
        try StoreModel(kind, isOrdered: true, seed: UInt64(seed)).run(steps: 1_200)
    }

    @Test(arguments: EngineKind.allCases, 0..<12)
    func `an unordered store and a sorted dictionary agree`(kind: EngineKind, seed: Int) throws {
        try StoreModel(kind, isOrdered: false, seed: UInt64(seed)).run(steps: 1_200)
    }
}

/// A random history of one store beside the changelog that its transactions wrote.
final class StoreModel {
    private struct Held: Equatable {
        var value: [UInt8]
        var timestamp: Int64
    }

    private struct Change {
        /// The key's place in `keys`.
        var key: Int
        var held: Held?
    }

    private let name: String
    private let isOrdered: Bool
    private var generator: SeededGenerator
    private let place: StorePlace
    private let worker: CheckpointWorker
    private let byteLimit: Int
    private var engine: WatchedEngine
    private var store: StateStore
    /// Every key that is ever used, in order.
    private let keys: [[UInt8]]
    /// What the store holds, and what it held when the open transaction began, by place of key.
    private var held: [Held?]
    private var committed: [Held?]
    private var open: [Change] = []
    private var changelog: [Change] = []
    private var now: UInt64 = 0

    init(_ kind: EngineKind, isOrdered: Bool, seed: UInt64) throws {
        name = "\(kind), \(isOrdered ? "ordered" : "unordered"), seed \(seed)"
        self.isOrdered = isOrdered
        generator = SeededGenerator(seed: seed, case: isOrdered ? 1 : 0)
        place = try StorePlace(kind)
        worker = CheckpointWorker(inline: seed % 3 != 0)
        // Too small for any table, just enough for most, and never met.
        byteLimit = [48 << 10, 220 << 10, 64 << 20][Int(seed / 2 % 3)]
        var made: Set<[UInt8]> = []
        while made.count < 300 {
            made.insert(Self.makeKey(&generator, alike: seed % 2 == 0))
        }
        keys = made.sorted { $0.lexicographicallyPrecedes($1) }
        held = Array(repeating: nil, count: keys.count)
        committed = held
        engine = WatchedEngine(try place.open())
        store = StateStore(
            engine: engine,
            worker: worker,
            budget: .tables(byteLimit),
            isOrdered: isOrdered
        )
    }

    private static func makeKey(_ generator: inout SeededGenerator, alike: Bool) -> [UInt8] {
        if alike {
            return Array("customer \(generator.below(30)) window \(generator.below(30))".utf8)
        }
        return (0..<generator.below(40)).map { _ in UInt8(generator.below(4) * 85) }
    }

    func run(steps: Int) throws {
        defer { worker.close() }
        for _ in 0..<steps {
            switch generator.below(400) {
            case 0..<210: try put(key())
            case 210..<260: try read(key())
            case 260..<300: if isOrdered { try range() } else { try put(key()) }
            case 300..<340: commit()
            case 340..<350: abort()
            case 350..<390: try checkpoint()
            case 390..<394: engine.failsNextCheckpoint = true
            case 394: try restoreTail(count: generator.oneIn(6) ? 10_050 : generator.below(40))
            case 395: try reopen()
            case 396: if generator.oneIn(4) { try wipe() }
            case 397: try store.loadSome(entryLimit: 1 + generator.below(80))
            case 398: try bring(count: generator.below(60))
            default: try verify()
            }
        }
        try verify()
        try reopen()
        try verify()
        engine.failsNextCheckpoint = false
        try store.close(checkpointing: true)
        #expect(place.discards.filter { $0.message != "a test" } == [], "\(name)")
    }

    private func key() -> Int { generator.below(keys.count) }

    // MARK: Transactions

    private func put(_ key: Int) throws {
        let change = makeChange(key)
        try store.set(keys[key], change.held?.value, timestamp: change.held?.timestamp ?? 0)
        held[key] = change.held
        open.append(change)
    }

    private func makeChange(_ key: Int) -> Change {
        guard generator.below(5) > 1 else { return Change(key: key, held: nil) }
        let byte = UInt8(truncatingIfNeeded: generator.next())
        let value = [UInt8](repeating: byte, count: generator.below(40))
        return Change(key: key, held: Held(value: value, timestamp: Int64(generator.below(1_000))))
    }

    private func commit() {
        changelog += open
        store.commit(changelogOffset: open.isEmpty ? nil : Offset(Int64(changelog.count)))
        open = []
        committed = held
    }

    private func abort() {
        store.abort()
        open = []
        held = committed
    }

    private func checkpoint() throws {
        now += UInt64(generator.below(4))
        do { try store.checkpointIfDue(now: now, interval: 3) } catch {
            #expect((error as StoreError).message.contains("planned"), "\(name)")
        }
    }

    // MARK: Ends and beginnings

    /// Records of the changelog that came from elsewhere: few through the table, many past it.
    private func restoreTail(count: Int) throws {
        abort()
        engine.failsNextCheckpoint = false
        for _ in 0..<count {
            let change = makeChange(key())
            changelog.append(change)
            held[change.key] = change.held
        }
        committed = held
        try restore()
        #expect(isOrdered || count < 10_000 || !store.isComplete, "\(name)")
    }

    private func reopen() throws {
        abort()
        engine.failsNextCheckpoint = false
        try store.close(checkpointing: generator.oneIn(2))
        engine = WatchedEngine(try place.open())
        try verifyEngine()
        store = StateStore(
            engine: engine,
            worker: worker,
            budget: .tables(byteLimit),
            isOrdered: isOrdered
        )
        try restore()
    }

    private func wipe() throws {
        abort()
        engine.failsNextCheckpoint = false
        try store.wipe(because: "a test")
        #expect(store.isComplete && engine.isEmpty, "\(name)")
        try restore()
    }

    private func restore() throws {
        let start = Int(store.changelogOffset?.rawValue ?? 0)
        let restore = store.beginRestore()
        for (index, change) in changelog.enumerated().dropFirst(start) {
            try keys[change.key].withUnsafeBytes { key in
                guard let held = change.held else {
                    return try restore.put(key: key, value: nil, timestamp: Timestamp(0))
                }
                try held.value.withUnsafeBytes {
                    try restore.put(key: key, value: $0, timestamp: Timestamp(held.timestamp))
                }
            }
            try restore.noteOffset(Offset(Int64(index + 1)))
        }
        try restore.finish(changelogOffset: Offset(Int64(changelog.count)))
    }

    // MARK: Reading

    private func read(_ key: Int) throws {
        #expect(try store.value(keys[key]) == held[key]?.value, "\(name)")
    }

    /// Some keys at once, one of them twice, known and unknown ones.
    private func bring(count: Int) throws {
        var wanted = (0..<count).map { _ in keys[key()] }
        if let first = wanted.first { wanted.append(first) }
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 8)
        defer { block.deallocate() }
        var end = 0
        store.bring(
            wanted.map { key in
                let part = UnsafeMutableRawBufferPointer(
                    rebasing: block[end..<(end + key.count)]
                )
                part.copyBytes(from: key)
                end += key.count
                return UnsafeRawBufferPointer(part)
            }
        )
        let asked = engine.getCount
        for key in wanted {
            #expect(try store.value(key) == self.held[keys.firstIndex(of: key) ?? 0]?.value)
        }
        #expect(engine.getCount == asked, "\(name)")
    }

    /// The engine is the fold of the changelog up to its offset.
    private func verifyEngine() throws {
        let end = Int(engine.checkpointedOffset?.rawValue ?? 0)
        var expected: [Held?] = Array(repeating: nil, count: keys.count)
        for change in changelog.prefix(end) { expected[change.key] = change.held }
        let pairs = try engine.pairs()
        #expect(pairs.map(\.key) == keys.indices.filter { expected[$0] != nil }.map { keys[$0] })
        let values = expected.compactMap { $0?.value }
        #expect(pairs.map { Array($0.value?.dropFirst(8) ?? []) } == values, "\(name)")
    }

    /// The whole store, by every way of reading it.
    private func verify() throws {
        let contents = try store.contents().map {
            Held(value: $0.value, timestamp: $0.timestamp.rawValue)
        }
        #expect(contents == held.compactMap { $0 }, "\(name)")
        guard isOrdered else { return }
        for isReversed in [false, true] {
            try range(low: 0, high: keys.count, (nil, nil), isReversed, changing: 0, limit: .max)
        }
        #expect(store.isComplete || byteLimit < 64 << 20, "\(name)")
    }

    private func range() throws {
        let (low, from) = bound()
        let (high, to) = bound()
        try range(
            low: from == nil ? 0 : low,
            high: to == nil ? keys.count : high,
            (from, to),
            generator.oneIn(2),
            changing: generator.oneIn(3) ? 3 : 0,
            limit: generator.oneIn(2) ? .max : 1 + generator.below(20)
        )
    }

    /// A bound, nil for none, and the place of the first key that is not below it.
    private func bound() -> (place: Int, key: [UInt8]?) {
        let place = key()
        switch generator.below(6) {
        case 0: return (0, nil)
        case 1: return (place + 1, keys[place] + [0])
        default: return (place, keys[place])
        }
    }

    /// Every call must be for the next key of the model, as it is at that moment.
    private func range(
        low: Int,
        high: Int,
        _ bounds: (from: [UInt8]?, to: [UInt8]?),
        _ isReversed: Bool,
        changing: Int,
        limit: Int
    ) throws {
        let scans = engine.scanCount
        let wasComplete = store.isComplete
        var position = isReversed ? high : low - 1
        func next() -> Int? {
            isReversed
                ? (low..<max(low, position)).last { held[$0] != nil }
                : ((position + 1)..<max(high, position + 1)).first { held[$0] != nil }
        }
        var count = 0
        try store.entries(from: bounds.from, to: bounds.to, isReversed) { key, value, timestamp in
            count += 1
            guard let expected = next() else {
                Issue.record("an entry behind the last one, \(name)")
                return false
            }
            position = expected
            #expect(keys[expected].elementsEqual(key), "\(name)")
            let found = Held(value: Array(value), timestamp: timestamp.rawValue)
            #expect(found == held[expected], "\(name)")
            for _ in 0..<generator.below(changing + 1) { try put(self.key()) }
            return count < limit
        }
        if count < limit { #expect(next() == nil, "\(name)") }
        if wasComplete { #expect(engine.scanCount == scans, "\(name)") }
    }
}

extension StateStore {
    /// A range read with arrays for bounds.
    func entries(
        from: [UInt8]?,
        to: [UInt8]?,
        _ isReversed: Bool = false,
        _ body: RangeBody
    ) throws {
        func lending(
            _ bytes: [UInt8]?,
            _ body: (UnsafeRawBufferPointer?) throws -> Void
        ) throws {
            guard let bytes else { return try body(nil) }
            try bytes.withUnsafeBytes { try body($0) }
        }
        try lending(from) { from in
            try lending(to) { to in
                try range(from: from, to: to, isReversed: isReversed, body)
            }
        }
    }
}

import LogModel
import MillraceTestKit
import StateStores
import Testing

/// A random history of one store beside the changelog that its transactions wrote: commits,
/// aborts, checkpoints that succeed or fail, evictions, crashes and restores.
struct StoreHistory {
    private struct Change {
        var key: [UInt8]
        var value: [UInt8]?
        var timestamp: Int64
    }

    private struct Held: Equatable {
        var value: [UInt8]
        var timestamp: Int64
    }

    private let seed: UInt64
    private var generator: SeededGenerator
    private var stores = SimulatedStores()
    private var store: StateStore
    private let worker = CheckpointWorker(inline: true)
    /// Committed records; the offset of a record is its index.
    private var changelog: [Change] = []
    private var open: [Change] = []
    private var now: UInt64 = 0

    private static let path = "job/store-0"

    init(seed: UInt64) throws {
        self.seed = seed
        generator = SeededGenerator(seed: seed)
        store = try Self.open(stores, worker)
    }

    private static func open(
        _ stores: SimulatedStores,
        _ worker: CheckpointWorker
    ) throws -> StateStore {
        // A limit of this size makes every other checkpoint evict.
        StateStore(
            engine: try stores.open(path: path),
            worker: worker,
            budget: .tables(48 << 10)
        )
    }

    mutating func run(steps: Int) throws {
        for _ in 0..<steps {
            switch generator.below(40) {
            case 0..<26: try change()
            case 26..<30: commit()
            case 30..<32: abort()
            case 32..<36: try checkpoint()
            case 36: try verify()
            case 37: if generator.oneIn(3) { stores.failCheckpoints(1) }
            case 38: if generator.oneIn(2) { try crash() }
            default: if generator.oneIn(4) { try closeAndReopen() }
            }
        }
        abort()
        try verify()
        verifyEngine()
        worker.close()
    }

    private mutating func change() throws {
        let key = Array("key \(generator.below(300))".utf8)
        let timestamp = Int64(generator.below(1_000))
        var value: [UInt8]?
        if !generator.oneIn(5) {
            value = [UInt8](
                repeating: UInt8(truncatingIfNeeded: generator.next()),
                count: generator.below(30)
            )
        }
        try store.set(key, value, timestamp: timestamp)
        open.append(Change(key: key, value: value, timestamp: timestamp))
    }

    private mutating func commit() {
        changelog += open
        store.commit(
            changelogOffset: open.isEmpty ? nil : Offset(Int64(changelog.count))
        )
        open = []
    }

    private mutating func abort() {
        store.abort()
        open = []
    }

    private mutating func checkpoint() throws {
        now += UInt64(generator.below(4))
        do { try store.checkpointIfDue(now: now, interval: 3) } catch {
            #expect((error as StoreError).code == .io, "seed \(seed)")
        }
        verifyEngine()
    }

    /// The machine stops; the store comes back from what its engine holds and the changelog.
    private mutating func crash() throws {
        stores = stores.crashState(using: &generator)
        store = try Self.open(stores, worker)
        open = []
        try restore()
    }

    private mutating func closeAndReopen() throws {
        stores.failCheckpoints(0)
        open = []
        try store.close(checkpointing: generator.oneIn(2))
        if generator.oneIn(5) { stores = stores.wipedOut() }
        store = try Self.open(stores, worker)
        try restore()
    }

    private mutating func restore() throws {
        let start = Int(store.changelogOffset?.rawValue ?? 0)
        let restore = store.beginRestore()
        for (index, change) in changelog.enumerated().dropFirst(start) {
            try change.key.withUnsafeBytes { key in
                let timestamp = Timestamp(change.timestamp)
                guard let value = change.value else {
                    return try restore.put(key: key, value: nil, timestamp: timestamp)
                }
                try value.withUnsafeBytes {
                    try restore.put(key: key, value: $0, timestamp: timestamp)
                }
            }
            try restore.noteOffset(Offset(Int64(index + 1)))
        }
        try restore.finish(changelogOffset: Offset(Int64(changelog.count)))
        try verify()
    }

    /// Key by key and as a whole, the store is the fold of the changelog and the open changes.
    private func verify() throws {
        let expected = Self.fold(changelog + open)
        let contents = try store.contents()
        #expect(
            contents.map(\.key)
                == expected.keys.sorted { $0.lexicographicallyPrecedes($1) },
            "seed \(seed)"
        )
        for entry in contents {
            let held = Held(value: entry.value, timestamp: entry.timestamp.rawValue)
            #expect(expected[entry.key] == held, "seed \(seed)")
            #expect(try store.value(entry.key) == entry.value, "seed \(seed)")
        }
    }

    /// The engine is the fold of the committed changelog up to its offset, and nothing else.
    private func verifyEngine() {
        let (entries, offset) = stores.contents(of: Self.path)
        let end = Int(offset?.rawValue ?? 0)
        #expect(end <= changelog.count, "seed \(seed)")
        let expected = Self.fold(Array(changelog.prefix(end)))
        #expect(entries.count == expected.count, "seed \(seed)")
        for entry in entries {
            #expect(expected[entry.key]?.value == Array(entry.value.dropFirst(8)), "seed \(seed)")
        }
    }

    private static func fold(_ changes: [Change]) -> [[UInt8]: Held] {
        var held: [[UInt8]: Held] = [:]
        for change in changes {
            held[change.key] = change.value.map { Held(value: $0, timestamp: change.timestamp) }
        }
        return held
    }
}

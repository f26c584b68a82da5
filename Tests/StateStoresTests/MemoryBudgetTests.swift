import LogModel
import MillraceTestKit
import StateStores
import Testing

@Suite("One budget for all stores")
struct MemoryBudgetTests {
    @Test(arguments: 0..<4)
    func `stores with more keys than memory keep to the budget and lose nothing`(
        seed: Int
    ) throws {
        let limit = 1 << 20
        let budget = MemoryBudget.tables(limit)
        let worker = CheckpointWorker(inline: seed % 2 == 0)
        defer { worker.close() }
        var generator = SeededGenerator(seed: UInt64(seed))
        let stores = try (0..<3).map {
            try CountedStore(number: $0, worker, budget, isOrdered: seed % 3 == 0)
        }
        for round in 0..<60 {
            // The first store gets most, the others little at first.
            for store in stores {
                let count = store.number == 0 || round > 30 ? 300 : 20
                for _ in 0..<count { try store.count(generator.below(12_000)) }
                if generator.oneIn(6) { store.abort() } else { store.commit() }
                try store.checkpoint(now: UInt64(round))
            }
            let held = stores.reduce(0) { $0 + $1.store.byteCount }
            if held > limit * 3 / 2 { Issue.record("seed \(seed), round \(round): \(held) bytes") }
        }
        #expect(stores.contains { !$0.store.isComplete }, "seed \(seed)")
        for store in stores {
            try store.verify(&generator)
            try store.store.close(checkpointing: true)
        }
    }

    @Test func `a small store keeps its keys beside one that takes everything`() throws {
        let budget = MemoryBudget.tables(1 << 20)
        let worker = CheckpointWorker(inline: true)
        defer { worker.close() }
        let large = try CountedStore(number: 0, worker, budget, isOrdered: false)
        let small = try CountedStore(number: 1, worker, budget, isOrdered: false)
        for number in 0..<20_000 {
            try large.count(number)
            if number % 20 == 0 { try small.count(number) }
            if number % 400 == 0 {
                for store in [large, small] {
                    store.commit()
                    try store.checkpoint(now: UInt64(number))
                }
            }
        }
        #expect(small.store.isComplete && !large.store.isComplete)
        #expect(small.store.table.pointee.count == 1_000)
    }

    @Test func `what lies beside a store counts, and makes others give back`() throws {
        let budget = MemoryBudget.tables(4 << 20)
        let worker = CheckpointWorker(inline: true)
        defer { worker.close() }
        let other = try CountedStore(number: 0, worker, budget, isOrdered: false)
        do {
            let store = try CountedStore(number: 1, worker, budget, isOrdered: true)
            let before = budget.heldByteCount
            store.store.noteBeside(byteCount: 3 << 20)
            #expect(budget.heldByteCount == before + 3 << 20)
            for number in 0..<20_000 {
                try other.count(number)
                if number % 400 == 0 {
                    other.commit()
                    try other.checkpoint(now: UInt64(number))
                }
            }
            #expect(!other.store.isComplete)
            #expect(other.store.byteCount < 2 << 20)
            store.store.noteBeside(byteCount: 0)
            try store.store.close(checkpointing: false)
        }
        #expect(budget.heldByteCount < 2 << 20)
    }

    @Test func `what is used stays, what is not goes first`() throws {
        let budget = MemoryBudget.tables(512 << 10)
        let worker = CheckpointWorker(inline: true)
        defer { worker.close() }
        let counted = try CountedStore(number: 0, worker, budget, isOrdered: false)
        for number in 0..<12_000 {
            try counted.count(100_000 + number)
            // Five hundred keys come again and again.
            try counted.count(number % 500)
            if number % 100 == 0 {
                counted.commit()
                try counted.checkpoint(now: UInt64(number))
            }
        }
        let table = counted.store.table
        let kept = (0..<500).filter { number in
            CountedStore.withKey(number) { table.pointee.find($0, hash: KeyHash.hash($0)) != nil }
        }
        #expect(kept.count > 480)
        #expect(table.pointee.count < 8_192)
    }
}

/// A store of counts over a simulated engine, and what the counts must be.
private final class CountedStore {
    let number: Int
    let store: StateStore
    private var committed: [Int: UInt8] = [:]
    private var open: [Int: UInt8] = [:]
    private var offset: Int64 = 0

    init(
        number: Int,
        _ worker: CheckpointWorker,
        _ budget: MemoryBudget,
        isOrdered: Bool
    ) throws {
        self.number = number
        store = StateStore(
            engine: try SimulatedStores().open(path: "s"),
            worker: worker,
            budget: budget,
            isOrdered: isOrdered
        )
    }

    static func withKey<Result>(
        _ key: Int,
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        // Some are too long for a slot.
        let text = key % 3 == 0 ? "a key that is longer than a slot has room for \(key)" : "\(key)"
        return try Array(text.utf8).withUnsafeBytes { try body($0) }
    }

    func count(_ key: Int) throws {
        let next = (open[key] ?? committed[key] ?? 0) &+ 1
        try Self.withKey(key) { bytes in
            let slot = try store.slot(for: bytes)
            let known = store.table.pointee.value(slot).map { $0[0] }
            if known != open[key] ?? committed[key] { Issue.record("key \(key): \(known ?? 0)") }
            withUnsafeBytes(of: next) {
                store.table.pointee.put(slot, value: $0, timestamp: Timestamp(0))
            }
        }
        open[key] = next
    }

    func commit() {
        committed.merge(open) { $1 }
        open = [:]
        offset += 1
        store.commit(changelogOffset: Offset(offset))
    }

    func abort() {
        store.abort()
        open = [:]
    }

    func checkpoint(now: UInt64) throws {
        try store.checkpointIfDue(now: now, interval: 5)
    }

    func verify(_ generator: inout SeededGenerator) throws {
        for _ in 0..<2_000 {
            let key = generator.below(12_000)
            let value = try Self.withKey(key) { bytes in
                store.table.pointee.value(try store.slot(for: bytes)).map { $0[0] }
            }
            if value != committed[key] { Issue.record("key \(key): \(value ?? 0)") }
        }
        #expect(try store.contents().count == committed.count)
    }
}

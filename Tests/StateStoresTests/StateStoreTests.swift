import LogModel
import MillraceTestKit
import StateStores
import Testing

@Suite("A store through commits, checkpoints and crashes")
struct StateStoreTests {
    @Test(arguments: 0..<80)
    func `after any history and crash, the engine and its changelog's tail are what was committed`(
        seed: Int
    ) throws {
        var history = try StoreHistory(seed: UInt64(seed))
        try history.run(steps: 400)
    }

    @Test func `a checkpoint that failed is made up for, with values changed since`() throws {
        let stores = SimulatedStores()
        let worker = CheckpointWorker(inline: true)
        defer { worker.close() }
        let store = StateStore(
            engine: try stores.open(path: "s"),
            worker: worker,
            budget: .tables(64 << 20)
        )
        try store.set([1], [1])
        try store.set([2], [2])
        store.commit(changelogOffset: Offset(2))
        try store.checkpointIfDue(now: 0, interval: 10)
        stores.failCheckpoints(1)
        #expect(throws: StoreError.self) { try store.checkpointIfDue(now: 10, interval: 10) }
        try store.set([2], [3])
        // The open transaction is left alone.
        try store.checkpointIfDue(now: 30, interval: 10)
        #expect(stores.contents(of: "s").entries.isEmpty)
        store.abort()
        try store.checkpointIfDue(now: 40, interval: 10)
        let (entries, offset) = stores.contents(of: "s")
        #expect(offset == Offset(2))
        #expect(entries.map(\.key) == [[1], [2]])
        #expect(entries.map(\.value.last) == [1, 2])
    }

    @Test func `reads alone do not let the table outgrow its memory`() throws {
        let stores = SimulatedStores()
        let worker = CheckpointWorker(inline: true)
        defer { worker.close() }
        let limit = 512 << 10
        let store = StateStore(
            engine: try stores.open(path: "s"),
            worker: worker,
            budget: .tables(limit)
        )
        for number in 0..<4_000 { try store.set(Array("\(number)".utf8), [1]) }
        store.commit(changelogOffset: Offset(4_000))
        for _ in 0..<8 { try store.checkpointIfDue(now: 1, interval: 1_000_000) }
        #expect(store.table.pointee.byteCount <= limit)
        for number in 0..<20_000 {
            _ = try store.value(Array("absent \(number)".utf8))
            try store.checkpointIfDue(now: 2, interval: 1_000_000)
        }
        #expect(store.table.pointee.byteCount <= 2 * limit)
        #expect(try store.value(Array("7".utf8)) == [1])
    }

    @Test func `a key that the engine could not read stays unknown`() throws {
        let engine = AnsweringEngine()
        let worker = CheckpointWorker(inline: true)
        defer { worker.close() }
        let store = StateStore(engine: engine, worker: worker, budget: .tables(64 << 20))
        #expect(throws: StoreError.self) { try store.value([1]) }
        #expect(store.table.pointee.count == 0)
        engine.answer = [0, 0, 0, 0, 0, 0, 0, 5, 42]
        #expect(try store.value([1]) == [42])
        engine.answer = [1, 2, 3]
        #expect(throws: StoreError.self) { try store.value([2]) }
    }

    @Test func `a key that is too long for a store is an error`() throws {
        let worker = CheckpointWorker(inline: true)
        defer { worker.close() }
        let store = StateStore(
            engine: try SimulatedStores().open(path: "s"),
            worker: worker,
            budget: .tables(64 << 20)
        )
        #expect(throws: StoreError.self) {
            try store.set([UInt8](repeating: 0, count: KeyValueTable.keyByteLimit + 1), [])
        }
        try store.set([UInt8](repeating: 0, count: KeyValueTable.keyByteLimit), [])
    }

    @Test func `a checkpoint on the worker's thread lets the store go on`() throws {
        let stores = SimulatedStores()
        let worker = CheckpointWorker(inline: false)
        let store = StateStore(
            engine: try stores.open(path: "s"),
            worker: worker,
            budget: .tables(64 << 20)
        )
        for round in 0..<200 {
            try store.set([UInt8(round % 50)], [UInt8(round)])
            store.commit(changelogOffset: Offset(Int64(round + 1)))
            try store.checkpointIfDue(now: UInt64(round), interval: 1)
        }
        try store.close(checkpointing: true)
        worker.close()
        let (entries, offset) = stores.contents(of: "s")
        #expect(offset == Offset(200))
        #expect(entries.map(\.value.last) == (150..<200).map { UInt8($0) })
    }
}

@Suite("A store in memory alone")
struct MemoryStoreTests {
    @Test func `a restore refuses a key that is longer than a store takes`() throws {
        let worker = CheckpointWorker(inline: true)
        defer { worker.close() }
        let store = StateStore(
            engine: MemoryStoreEngine(),
            worker: worker,
            budget: .tables(1 << 20),
            isOrdered: false
        )
        let restore = store.beginRestore()
        try restore.put([UInt8](repeating: 1, count: 65_535), [1])
        #expect(throws: StoreError.self) {
            try restore.put([UInt8](repeating: 1, count: 65_536), [1])
        }
    }

    @Test func `a long restore, checkpoints and a small budget take nothing from it`() throws {
        let worker = CheckpointWorker(inline: true)
        defer { worker.close() }
        let store = StateStore(
            engine: MemoryStoreEngine(),
            worker: worker,
            budget: .tables(1 << 10),
            isOrdered: true
        )
        let restore = store.beginRestore()
        // More than goes to the table of a store with a disk, twice.
        for round in 0..<2 {
            for number in 0..<12_000 {
                let value = number % 3 == round ? nil : UInt8(round)
                try restore.put(Array("key \(number)".utf8), value.map { [$0] })
            }
            try restore.noteOffset(Offset(Int64(12_000 * (round + 1))))
        }
        try restore.finish(changelogOffset: Offset(24_000))
        #expect(store.changelogOffset == Offset(24_000))
        #expect(try store.value(Array("key 4".utf8)) == nil)
        for number in 0..<6_000 { try store.set(Array("key \(number)".utf8), nil) }
        store.commit(changelogOffset: Offset(30_000))
        for now in 1..<4 { try store.checkpointIfDue(now: UInt64(now) * 10, interval: 1) }
        var count = 0
        try store.range { _, value, _ in
            count += value[0] == 1 ? 1 : 0
            return true
        }
        #expect(count == 4_000)
        #expect(try store.contents().count == 4_000)
        #expect(store.isComplete)
        try store.close(checkpointing: true)
    }
}

extension StateRestore {
    /// Takes one record of a changelog.
    func put(_ key: [UInt8], _ value: [UInt8]?) throws(StoreError) {
        var outcome = Result<Void, StoreError>.success(())
        key.withUnsafeBytes { key in
            guard let value else {
                outcome = Result { () throws(StoreError) in
                    try put(key: key, value: nil, timestamp: Timestamp(1))
                }
                return
            }
            value.withUnsafeBytes { value in
                outcome = Result { () throws(StoreError) in
                    try put(key: key, value: value, timestamp: Timestamp(1))
                }
            }
        }
        try outcome.get()
    }
}

extension StateStore {
    /// Changes a key within the open transaction.
    func set(_ key: [UInt8], _ value: [UInt8]?, timestamp: Int64 = 0) throws(StoreError) {
        let slot = try place(of: key)
        guard let value else {
            return table.pointee.put(slot, value: nil, timestamp: Timestamp(timestamp))
        }
        value.withUnsafeBytes {
            table.pointee.put(slot, value: $0, timestamp: Timestamp(timestamp))
        }
    }

    /// The value of a key.
    func value(_ key: [UInt8]) throws(StoreError) -> [UInt8]? {
        let slot = try place(of: key)
        return table.pointee.value(slot).map { Array($0) }
    }

    private func place(of key: [UInt8]) throws(StoreError) -> KeyValueTable.Slot {
        let found = key.withUnsafeBytes { bytes in
            Result { () throws(StoreError) in try slot(for: bytes) }
        }
        return try found.get()
    }
}

extension MemoryBudget {
    /// A budget that has so many bytes for tables, down to none at all.
    static func tables(_ byteCount: Int) -> MemoryBudget {
        MemoryBudget(byteCount: byteCount / 5 * 8, leastShare: 0)
    }
}

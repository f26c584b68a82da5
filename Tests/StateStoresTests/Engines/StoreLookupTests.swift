import LogModel
import MillraceTestKit
import StateStores
import Testing

@Suite("Many keys at once, and everything at once")
struct StoreLookupTests {
    @Test(arguments: EngineKind.allCases)
    func `a look-up of many keys finds what single ones find, in any order and twice`(
        kind: EngineKind
    ) throws {
        let place = try StorePlace(kind)
        let engine = try place.open()
        defer { engine.close() }
        // Several files, some with removals of what others hold.
        for round in 0..<5 {
            try engine.checkpoint(
                (0..<200).filter { $0 % 5 >= round }.map {
                    Pair("key \($0)", $0 % 7 == round ? nil : "value \($0) \(round)")
                },
                upTo: Int64(round + 1)
            )
        }
        var wanted = (0..<300).map { Array("key \($0 * 7 % 300)".utf8) }
        wanted += [[], Array("key 3".utf8), [255, 255, 255]]
        let found = try engine.storedValues(of: wanted)
        for (key, value) in zip(wanted, found) {
            #expect(try engine.storedValue(of: key) == value)
        }
        #expect(found.contains { $0 != nil } && found.contains { $0 == nil })
        #expect(try engine.storedValues(of: []) == [])
    }

    @Test(arguments: EngineKind.allCases)
    func `a store that fits is loaded by pieces beside its use, and then asks no more`(
        kind: EngineKind
    ) throws {
        let place = try StorePlace(kind)
        let worker = CheckpointWorker(inline: true)
        defer { worker.close() }
        let filled = StateStore(
            engine: try place.open(),
            worker: worker,
            budget: .tables(64 << 20)
        )
        for number in 0..<500 { try filled.set(Array("\(number)".utf8), [1]) }
        filled.commit(changelogOffset: Offset(500))
        try filled.close(checkpointing: true)

        let engine = WatchedEngine(try place.open())
        let store = StateStore(engine: engine, worker: worker, budget: .tables(64 << 20))
        try store.loadSome(entryLimit: 100)
        #expect(store.table.pointee.count == 0, "nobody has asked for anything")
        #expect(try store.value(Array("7".utf8)) == [1])
        var pieces = 0
        while store.isLoading {
            // What changes beside it, ahead and behind, counts.
            try store.set(Array("\(pieces)".utf8), nil)
            try store.set(Array("\(499 - pieces)".utf8), [2])
            try store.loadSome(entryLimit: 100)
            pieces += 1
        }
        #expect(pieces == 6 && store.isComplete)
        let asked = engine.getCount
        for number in 0..<500 {
            let expected: [UInt8]? = number < 6 ? nil : number > 493 ? [2] : [1]
            #expect(try store.value(Array("\(number)".utf8)) == expected)
        }
        #expect(engine.getCount == asked)
        store.abort()
        #expect(try store.contents().count == 500)
        try store.close(checkpointing: true)
    }

    @Test func `a value that cannot be read does not make its key an absent one`() throws {
        let engine = AnsweringEngine([1, 2, 3])
        let worker = CheckpointWorker(inline: true)
        defer { worker.close() }
        let store = StateStore(engine: engine, worker: worker, budget: .tables(64 << 20))
        [1, 2, 3].withUnsafeBytes { store.bring([$0]) }
        #expect(store.table.pointee.count == 0)
        #expect(throws: StoreError.self) { try store.value([1]) }
    }
}

extension StoreEngine {
    /// The values of keys, by one look-up.
    fileprivate func storedValues(of keys: [[UInt8]]) throws -> [[UInt8]?] {
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 8)
        defer { block.deallocate() }
        var end = 0
        let lent = keys.map { key in
            let part = UnsafeMutableRawBufferPointer(rebasing: block[end..<(end + key.count)])
            part.copyBytes(from: key)
            end += key.count
            return UnsafeRawBufferPointer(part)
        }
        var values = [[UInt8]?](repeating: nil, count: keys.count)
        try lent.withUnsafeBufferPointer { lent in
            try get(all: lent) { place, value in values[place] = Array(value) }
        }
        return values
    }
}

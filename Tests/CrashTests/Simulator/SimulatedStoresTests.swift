import LogModel
import MillraceTestKit
import StateStores
import Testing
import Threads

@Suite struct `The simulated stores` {
    let stores = SimulatedStores()

    private func checkpoint(
        _ engine: any StoreEngine,
        _ entries: [(String, String?)],
        offset: Int64
    ) throws {
        let bytes = entries.map { (Array($0.0.utf8), $0.1.map { Array($0.utf8) }) }
        let pointers = bytes.map { key, value in
            (copied(key), value.map(copied))
        }
        defer { for (key, value) in pointers { key.deallocate(); value?.deallocate() } }
        let sorted = SortedEntries(count: pointers.count) { index in
            SortedEntries.Entry(
                key: UnsafeRawBufferPointer(pointers[index].0),
                value: pointers[index].1.map { UnsafeRawBufferPointer($0) }
            )
        }
        try engine.checkpoint(sorted, changelogOffset: Offset(offset))
    }

    private func copied(_ bytes: [UInt8]) -> UnsafeMutableRawBufferPointer {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        copy.copyBytes(from: bytes)
        return copy
    }

    private func contents(_ stores: SimulatedStores) -> String {
        let (entries, offset) = stores.contents(of: "job/s-0")
        let texts = entries.map {
            String(decoding: $0.key + [0x3d] + $0.value, as: UTF8.self)
        }
        return texts.joined(separator: " ") + "@\(offset?.rawValue ?? -1)"
    }

    @Test func `merge checkpoints in key order`() throws {
        let engine = try stores.open(path: "job/s-0")
        #expect(engine.checkpointedOffset == nil)
        #expect(engine.isEmpty)
        try checkpoint(engine, [("a", "1"), ("c", "3")], offset: 2)
        try checkpoint(engine, [("a", nil), ("b", "2"), ("c", "4")], offset: 5)
        #expect(contents(stores) == "b=2 c=4@5")
        var found = ""
        let isThere = try Array("b".utf8).withUnsafeBytes { key in
            try engine.get(key) { found = String(decoding: $0, as: UTF8.self) }
        }
        #expect(isThere)
        #expect(found == "2")
    }

    @Test func `leave the old image or the new one when the power goes in a checkpoint`() throws {
        let engine = try stores.open(path: "job/s-0")
        try checkpoint(engine, [("a", "1")], offset: 1)
        let seen = Lock<[SimulatedStores]>([])
        stores.onOperation { [stores] _ in seen.withLock { $0.append(stores.copy()) } }
        try checkpoint(engine, [("a", "2")], offset: 2)
        stores.onOperation(nil)
        var generator = SeededGenerator(seed: 1)
        let states = seen.withLock { $0 }.map { moment in
            Set((0..<40).map { _ in contents(moment.crashState(using: &generator)) })
        }
        #expect(states == [["a=1@1"], ["a=1@1", "a=2@2"]])
        #expect(contents(stores.crashState(using: &generator)) == "a=2@2")
    }

    @Test func `refuse a second opening and count wipes`() throws {
        let engine = try stores.open(path: "job/s-0")
        #expect(throws: StoreError.self) { try stores.open(path: "job/s-0") }
        try checkpoint(engine, [("a", "1")], offset: 1)
        try engine.wipe(because: "a test")
        #expect(engine.isEmpty)
        #expect(stores.wipeCount == 1)
        engine.close()
        try stores.open(path: "job/s-0").close()
    }
}

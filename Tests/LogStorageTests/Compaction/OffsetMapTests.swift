import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// The map of latest offsets: exact, and bounded.
@Suite struct OffsetMapTests {
    private static func put(_ key: String, _ offset: Int64, _ map: inout OffsetMap) -> Bool {
        Array(key.utf8).withUnsafeBytes { map.put($0, at: Offset(offset)) }
    }

    private static func get(_ key: String, _ map: borrowing OffsetMap) -> Int64? {
        Array(key.utf8).withUnsafeBytes { map.offset(of: $0)?.rawValue }
    }

    @Test func `the latest offset of a key is the last one put`() {
        var map = OffsetMap(byteLimit: 1 << 20)
        #expect(Self.put("a", 1, &map) && Self.put("", 2, &map) && Self.put("a", 7, &map))
        #expect(Self.get("a", map) == 7)
        #expect(Self.get("", map) == 2)
        #expect(Self.get("b", map) == nil)
        let count = map.count
        #expect(count == 2)
    }

    @Test func `a hundred thousand keys of many lengths are told apart`() {
        var map = OffsetMap(byteLimit: 64 << 20)
        var generator = SeededGenerator(seed: 7)
        var model: [String: Int64] = [:]
        for offset in 0..<100_000 {
            let key =
                String(repeating: "k", count: generator.below(40)) + "\(generator.below(50_000))"
            model[key] = Int64(offset)
            guard Self.put(key, Int64(offset), &map) else {
                Issue.record("full at \(offset)")
                return
            }
        }
        let count = map.count
        #expect(count == model.count)
        for (key, offset) in model where Self.get(key, map) != offset {
            Issue.record("\(key) is at \(offset)")
            return
        }
    }

    @Test(arguments: [600, 4_096, 10_000, 1 << 20])
    func `a full map takes no further key and never more memory than its limit`(limit: Int) {
        var map = OffsetMap(byteLimit: limit)
        var count = 0
        while Self.put("key \(count)", Int64(count), &map) { count += 1 }
        let (byteCount, mapCount) = (map.byteCount, map.count)
        #expect(mapCount == count)
        #expect(byteCount <= limit)
        #expect(limit < 4_096 || count > limit / 200)
        // Keys that it has still move on.
        #expect(Self.put("key 0", 1_000, &map))
        #expect(Self.get("key 0", map) == 1_000)
    }

    @Test func `the first key has a place however little memory there is`() {
        var map = OffsetMap(byteLimit: 1)
        #expect(Self.put(String(repeating: "x", count: 100_000), 5, &map))
        #expect(!Self.put("y", 6, &map))
    }
}

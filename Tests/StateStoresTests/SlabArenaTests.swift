import MillraceTestKit
import StateStores
import Testing

@Suite("The memory beside a table's slots")
struct SlabArenaTests {
    @Test(arguments: 0..<8)
    func `blocks keep their bytes through any history, and lie apart`(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let arena = ArenaUnderTest()
        for _ in 0..<20_000 {
            // More come than go at first, then more go.
            let wantsMore = arena.blocks.count < 200 || !generator.oneIn(2)
            if wantsMore, arena.blocks.count < 4_000 {
                arena.allocate(generator.oneIn(20) ? 4_000 : 1 + generator.below(600))
            } else {
                arena.deallocate(at: generator.below(arena.blocks.count))
            }
        }
        while !arena.blocks.isEmpty { arena.deallocate(at: generator.below(arena.blocks.count)) }
        // A slab of each size, and chunks, are kept for what comes next.
        #expect(arena.arena.pointee.heldByteCount <= 3 << 20)
    }

    @Test func `blocks that are given back are used again`() {
        let arena = ArenaUnderTest()
        for _ in 0..<1_000 { arena.allocate(100) }
        let held = arena.arena.pointee.heldByteCount
        for round in 0..<50 {
            for index in stride(from: 999, to: 0, by: -2) { arena.deallocate(at: index) }
            for _ in 0..<500 { arena.allocate(97 + round % 16) }
        }
        #expect(arena.arena.pointee.heldByteCount == held)
    }

    @Test func `values that all grow step by step leave their old blocks to each other`() {
        let arena = ArenaUnderTest()
        var mostHeld = 0
        for _ in 0..<4_000 { arena.allocate(16) }
        for size in stride(from: 32, through: 512, by: 16) {
            for _ in 0..<4_000 {
                arena.allocate(size)
                arena.deallocate(at: 0)
            }
            mostHeld = max(mostHeld, arena.arena.pointee.heldByteCount)
        }
        // 2 MB at the end.
        #expect(mostHeld < 3 * 4_000 * 512)
    }

    @Test func `memory goes back to the system when blocks have left`() {
        let arena = ArenaUnderTest()
        for _ in 0..<100_000 { arena.allocate(200) }
        #expect(arena.arena.pointee.heldByteCount >= 20_000_000)
        while !arena.blocks.isEmpty { arena.deallocate(at: arena.blocks.count - 1) }
        // One chunk has the slab that is kept, another is kept for what comes next.
        #expect(arena.arena.pointee.heldByteCount <= 4 << 20)
    }

    @Test func `a table ends with long and very long keys and values in it`() {
        let table = TableUnderTest()
        for number in 0..<300 {
            let key = [UInt8](repeating: UInt8(number % 256), count: 20 + number * 3)
            table.put(key, Array(repeating: 1, count: number * 5), 1)
        }
        table.table.pointee.commit()
        for number in 0..<300 {
            let key = [UInt8](repeating: UInt8(number % 256), count: 20 + number * 3)
            #expect(table.get(key)?.value.count == number * 5)
            // Its old value is in the log at the table's end.
            table.put(key, Array(repeating: 2, count: number * 4), 2)
        }
    }
}

/// An arena behind a pointer, with what each block holds.
private final class ArenaUnderTest {
    let arena: UnsafeMutablePointer<SlabArena>
    private(set) var blocks: [UnsafeMutableRawBufferPointer] = []
    private var filler: UInt8 = 0

    init() {
        arena = .allocate(capacity: 1)
        arena.initialize(to: SlabArena())
    }

    deinit {
        while !blocks.isEmpty { deallocate(at: blocks.count - 1) }
        arena.deinitialize(count: 1)
        arena.deallocate()
    }

    func allocate(_ byteCount: Int) {
        let block = arena.pointee.allocate(byteCount)
        #expect(UInt(bitPattern: block) % 16 == 0)
        filler &+= 1
        let bytes = UnsafeMutableRawBufferPointer(start: block, count: byteCount)
        bytes.initializeMemory(as: UInt8.self, repeating: filler)
        blocks.append(bytes)
    }

    /// Gives a block back, if all of its bytes are as they were written; the last one takes its
    /// number.
    func deallocate(at index: Int) {
        let block = blocks[index]
        blocks.swapAt(index, blocks.count - 1)
        blocks.removeLast()
        let first = block[0]
        #expect(block.allSatisfy { $0 == first })
        guard let base = block.baseAddress else { return }
        arena.pointee.deallocate(base, block.count)
    }
}

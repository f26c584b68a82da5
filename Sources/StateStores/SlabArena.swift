import Glibc

/// The memory of keys and values that do not fit into their slots: blocks that come and go one by
/// one, in any order.
///
/// Blocks of one size lie together in *slabs* of 4 KiB, so that what one leaves behind is for the
/// next of its size; a slab without blocks is for any size. Slabs are cut from chunks, of which the
/// larger ones are huge pages. A chunk without slabs goes back to the system, but for one, or an
/// eighth of the chunks, that may be wanted again soon. Larger blocks are the C library's, whose
/// heap merges neighbours of any size and has to look for them far apart.
///
/// A slab begins with its `Slab`, in a cache line of its own. Of a free block, the first word is
/// the next one.
package struct SlabArena: ~Copyable {
    private struct Slab: Linked {
        /// The blocks that were given back.
        var free: UnsafeMutableRawPointer?
        /// The part that was never given.
        var uncut: UnsafeMutableRawPointer
        let blockByteCount: Int
        /// Blocks in use, and how many there can be.
        var usedCount: Int32 = 0
        let capacity: Int32
        let chunk: UnsafeMutablePointer<Chunk>
        var previous: UnsafeMutablePointer<Slab>?
        var next: UnsafeMutablePointer<Slab>?
    }

    private struct Chunk: Linked {
        let base: UnsafeMutableRawPointer
        let slabCount: Int
        var usedCount = 0
        /// Slabs that were ever cut, from the beginning on.
        var cutCount = 0
        /// The slabs that were given back; the first word of each is the next one.
        var free: UnsafeMutableRawPointer?
        var previous: UnsafeMutablePointer<Chunk>?
        var next: UnsafeMutablePointer<Chunk>?
    }

    /// Larger blocks are the C library's.
    package static let blockByteLimit = 512
    private static let slabByteCount = 4 << 10
    private static let headerByteCount = 64
    private static let firstChunkByteCount = 16 << 10
    /// Chunks double up to this size; those after it are huge pages.
    private static let smallChunkByteLimit = 256 << 10
    private static let hugePageByteCount = 2 << 20
    /// Sizes rise by 16 bytes.
    private static let classCount = blockByteLimit / 16

    /// Bytes of all chunks.
    package private(set) var heldByteCount = 0
    private var chunkByteCount = Self.firstChunkByteCount
    private var chunkCount = 0
    private var unusedChunkCount = 0
    /// The slabs of each size that have room.
    private let roomy: UnsafeMutablePointer<LinkedItems<Slab>>
    /// Chunks with slabs and room for more, without slabs, and without room.
    private var roomyChunks = LinkedItems<Chunk>()
    private var unusedChunks = LinkedItems<Chunk>()
    private var fullChunks = LinkedItems<Chunk>()

    package init() {
        roomy = .allocate(capacity: Self.classCount)
        roomy.initialize(repeating: LinkedItems(), count: Self.classCount)
    }

    deinit {
        for list in [roomyChunks, unusedChunks, fullChunks] {
            var chunk = list.first
            while let this = chunk {
                chunk = this.pointee.next
                free(this.pointee.base)
                this.deallocate()
            }
        }
        roomy.deallocate()
    }

    /// A block of at least `byteCount` bytes, which are more than 0, of any contents.
    package mutating func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        guard byteCount <= Self.blockByteLimit else { return Self.allocateLarge(byteCount) }
        let number = Self.sizeClass(byteCount)
        let slab = roomy[number].first ?? addSlab(number)
        slab.pointee.usedCount &+= 1
        if slab.pointee.usedCount == slab.pointee.capacity { roomy[number].remove(slab) }
        if let block = slab.pointee.free {
            // SAFETY: a free block begins with the pointer that `deallocate` put there.
            slab.pointee.free = block.load(as: UnsafeMutableRawPointer?.self)
            return block
        }
        let block = slab.pointee.uncut
        slab.pointee.uncut += slab.pointee.blockByteCount
        return block
    }

    /// Gives back what `allocate` gave for the same `byteCount`.
    package mutating func deallocate(_ block: UnsafeMutableRawPointer, _ byteCount: Int) {
        guard byteCount <= Self.blockByteLimit else { return free(block) }
        // SAFETY: blocks of such a size lie in slabs, which begin where `addSlab` put a `Slab`.
        let slab = block.alignedDown(toMultipleOf: Self.slabByteCount)
            .assumingMemoryBound(to: Slab.self)
        let number = Self.sizeClass(byteCount)
        assert(slab.pointee.blockByteCount == (number + 1) * 16, "a block of another size")
        block.storeBytes(of: slab.pointee.free, as: UnsafeMutableRawPointer?.self)
        slab.pointee.free = block
        if slab.pointee.usedCount == slab.pointee.capacity { roomy[number].insert(slab) }
        slab.pointee.usedCount &-= 1
        guard slab.pointee.usedCount == 0, !roomy[number].isOne else { return }
        roomy[number].remove(slab)
        release(slab)
    }

    /// Gives back a block of more than `blockByteLimit` bytes whose arena is at its end.
    static func deallocateLarge(_ block: UnsafeMutableRawPointer?) { free(block) }

    private static func sizeClass(_ byteCount: Int) -> Int { (byteCount &- 1) &>> 4 }

    /// The C library's own call: the standard library's asks for an alignment, which takes longer.
    private static func allocateLarge(_ byteCount: Int) -> UnsafeMutableRawPointer {
        guard let block = malloc(byteCount) else {
            fatalError("no memory for \(byteCount) bytes of a store")
        }
        return block
    }

    // MARK: Slabs

    @inline(never)
    private mutating func addSlab(_ number: Int) -> UnsafeMutablePointer<Slab> {
        let chunk = roomyChunks.first ?? takeUnusedChunk()
        chunk.pointee.usedCount += 1
        if chunk.pointee.usedCount == chunk.pointee.slabCount {
            roomyChunks.remove(chunk)
            fullChunks.insert(chunk)
        }
        let memory: UnsafeMutableRawPointer
        if let free = chunk.pointee.free {
            // SAFETY: a free slab begins with the pointer that `release` put there.
            chunk.pointee.free = free.load(as: UnsafeMutableRawPointer?.self)
            memory = free
        } else {
            memory = chunk.pointee.base + chunk.pointee.cutCount * Self.slabByteCount
            chunk.pointee.cutCount += 1
        }
        let blockByteCount = (number + 1) * 16
        let slab = memory.bindMemory(to: Slab.self, capacity: 1)
        slab.initialize(
            to: Slab(
                uncut: memory + Self.headerByteCount,
                blockByteCount: blockByteCount,
                capacity: Int32((Self.slabByteCount - Self.headerByteCount) / blockByteCount),
                chunk: chunk
            )
        )
        roomy[number].insert(slab)
        return slab
    }

    /// Gives back a slab without blocks, which is in no list any more.
    @inline(never)
    private mutating func release(_ slab: UnsafeMutablePointer<Slab>) {
        let chunk = slab.pointee.chunk
        let memory = UnsafeMutableRawPointer(slab)
        memory.storeBytes(of: chunk.pointee.free, as: UnsafeMutableRawPointer?.self)
        chunk.pointee.free = memory
        if chunk.pointee.usedCount == chunk.pointee.slabCount {
            fullChunks.remove(chunk)
            roomyChunks.insert(chunk)
        }
        chunk.pointee.usedCount -= 1
        guard chunk.pointee.usedCount == 0 else { return }
        roomyChunks.remove(chunk)
        unusedChunks.insert(chunk)
        unusedChunkCount += 1
        while unusedChunkCount > max(1, chunkCount / 8), let unused = unusedChunks.first {
            unusedChunks.remove(unused)
            unusedChunkCount -= 1
            chunkCount -= 1
            heldByteCount -= unused.pointee.slabCount * Self.slabByteCount
            free(unused.pointee.base)
            unused.deallocate()
        }
    }

    /// A chunk without slabs, which is among those with room from now on.
    private mutating func takeUnusedChunk() -> UnsafeMutablePointer<Chunk> {
        if let chunk = unusedChunks.first {
            unusedChunks.remove(chunk)
            unusedChunkCount -= 1
            roomyChunks.insert(chunk)
            return chunk
        }
        let byteCount = chunkByteCount
        chunkByteCount *= 2
        if chunkByteCount > Self.smallChunkByteLimit { chunkByteCount = Self.hugePageByteCount }
        let isHuge = byteCount == Self.hugePageByteCount
        var memory: UnsafeMutableRawPointer?
        let alignment = isHuge ? Self.hugePageByteCount : Self.slabByteCount
        guard posix_memalign(&memory, alignment, byteCount) == 0, let memory else {
            fatalError("no memory for \(byteCount) bytes of a store")
        }
        if isHuge { madvise(memory, byteCount, MADV_HUGEPAGE) }
        let chunk = UnsafeMutablePointer<Chunk>.allocate(capacity: 1)
        chunk.initialize(to: Chunk(base: memory, slabCount: byteCount / Self.slabByteCount))
        roomyChunks.insert(chunk)
        heldByteCount += byteCount
        chunkCount += 1
        return chunk
    }
}

/// What knows its neighbours in the list that it is in.
private protocol Linked {
    var previous: UnsafeMutablePointer<Self>? { get set }
    var next: UnsafeMutablePointer<Self>? { get set }
}

/// Items that are linked with each other, the one that came last in front.
private struct LinkedItems<Item: Linked> {
    private(set) var first: UnsafeMutablePointer<Item>?

    /// Whether there is one item and no other.
    var isOne: Bool { first.map { $0.pointee.next == nil } ?? false }

    mutating func insert(_ item: UnsafeMutablePointer<Item>) {
        item.pointee.previous = nil
        item.pointee.next = first
        first?.pointee.previous = item
        first = item
    }

    mutating func remove(_ item: UnsafeMutablePointer<Item>) {
        let (previous, next) = (item.pointee.previous, item.pointee.next)
        if let previous { previous.pointee.next = next } else { first = next }
        next?.pointee.previous = previous
    }
}

import Glibc

/// The memory of an ordered index: blocks that are cut from chunks, and wait in a list of their
/// size once they are given back. Nothing is returned to the system before `removeAll`.
struct IndexArena: ~Copyable {
    /// Bytes of all chunks.
    private(set) var byteCount = 0
    private var chunks: [UnsafeMutableRawPointer] = []
    private var chunkByteCount = Self.firstChunkByteCount
    /// What is left of the newest chunk.
    private var rest: UnsafeMutableRawPointer?
    private var restByteCount = 0
    /// The first free block of each size class; its first word is the next.
    private let free: UnsafeMutablePointer<UnsafeMutableRawPointer?>

    private static let firstChunkByteCount = 8 << 10
    /// Chunks double up to this size; those after it are huge pages.
    private static let smallChunkByteLimit = 256 << 10
    private static let hugePageByteCount = 2 << 20
    /// Up to here the sizes of blocks rise by 8 bytes, above it they double.
    private static let fineByteLimit = 2 << 10
    private static let fineClassCount = fineByteLimit / 8
    /// Doubled 6 times, the fine limit is above a record with the longest key.
    private static let classCount = fineClassCount + 6
    /// Blocks of this size and above, which nodes are, begin at a cache line.
    private static let alignedByteCount = 1 << 10

    init() {
        free = .allocate(capacity: Self.classCount)
        free.initialize(repeating: nil, count: Self.classCount)
    }

    deinit {
        for chunk in chunks { Glibc.free(chunk) }
        free.deallocate()
    }

    /// A block of at least `byteCount` bytes, of any contents.
    @inline(__always)
    mutating func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let (number, size) = Self.sizeClass(byteCount)
        if let block = free[number] {
            // SAFETY: a free block begins with the pointer that `deallocate` put there.
            free[number] = block.load(as: UnsafeMutableRawPointer?.self)
            return block
        }
        return cut(size)
    }

    /// Gives back what `allocate` gave for the same `byteCount`.
    @inline(__always)
    mutating func deallocate(_ block: UnsafeMutableRawPointer, _ byteCount: Int) {
        let (number, _) = Self.sizeClass(byteCount)
        block.storeBytes(of: free[number], as: UnsafeMutableRawPointer?.self)
        free[number] = block
    }

    /// Returns all memory to the system; every block is gone.
    mutating func removeAll() {
        for chunk in chunks { Glibc.free(chunk) }
        chunks = []
        byteCount = 0
        chunkByteCount = Self.firstChunkByteCount
        rest = nil
        restByteCount = 0
        free.update(repeating: nil, count: Self.classCount)
    }

    private static func sizeClass(_ byteCount: Int) -> (number: Int, size: Int) {
        if byteCount <= fineByteLimit {
            let units = (byteCount &+ 7) &>> 3
            return (units &- 1, units &<< 3)
        }
        var number = fineClassCount
        var size = fineByteLimit * 2
        while size < byteCount {
            size *= 2
            number += 1
        }
        return (number, size)
    }

    private mutating func cut(_ size: Int) -> UnsafeMutableRawPointer {
        if let rest {
            let start = size >= Self.alignedByteCount ? rest.alignedUp(toMultipleOf: 64) : rest
            let used = start - rest + size
            if used <= restByteCount {
                self.rest = rest + used
                restByteCount -= used
                return start
            }
        }
        addChunk(atLeast: size)
        return cut(size)
    }

    private mutating func addChunk(atLeast size: Int) {
        let byteCount = max(chunkByteCount, size)
        chunkByteCount *= 2
        if chunkByteCount > Self.smallChunkByteLimit { chunkByteCount = Self.hugePageByteCount }
        let isHuge = byteCount == Self.hugePageByteCount
        var chunk: UnsafeMutableRawPointer?
        guard posix_memalign(&chunk, isHuge ? Self.hugePageByteCount : 64, byteCount) == 0,
            let chunk
        else { fatalError("no memory for \(byteCount) bytes of an ordered index") }
        if isHuge { madvise(chunk, byteCount, MADV_HUGEPAGE) }
        chunks.append(chunk)
        self.byteCount += byteCount
        rest = chunk
        restByteCount = byteCount
    }
}

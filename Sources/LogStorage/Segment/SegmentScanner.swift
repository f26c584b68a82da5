import LogModel

/// Reads the batches of a segment file one after the other, in large reads.
struct SegmentScanner: ~Copyable {
    private let file: any DiskFile
    private let end: Int64
    private var buffer: UnsafeMutableRawBufferPointer
    /// Where in the file `buffer` begins, and how much of it was read.
    private var bufferPosition: Int64
    private var bufferedByteCount = 0
    /// Where the next batch begins.
    private(set) var position: Int64

    /// How much is read at once.
    private static let readByteCount: Int64 = 1 << 20
    /// Batches larger than this are damage: no log accepts them.
    private static let batchByteLimit = Int64(BatchLimit.byteCount)

    init(file: any DiskFile, from position: Int64, to end: Int64) {
        self.file = file
        self.end = end
        self.position = position
        bufferPosition = position
        let byteCount = min(Self.readByteCount, max(end - position, 64))
        buffer = .allocate(byteCount: Int(byteCount), alignment: 4096)
    }

    deinit { buffer.deallocate() }

    /// What stands at the position.
    enum Step {
        case batch(RecordBatchView)
        case end
        case bad(RecordBatchError)
    }

    /// The batch at the position, checked for length, magic and CRC; valid until the next call.
    mutating func next() throws(DiskError) -> Step {
        guard position < end else { return .end }
        let left = end - position
        guard try load(min(left, Int64(RecordBatchLayout.headerByteCount))) else {
            return .bad(.truncated(needed: RecordBatchLayout.headerByteCount, available: Int(left)))
        }
        let batch: RecordBatchView
        do throws(RecordBatchError) {
            batch = try RecordBatchView(loaded)
        } catch .truncated(let needed, _) {
            return try nextLarge(needed: Int64(needed), left: left)
        } catch {
            return .bad(error)
        }
        return check(batch)
    }

    /// Steps behind the batch that `next` returned.
    mutating func advance(by byteCount: Int) { position += Int64(byteCount) }

    private mutating func nextLarge(needed: Int64, left: Int64) throws(DiskError) -> Step {
        guard needed <= left, needed <= Self.batchByteLimit, try load(needed) else {
            return .bad(.truncated(needed: Int(needed), available: Int(left)))
        }
        do throws(RecordBatchError) { return check(try RecordBatchView(loaded)) } catch {
            return .bad(error)
        }
    }

    private func check(_ batch: RecordBatchView) -> Step {
        do throws(RecordBatchError) {
            try batch.verifyChecksum()
            return .batch(batch)
        } catch { return .bad(error) }
    }

    private var loaded: UnsafeRawBufferPointer {
        let start = Int(position - bufferPosition)
        return UnsafeRawBufferPointer(
            rebasing: UnsafeRawBufferPointer(buffer)[start..<bufferedByteCount]
        )
    }

    /// Makes at least `count` bytes from the position on available; false if the file lacks them.
    private mutating func load(_ count: Int64) throws(DiskError) -> Bool {
        let start = Int(position - bufferPosition)
        if start <= bufferedByteCount, bufferedByteCount - start >= Int(count) { return true }
        if Int(count) > buffer.count {
            buffer.deallocate()
            buffer = .allocate(byteCount: Int(count), alignment: 4096)
        }
        bufferPosition = position
        let wanted = min(Int64(buffer.count), end - position)
        bufferedByteCount = try file.read(
            into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(wanted)]),
            at: position
        )
        return bufferedByteCount >= Int(count)
    }
}

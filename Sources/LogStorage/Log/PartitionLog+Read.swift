import Bytes
package import LogModel
import Synchronization

extension PartitionLog {
    /// Reads whole batches from the one that holds `from` on, as many as fit into `buffer` and
    /// `maxByteCount`, up to the high watermark or, for read_committed, the last stable offset.
    ///
    /// - Throws: `.bufferTooSmall` if the first batch does not fit into `buffer`; it is returned
    ///   whatever `maxByteCount` says. `.offsetOutOfRange` outside the log.
    package func read(
        from: Offset,
        maxByteCount: Int,
        isolation: IsolationLevel,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(LogStorageError) -> LogReadResult {
        let plan = try state.withLock { state throws(LogStorageError) in
            try Self.plan(from: from, isolation: isolation, state)
        }
        guard from < plan.end else {
            return LogReadResult(byteCount: 0, abortedTransactions: [], bounds: plan.bounds)
        }
        var byteCount = 0
        var next = from
        for piece in plan.pieces {
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer[byteCount...])
            let limit = max(0, maxByteCount - byteCount)
            let taken = try readSegment(
                piece,
                from: next,
                to: plan.end,
                isFirst: byteCount == 0,
                limit: limit,
                into: room
            )
            byteCount += taken.byteCount
            next = taken.next
            if next >= plan.end || taken.isFull { break }
        }
        return LogReadResult(
            byteCount: byteCount,
            abortedTransactions: isolation == .readCommitted
                ? state.withLock { $0.abortedTransactions(from: from, to: next) } : [],
            bounds: plan.bounds
        )
    }

    private struct Piece {
        var file: any DiskFile
        var position: Int64
        var end: Int64
    }

    private struct Plan {
        var bounds: LogBounds
        var end: Offset
        var pieces: [Piece]
    }

    private struct Taken {
        var byteCount: Int
        var next: Offset
        var isFull: Bool
    }

    /// Where to read: at most two segments, which is more than any buffer needs.
    private static func plan(
        from: Offset,
        isolation: IsolationLevel,
        _ state: LogState
    ) throws(LogStorageError) -> Plan {
        let bounds = state.bounds
        guard from >= bounds.logStart, from <= bounds.logEnd else { throw .offsetOutOfRange }
        let end = isolation == .readCommitted ? bounds.lastStableOffset : bounds.highWatermark
        let first = state.segmentIndex(for: from)
        let pieces = state.segments[first...].prefix(3).enumerated().map { index, segment in
            Piece(
                file: segment.file,
                position: index == 0 ? segment.index.position(for: from) : 0,
                end: segment.byteCount
            )
        }
        return Plan(bounds: bounds, end: end, pieces: pieces)
    }

    /// Reads the batches of one segment that hold offsets of [from, end).
    private func readSegment(
        _ piece: Piece,
        from: Offset,
        to end: Offset,
        isFirst: Bool,
        limit: Int,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(LogStorageError) -> Taken {
        var position = piece.position
        // The index leads to a batch at or before the one that holds `from`: step over the rest.
        var header = try readHeader(piece, at: position)
        while let found = header, found.nextOffset <= from {
            position += found.byteCount
            header = try readHeader(piece, at: position)
        }
        guard let first = header, first.baseOffset < end else {
            return Taken(byteCount: 0, next: from, isFull: false)
        }
        var wanted = min(Int64(buffer.count), piece.end - position)
        if isFirst {
            guard first.byteCount <= Int64(buffer.count) else {
                throw .bufferTooSmall(needed: Int(first.byteCount))
            }
            wanted = min(wanted, max(Int64(limit), first.byteCount))
        } else {
            wanted = min(wanted, Int64(limit))
            guard first.byteCount <= wanted else {
                return Taken(byteCount: 0, next: from, isFull: true)
            }
        }
        let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(wanted)])
        let at = position
        let count = try onDisk { () throws(DiskError) in try piece.file.read(into: target, at: at) }
        return try cut(
            UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(target)[..<count]),
            from: from,
            to: end
        )
    }

    /// Cuts what was read to whole batches below `end`.
    private func cut(
        _ bytes: UnsafeRawBufferPointer,
        from: Offset,
        to end: Offset
    ) throws(LogStorageError) -> Taken {
        var batches = RecordBatchSequence(bytes)
        var byteCount = 0
        var next = from
        do throws(RecordBatchError) {
            while let batch = try batches.next() {
                guard batch.baseOffset < end else {
                    return Taken(byteCount: byteCount, next: next, isFull: true)
                }
                byteCount += batch.byteCount
                next = batch.nextOffset
            }
        } catch {
            // Served batches are checked by their readers; a broken length ends the answer here.
            guard byteCount > 0 else {
                throw .corrupt("\(files.directory) at offset \(next.rawValue): \(error)")
            }
        }
        return Taken(byteCount: byteCount, next: next, isFull: byteCount < bytes.count)
    }

    private struct Header {
        var baseOffset: Offset
        var nextOffset: Offset
        var byteCount: Int64
    }

    /// The header of the batch at a position; nil at the end of the segment.
    private func readHeader(
        _ piece: Piece,
        at position: Int64
    ) throws(LogStorageError) -> Header? {
        let needed = RecordBatchLayout.headerByteCount
        guard piece.end - position >= Int64(needed) else { return nil }
        return try withUnsafeTemporaryBytes(needed) { header throws(LogStorageError) in
            let read = try onDisk { () throws(DiskError) in
                try piece.file.read(into: header, at: position)
            }
            guard read == needed, let base = header.baseAddress else { return nil }
            let p = UnsafeRawPointer(base)
            let length: Int32 = p.bigEndian(at: RecordBatchLayout.length)
            let delta: Int32 = p.bigEndian(at: RecordBatchLayout.lastOffsetDelta)
            guard length >= 49, delta >= 0 else {
                throw .corrupt("\(self.files.directory), position \(position): no batch header")
            }
            let offset = Offset(p.bigEndian(at: RecordBatchLayout.baseOffset))
            return Header(
                baseOffset: offset,
                nextOffset: offset.advanced(by: Int64(delta) + 1),
                byteCount: Int64(length) + 12
            )
        }
    }
}

/// Lends `byteCount` bytes on the stack.
func withUnsafeTemporaryBytes<Result>(
    _ byteCount: Int,
    _ body: (UnsafeMutableRawBufferPointer) throws(LogStorageError) -> Result
) throws(LogStorageError) -> Result {
    let outcome = withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 16) {
        buffer -> Swift.Result<Result, LogStorageError> in
        do throws(LogStorageError) { return .success(try body(buffer)) } catch {
            return .failure(error)
        }
    }
    return try outcome.get()
}

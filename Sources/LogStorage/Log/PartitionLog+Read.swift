import Bytes
package import LogModel
import Threads

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
        try wake()
        do throws(LogStorageError) {
            return try readPlanned(from, maxByteCount, isolation, buffer)
        } catch {
            // Files that retention has removed under the read are no fault of the disk.
            guard case .disk = error, from < state.withLock({ $0.logStart }) else { throw error }
            throw .offsetOutOfRange
        }
    }

    private func readPlanned(
        _ from: Offset,
        _ maxByteCount: Int,
        _ isolation: IsolationLevel,
        _ buffer: UnsafeMutableRawBufferPointer
    ) throws(LogStorageError) -> LogReadResult {
        let plan = try plan(from: from, isolation: isolation)
        guard from < plan.end else {
            return LogReadResult(byteCount: 0, abortedTransactions: [], bounds: plan.bounds)
        }
        var byteCount = 0
        var next = from
        var mayGap = false
        for piece in plan.pieces {
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer[byteCount...])
            let limit = max(0, maxByteCount - byteCount)
            // What is missing between two segments is found by the read that begins there.
            if byteCount > 0, !follows(piece.base, next, mayGap: mayGap) { break }
            mayGap = piece.mayGap
            let taken: Taken
            var fault: SegmentContentCheck.Fault?
            do throws(LogStorageError) {
                var piece = piece
                if piece.mayGap { fault = try compactedFault(of: piece) }
                if let fault { piece.end = min(piece.end, fault.wholeByteCount) }
                taken = try readSegment(
                    piece,
                    from: next,
                    to: plan.end,
                    isFirst: byteCount == 0,
                    limit: limit,
                    into: room
                )
            } catch {
                // What is in front of it is served; the next read begins with it, and tells.
                guard byteCount > 0 else { throw error }
                break
            }
            if let fault, taken.byteCount == 0, byteCount == 0, !taken.isFull {
                throw .corrupt("\(piece.file.path), byte \(fault.position): \(fault.reason)")
            }
            byteCount += taken.byteCount
            next = taken.next
            // Nothing behind the fault is served in place of what is damaged.
            if fault != nil { break }
            if next >= plan.end || taken.isFull { break }
        }
        return LogReadResult(
            byteCount: byteCount,
            abortedTransactions: plan.aborted.filter { $0.firstOffset < next },
            bounds: plan.bounds
        )
    }

    private struct Piece {
        var file: PooledFile
        var position: Int64
        var end: Int64
        /// The segment's base offset: where its first batch begins.
        var base: Offset
        /// The next segment's base offset, or the log's end.
        var next: Offset
        /// The last offset of the batch at `position`, where an index entry led there.
        var last: Offset?
        /// The segment was compacted, or imported with gaps.
        var mayGap: Bool
    }

    private struct Plan {
        var bounds: LogBounds
        var end: Offset
        var pieces: [Piece]
        /// For read_committed, of the records in the pieces. They are taken together: what removes
        /// segments, or compacts them, takes the list of what it removes with it.
        var aborted: [AbortedTransaction] = []
    }

    private struct Taken {
        var byteCount: Int
        var next: Offset
        var isFull: Bool
    }

    /// Segments that a plan reads from at most, which is more than any buffer needs.
    private static let pieceLimit = 3

    /// Where to read. Segments of which compaction has left nothing are stepped over, however many
    /// there are.
    private func plan(from: Offset, isolation: IsolationLevel) throws(LogStorageError) -> Plan {
        var closed: Segment?
        var plan = try state.withLock { state throws(LogStorageError) -> Plan in
            let bounds = state.bounds
            guard from >= bounds.logStart, from <= bounds.logEnd else { throw .offsetOutOfRange }
            let end = isolation == .readCommitted ? bounds.lastStableOffset : bounds.highWatermark
            guard !state.segments.isEmpty, from < end else {
                return Plan(bounds: bounds, end: end, pieces: [])
            }
            let start = state.segmentIndex(for: from)
            var entry: SegmentIndex.OffsetEntry?
            if let index = state.segments[start].index {
                entry = index.entry(for: from)
            } else {
                closed = state.segments[start]
            }
            var pieces: [Piece] = []
            var filledCount = 0
            for index in start..<state.segments.count where filledCount < Self.pieceLimit {
                let segment = state.segments[index]
                let mayGap = state.mayGap(segment.baseOffset)
                pieces.append(
                    Piece(
                        file: segment.file,
                        position: index == start ? entry?.position ?? 0 : 0,
                        end: segment.byteCount,
                        base: segment.baseOffset,
                        next: index + 1 < state.segments.count
                            ? state.segments[index + 1].baseOffset : state.logEnd,
                        last: index == start ? entry?.offset : nil,
                        mayGap: mayGap
                    )
                )
                if segment.byteCount > 0 || !mayGap { filledCount += 1 }
            }
            var plan = Plan(bounds: bounds, end: end, pieces: pieces)
            if isolation == .readCommitted, let last = pieces.last {
                plan.aborted = state.abortedTransactions(from: from, to: min(end, last.next))
            }
            return plan
        }
        if let closed, let entry = try index(of: closed).entry(for: from) {
            plan.pieces[0].position = entry.position
            plan.pieces[0].last = entry.offset
        }
        return plan
    }

    /// Reads a compacted segment whole before the first read of it: where offsets are missing, only
    /// the sum over all its batches tells that one has moved. What is wrong with it.
    private func compactedFault(
        of piece: Piece
    ) throws(LogStorageError) -> SegmentContentCheck.Fault? {
        let (entry, isChecked, known) = state.withLock { state in
            (
                state.compacted.entry(at: piece.base),
                state.checkedSegments.contains(piece.base),
                state.faultySegments[piece.base]
            )
        }
        guard let entry, !isChecked else { return nil }
        if let known { return known }
        let fault = try onDisk { () throws(DiskError) in
            let file = try piece.file.file()
            // All that was written there, also where a start stopped before its end.
            return try SegmentContentCheck.firstFault(
                in: file,
                base: piece.base,
                byteCount: max(piece.end, min(entry.byteCount, file.byteCount())),
                end: piece.next,
                entry: entry
            )
        }
        state.withLock { state in
            if let fault {
                state.faultySegments[piece.base] = fault
            } else {
                state.checkedSegments.insert(piece.base)
            }
        }
        return fault
    }

    /// A segment's index: in memory for the active one, read from its files for a closed one, made
    /// anew from the batches where those make no sense.
    func index(of segment: Segment) throws(LogStorageError) -> SegmentIndex {
        if let index = segment.index { return index }
        if let index = context.indexes.index(of: segment.file) { return index }
        let files = files
        let interval = configuration.indexIntervalByteCount
        let index = try onDisk { () throws(DiskError) -> SegmentIndex in
            let offsets = try files.content(of: files.path(segment.baseOffset, .index))
            let times = try files.content(of: files.path(segment.baseOffset, .timeIndex))
            // While a cleaning takes its place the names may be the next one's already.
            if let offsets, let times, !segment.file.isPinned,
                let index = SegmentIndex(
                    offsets: offsets,
                    times: times,
                    base: segment.baseOffset,
                    byteCount: segment.byteCount
                )
            {
                return index
            }
            return try Self.indexed(segment, interval: interval)
        }
        context.indexes.put(index, of: segment.file)
        return index
    }

    private static func indexed(
        _ segment: Segment,
        interval: Int64
    ) throws(DiskError) -> SegmentIndex {
        var index = SegmentIndex()
        var scanner = SegmentScanner(
            file: try segment.file.file(),
            from: 0,
            to: segment.byteCount
        )
        // What is damaged is found by the read that comes to it.
        while case .batch(let batch) = try scanner.next() {
            index.note(batch, at: scanner.position, interval: interval)
            scanner.advance(by: batch.byteCount)
        }
        index.finish()
        return index
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
        var piece = piece
        if let last = piece.last {
            // An index that lies is not asked again; the batches themselves say where they are.
            let found = try? readHeader(piece, at: piece.position)
            if found?.nextOffset != last.advanced(by: 1) {
                piece.position = 0
                piece.last = nil
            }
        }
        var position = piece.position
        // The index leads to a batch at or before the one that holds `from`: step over the rest.
        var header = try readHeader(piece, at: position)
        if piece.last == nil, let found = header,
            !follows(found.baseOffset, piece.base, mayGap: piece.mayGap)
        {
            throw misplaced(found.baseOffset, in: piece, at: position)
        }
        while let found = header, found.nextOffset <= from {
            position += found.byteCount
            header = try readHeader(piece, at: position)
            if let next = header?.baseOffset, !follows(next, found.nextOffset, mayGap: piece.mayGap)
            {
                throw misplaced(next, in: piece, at: position)
            }
        }
        if header == nil, from < piece.next, !piece.mayGap {
            throw .corrupt("\(files.path(piece.base, .log)) ends before \(piece.next.rawValue)")
        }
        guard let first = header else { return Taken(byteCount: 0, next: from, isFull: false) }
        guard first.baseOffset < end else { return Taken(byteCount: 0, next: from, isFull: true) }
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
        let count = try onDisk { () throws(DiskError) in
            try piece.file.file().read(into: target, at: at)
        }
        return try cut(
            UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(target)[..<count]),
            from: first.baseOffset,
            to: end,
            mayGap: piece.mayGap
        )
    }

    /// Whether a batch may begin at `base` behind a log that ends at `end`: no checksum covers
    /// the base offset, so a changed one shows only here. Compaction leaves gaps in a segment.
    private func follows(_ base: Offset, _ end: Offset, mayGap: Bool) -> Bool {
        base == end || mayGap && base > end
    }

    private func misplaced(
        _ base: Offset,
        in piece: Piece,
        at position: Int64
    ) -> LogStorageError {
        let path = files.path(piece.base, .log)
        return .corrupt(
            "\(path), byte \(position): base offset \(base.rawValue) is not the next one"
        )
    }

    /// Cuts what was read to whole batches below `end`.
    private func cut(
        _ bytes: UnsafeRawBufferPointer,
        from: Offset,
        to end: Offset,
        mayGap: Bool
    ) throws(LogStorageError) -> Taken {
        var batches = RecordBatchSequence(bytes)
        var byteCount = 0
        var next = from
        do throws(RecordBatchError) {
            while let batch = try batches.next() {
                // What is in front of a misplaced batch is served; the next read begins with it.
                guard follows(batch.baseOffset, next, mayGap: mayGap) else { break }
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
                try piece.file.file().read(into: header, at: position)
            }
            guard read == needed, let base = header.baseAddress else { return nil }
            let p = UnsafeRawPointer(base)
            let length: Int32 = p.bigEndian(at: RecordBatchLayout.length)
            let delta: Int32 = p.bigEndian(at: RecordBatchLayout.lastOffsetDelta)
            guard length >= 49, delta >= 0, position + Int64(length) + 12 <= piece.end else {
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

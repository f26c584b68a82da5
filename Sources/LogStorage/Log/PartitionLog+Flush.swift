import LogModel
import Threads

/// What a group takes of a partition, and what it tells it afterwards. One round at a time.
extension PartitionLog {
    /// Behind everything that was appended: what a flush asked for now has to reach.
    var flushTarget: Offset { state.withLock { $0.logEnd } }

    /// Where a flush stands.
    enum FlushStatus: Equatable {
        case done
        case waiting
        case failed(String)
    }

    /// Whether everything below `target` is durable.
    func flushStatus(_ target: Offset) -> FlushStatus {
        state.withLock { state in
            if state.durable.offset >= target, state.durableLogStart >= state.logStart {
                return .done
            }
            if let reason = state.readOnlyReason { return .failed(reason) }
            return .waiting
        }
    }

    /// Shows what was appended without a flush, where the topic's durability allows it now.
    func acknowledgesUnflushed() -> Bool {
        let now = time.monotonicNanoseconds()
        return state.withLock { state in
            // Asked under the lock: what is shown after a change to flushed counts on a flush.
            guard case .relaxed(let delay, let byteLimit) = configuration.durability else {
                return false
            }
            guard state.readOnlyReason == nil, state.unflushedByteCount < byteLimit,
                (now &- state.lastFlushTime) / 1_000_000 < UInt64(delay)
            else { return false }
            state.highWatermark = state.logEnd
            state.producers.noteDurable(below: state.logEnd)
            noteMoved()
            return true
        }
    }

    package var isRelaxed: Bool {
        if case .relaxed = configuration.durability { true } else { false }
    }

    /// Whether relaxed durability has left something unflushed for too long.
    package var isOverdue: Bool {
        guard isRelaxed else { return false }
        return state.withLock { $0.durable.offset < $0.highWatermark } && !acknowledgesUnflushed()
    }

    /// Whether there is more to flush than the journal should carry, or that is being flushed.
    var hasBulk: Bool {
        state.withLock { ($0.pending.isBulk || $0.isSyncing) && $0.readOnlyReason == nil }
    }

    /// Has the disk begin with what is pending, where that will be flushed in the segment itself:
    /// the flush that somebody waits for finds little left.
    package func beginWriteOut() {
        guard !isRelaxed else { return }
        let file = state.withLock { state in
            state.pending.isBulk && state.readOnlyReason == nil ? state.active.file : nil
        }
        file?.beginWriteOut()
    }

    /// Flushes what is pending in the segments themselves; a group that follows vouches for it.
    /// A failure stays with the partition: it acknowledges no more. Of a flush that could not begin
    /// it is returned, and all is as before.
    func syncBulk() -> DiskError? { bulkFlush.withLock { _ in syncPending() } }

    private func syncPending() -> DiskError? {
        let work = state.withLock { state -> BulkWork? in
            guard state.readOnlyReason == nil, !state.pending.ranges.isEmpty else { return nil }
            // What a group has taken may come back to nobody: this flush stands for it too.
            let taken = state.inFlight?.taken.ranges ?? []
            let bases = Set((state.pending.ranges + taken).map(\.segment))
            let work = BulkWork(
                files: state.segments.filter { bases.contains($0.baseOffset) }.map(\.file),
                end: state.endPlace,
                directoryIsDirty: state.directoryIsDirty,
                parentIsDirty: state.parentIsDirty,
                taken: state.pending,
                inFlight: state.inFlight,
                unflushedByteCount: state.unflushedByteCount,
                lastFlushTime: state.lastFlushTime
            )
            if context.capturesStates { state.captures.append(state.captured()) }
            let moved = state.pending.logStartMoved
            state.pending = PendingFlush()
            state.pending.logStartMoved = moved
            state.isSyncing = true
            state.syncingEnd = work.end
            state.directoryIsDirty = false
            state.parentIsDirty = false
            state.lastFlushTime = time.monotonicNanoseconds()
            state.unflushedByteCount = 0
            return work
        }
        guard let work else { return nil }
        do throws(DiskError) {
            for file in work.files {
                try file.sync()
                context.countFdatasync()
            }
            try syncNames(folder: work.directoryIsDirty, parent: work.parentIsDirty)
        } catch {
            // In one step with what becomes of what it took: a group that comes back in between
            // would leave its part to a flush that is over.
            state.withLock { state in
                if error.isUnopened { putBack(work, &state) }
                endSync(&state)
            }
            if error.isUnopened { return error }
            fail("a flush failed: \(error)")
            return nil
        }
        state.withLock { state in
            endSync(&state)
            state.synced = work.end
            guard isRelaxed else { return }
            // Nothing else vouches for it.
            finish(upTo: work.end, &state)
            state.synced = nil
        }
        return nil
    }

    private func endSync(_ state: inout LogState) {
        state.isSyncing = false
        state.syncingEnd = nil
    }

    /// The flush did not begin: what it took waits for the next one, with what a group that came
    /// back meanwhile has left to it.
    private func putBack(_ work: BulkWork, _ state: inout LogState) {
        state.pending.putBack(work.taken)
        if let part = work.inFlight, state.inFlight == nil, state.durable.offset < part.end.offset {
            state.pending.putBack(part.taken)
        }
        state.directoryIsDirty = state.directoryIsDirty || work.directoryIsDirty
        state.parentIsDirty = state.parentIsDirty || work.parentIsDirty
        state.unflushedByteCount += work.unflushedByteCount
        state.lastFlushTime = work.lastFlushTime
    }

    private struct BulkWork {
        var files: [PooledFile]
        var end: LogPlace
        var directoryIsDirty: Bool
        var parentIsDirty: Bool
        /// What it stands for, should it not begin.
        var taken: PendingFlush
        var inFlight: GroupPart?
        var unflushedByteCount: Int64
        var lastFlushTime: UInt64
    }

    func syncNames(folder: Bool, parent: Bool) throws(DiskError) {
        if folder || parent { try context.disk.syncDirectory(files.directory) }
        if parent, let slash = files.directory.lastIndex(of: "/") {
            try context.disk.syncDirectory(String(files.directory[..<slash]))
        }
    }

    /// How often a write-back flushes a partition that grows as fast, until it is left to the next.
    private static let settlingLimit = 8

    /// The partition's part of the next group; nil if there is nothing that it should take.
    /// What is bulk stays for a flush of its own, unless the group has `room` for it, or `needs`
    /// what is below an offset. With `settles`, as a write-back begins, the group leaves a state to
    /// begin from behind, of everything that groups up to this one vouch for: what it does not take
    /// is flushed in the segments first, where that state is noted.
    func takePart(needs: Offset? = nil, room: Int = 0, settles: Bool = false) -> GroupPart? {
        let want = Want(needs: needs, room: room, settles: settles)
        var flushesLeft = settles ? Self.settlingLimit : 0
        while true {
            let look = state.withLock { state -> Look in
                if state.isSyncing { return .syncing }
                if flushesLeft > 0, !leavesState(&state, want) { return .unsettled }
                return .part(takePart(of: &state, want))
            }
            switch look {
            case .part(let part): return part
            case .syncing:
                guard needs != nil || room > 0 || settles else { return nil }
                // A group must not vouch for what a flush under way may still lose.
                bulkFlush.withLock { _ in }
            case .unsettled:
                flushesLeft = syncBulk() == nil ? flushesLeft - 1 : 0
            }
        }
    }

    private struct Want {
        var needs: Offset?
        var room: Int
        var settles: Bool
    }

    private enum Look {
        case part(GroupPart?)
        case syncing
        case unsettled
    }

    /// Whether there is a state to begin from where a group ends that takes its part now.
    private func leavesState(_ state: inout LogState, _ want: Want) -> Bool {
        guard state.readOnlyReason == nil else { return true }
        settleIfWhole(&state)
        guard leavesPending(state, want) else { return true }
        let end = (state.synced ?? state.durable).offset
        let known = max(state.recovery.place.offset, state.settled?.place.offset ?? .zero)
        return known >= end || state.captures.contains { $0.place.offset == end }
    }

    /// Notes a state to begin from where everything is durable already.
    func settleIfWhole(_ state: inout LogState) {
        guard state.pending.ranges.isEmpty, state.inFlight == nil, state.synced == nil,
            !state.isSyncing
        else { return }
        state.settled = state.captured()
    }

    private func leavesPending(_ state: LogState, _ want: Want) -> Bool {
        let vouchedFor = (state.synced ?? state.durable).offset
        // With relaxed durability only a moved log start is said by groups.
        if isRelaxed { return true }
        let isMuch = state.pending.isBulk || want.settles && want.room == 0
        return isMuch && state.pending.byteCount > want.room
            && vouchedFor >= want.needs ?? vouchedFor
    }

    private func takePart(of state: inout LogState, _ want: Want) -> GroupPart? {
        guard state.readOnlyReason == nil else { return nil }
        let leavesPending = leavesPending(state, want)
        var ranges: [JournalRange] = []
        var end = state.durable
        if let synced = state.synced {
            ranges.append(
                JournalRange(
                    segment: synced.segment,
                    position: synced.position,
                    byteCount: 0,
                    isInRecord: false
                )
            )
            end = synced
        }
        var taken = PendingFlush()
        taken.logStartMoved = state.pending.logStartMoved
        var payload: [UInt8] = []
        if !leavesPending {
            taken = state.pending
            do throws(DiskError) { payload = try Self.payload(of: taken, state) } catch {
                if error.isPassing { return nil }
                state.readOnlyReason = "what was written cannot be read back: \(error)"
                return nil
            }
            ranges += taken.ranges
            end = state.endPlace
            if context.capturesStates, !ranges.isEmpty { state.captures.append(state.captured()) }
            state.pending = PendingFlush()
        }
        guard !ranges.isEmpty || taken.logStartMoved else { return nil }
        state.pending.logStartMoved = false
        let part = GroupPart(
            entry: JournalEntry(
                partition: key,
                logStart: min(state.logStart, end.offset),
                end: end.offset,
                ranges: ranges
            ),
            payload: payload,
            taken: taken,
            synced: state.synced,
            end: end
        )
        state.synced = nil
        state.inFlight = part
        return part
    }

    /// The bytes that go into the record: those that were kept, or else read from the segments,
    /// where nothing has flushed them yet.
    private static func payload(
        of taken: PendingFlush,
        _ state: LogState
    ) throws(DiskError) -> [UInt8] {
        guard taken.isBulk else { return taken.bytes }
        var bytes: [UInt8] = []
        for range in taken.ranges {
            guard let segment = state.segments.first(where: { $0.baseOffset == range.segment })
            else { continue }
            let read = try PartitionFiles.bytes(
                of: try segment.file.file(),
                at: range.position,
                count: range.byteCount
            )
            guard read.count == range.byteCount else {
                throw .failed(
                    operation: "reading back",
                    path: segment.file.path,
                    errorNumber: 0,
                    message: "the file is shorter than what was written"
                )
            }
            bytes += read
        }
        return bytes
    }

    /// The group that took a part is durable.
    func groupIsDurable() {
        state.withLock { state in
            guard let part = state.inFlight else { return }
            state.inFlight = nil
            state.durableLogStart = max(state.durableLogStart, part.entry.logStart)
            finish(upTo: part.end, &state)
        }
    }

    private func finish(upTo end: LogPlace, _ state: inout LogState) {
        guard end.offset >= state.durable.offset else { return }
        state.durable = end
        state.highWatermark = max(state.highWatermark, end.offset)
        state.producers.noteDurable(below: end.offset)
        noteMoved()
        guard let first = state.captures.first, first.place.offset <= end.offset else { return }
        let done = state.captures.prefix { $0.place.offset <= end.offset }
        state.settled = done.last
        state.captures.removeFirst(done.count)
    }

    /// The group could not be written and does not count: what it took waits for the next one,
    /// but for what a flush of the segments has since taken over. What is pending always lies
    /// behind what is synced.
    func groupWasNotWritten() {
        state.withLock { state in
            guard let part = state.inFlight else { return }
            state.inFlight = nil
            let flushedSince = state.syncingEnd ?? state.synced
            if let flushedSince, flushedSince.offset >= part.end.offset {
                if part.taken.logStartMoved { state.pending.logStartMoved = true }
            } else {
                state.pending.putBack(part.taken)
            }
            state.synced = state.synced ?? part.synced
        }
    }

    /// Acknowledges no more: a flush failed.
    func fail(_ reason: String) {
        state.withLock { state in
            state.inFlight = nil
            state.readOnlyReason = state.readOnlyReason ?? reason
        }
    }
}

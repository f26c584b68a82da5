package import LogModel
import Synchronization
import Threads

/// For readers that wait: which logs have moved, and by how many bytes, without reading them.
extension PartitionLog {
    /// Has the log named once among those that moved (`DataDirectory.takeMoved`), when its ends
    /// move next.
    package func watch() { isWatched.store(true, ordering: .sequentiallyConsistent) }

    /// The ends have moved, or there are none any more. Costs a look where nobody watches.
    func noteMoved() {
        guard isWatched.load(ordering: .relaxed),
            isWatched.exchange(false, ordering: .sequentiallyConsistent)
        else { return }
        context.moved.note(self)
    }

    /// How many bytes of batches lie below `offset`, counted from where the log ended when it was
    /// opened: below 0 in front of that. Two of these tell what lies between their offsets,
    /// whatever retention and compaction have removed since. Of an offset between the last stable
    /// one and the log's end; nil where it cannot be told.
    package func byteCount(below offset: Offset) -> Int64? {
        // It will be opened where it ends.
        guard isAwake else { return knownBounds?.logEnd == offset ? 0 : nil }
        let look = state.withLock { state -> EndLook in
            guard offset <= state.logEnd else { return .unknown }
            if offset == state.logEnd { return .told(state.appendedByteCount) }
            let index = state.segmentIndex(for: offset)
            guard index < state.segments.count, state.segments[index].baseOffset <= offset else {
                return .unknown
            }
            let segment = state.segments[index]
            let behind = state.segments[index...].reduce(0) { $0 + $1.byteCount }
            let before = state.appendedByteCount - behind
            if offset == state.durable.offset, state.durable.segment == segment.baseOffset {
                return .told(before + state.durable.position)
            }
            return .search(segment, before: before)
        }
        switch look {
        case .unknown: return nil
        case .told(let count): return count
        case .search(let segment, let before):
            return position(of: offset, in: segment).map { before + $0 }
        }
    }

    private enum EndLook {
        case unknown
        case told(Int64)
        /// It lies in this segment, which begins with that many bytes before it.
        case search(Segment, before: Int64)
    }

    /// Where the batch begins that holds `offset`, or follows it: the index leads there, and the
    /// heads of a few batches. Nil where they make no sense: who reads there is told.
    private func position(of offset: Offset, in segment: Segment) -> Int64? {
        do throws(LogStorageError) {
            let start = try index(of: segment).position(for: offset)
            return try onDisk { () throws(DiskError) -> Int64? in
                let file = try segment.file.file()
                var walk = BatchHeadWalk(file: file, position: start, end: segment.byteCount)
                while let head = try walk.next() {
                    if head.lastOffset >= offset { return head.position }
                }
                return walk.position == segment.byteCount ? walk.position : nil
            }
        } catch { return nil }
    }
}

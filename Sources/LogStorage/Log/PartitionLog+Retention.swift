package import LogModel
import Synchronization

extension PartitionLog {
    /// Moves the log start to `offset`, at most to the high watermark, and removes the segments
    /// that lie wholly before it. Durable when it returns.
    package func deleteRecords(before offset: Offset) throws(LogStorageError) {
        let moved = state.withLock { state in
            let start = min(offset, state.durableEnd)
            guard start > state.logStart else { return false }
            state.logStart = start
            return true
        }
        guard moved else { return }
        try flushMark()
        try removeSegmentsBeforeLogStart()
    }

    /// Removes whole segments that are too old or make the log too large, never the active one,
    /// nothing behind the high watermark, and no record of an open transaction.
    package func applyRetention(now: Timestamp) throws(LogStorageError) {
        let expired = time.wallTime().rawValue - configuration.producerExpirationMilliseconds
        state.withLock { $0.producers.expire(olderThan: Timestamp(expired)) }
        guard configuration.deletesOldSegments else { return }
        let configuration = configuration
        let start = state.withLock { state -> Offset? in
            var total = state.segments.reduce(0) { $0 + $1.byteCount }
            var start: Offset?
            for (segment, next) in zip(state.segments, state.segments.dropFirst()) {
                let isOld =
                    configuration.retentionMilliseconds >= 0
                    && now.rawValue - segment.index.largestTimestamp.rawValue
                        > configuration.retentionMilliseconds
                let isTooMuch =
                    configuration.retentionByteCount >= 0
                    && total - segment.byteCount >= configuration.retentionByteCount
                guard isOld || isTooMuch, next.baseOffset <= state.bounds.lastStableOffset else {
                    break
                }
                total -= segment.byteCount
                start = next.baseOffset
            }
            return start
        }
        if let start { try deleteRecords(before: start) }
    }

    private func removeSegmentsBeforeLogStart() throws(LogStorageError) {
        let removed = state.withLock { state -> [Segment] in
            var removed: [Segment] = []
            while state.segments.count > 1, state.segments[1].baseOffset <= state.logStart {
                removed.append(state.segments.removeFirst())
            }
            return removed
        }
        guard !removed.isEmpty else { return }
        let files = files
        // Readers that found a segment before keep its file open until they are done.
        try onDisk { () throws(DiskError) in
            for segment in removed {
                for suffix in [".log", ".index", ".timeindex", ".txnindex", ".snapshot"] {
                    try files.removeIfPresent(files.path(segment.baseOffset, suffix))
                }
            }
            try files.disk.syncDirectory(files.directory)
        }
    }
}

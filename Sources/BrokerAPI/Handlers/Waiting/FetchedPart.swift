import LogModel

/// What a fetch that waits has found of one partition, and what has come since.
struct FetchedPart: Equatable, Sendable {
    /// Where it reads.
    let offset: Offset
    /// Behind what it found: the high watermark, or the last stable offset.
    let end: Offset
    /// The log's count of bytes there; nil where it does not tell.
    let start: Int64?
    /// Bytes from `offset` to `end`.
    let found: Int
    /// What the client would take of the partition.
    let wanted: Int
    /// What one answer brings of it.
    let brought: Int

    /// The log now.
    struct Look: Equatable, Sendable {
        var logStart: Offset
        var end: Offset
        var byteCount: Int64?
    }

    /// How many bytes there are for the client now, as Kafka counts them: no more than it takes of
    /// the partition. Nil where only reading tells: the log was cut, was not open, or cannot be
    /// read any more, or an answer brings less than the client would take.
    func count(_ look: Look?) -> Int? {
        guard let look, look.logStart <= offset, look.end >= end else { return nil }
        guard look.end > end else { return min(found, wanted) }
        guard let start, let now = look.byteCount, now >= start else { return nil }
        let count = found + Int(clamping: now - start)
        return min(count, wanted) > brought ? nil : min(count, wanted)
    }
}

import LogModel

/// The way of a dead letter's record to where it is replayed, or why there is none: one way for
/// the replay and for its rehearsal, which promises what the replay does.
struct LetterPassage {
    /// A record as it is written.
    struct Passing {
        let place: ReplayTargets.Place
        let key: UnsafeRawBufferPointer?
        let value: UnsafeRawBufferPointer?
        let headers: UnsafeRawBufferPointer
        let time: Timestamp

        /// Of key, value and headers.
        var byteCount: Int { (key?.count ?? 0) + (value?.count ?? 0) + headers.count }
    }

    private typealias Record = (
        key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
        headers: UnsafeRawBufferPointer, time: Timestamp
    )

    private let id: String
    private let hold: HoldPassage
    private var targets: ReplayTargets
    private var sources: SourceRecords

    /// - Parameter id: of the replay.
    init(id: String, hold: HoldPassage, targets: ReplayTargets, sources: SourceRecords) {
        self.id = id
        self.hold = hold
        self.targets = targets
        self.sources = sources
    }

    /// Lends the record of a dead letter to `body`; why it cannot go anywhere, if that is so.
    mutating func lend(
        _ letter: DeadLetterView,
        _ body: (Passing) throws -> Void
    ) throws -> ReplayTargets.Obstacle? {
        let target: ReplayTargets.Place
        switch try targets.target(of: letter) {
        case .failure(let obstacle): return obstacle
        case .success(let found): target = found
        }
        guard letter[.leftOut] != nil else {
            let record = Record(letter.key, letter.value, letter.headers, letter.recordTime)
            return try Self.lend(letter, record, to: target, id, hold, body)
        }
        // It has not all of its record: that is taken from where it came.
        var obstacle: ReplayTargets.Obstacle? = .isGone
        let (id, hold) = (id, hold)
        try sources.withRecord(of: letter) { record, batch in
            let time = batch.timestamp(of: record)
            let whole = Record(record.key, record.value, record.headers, time)
            obstacle = try Self.lend(letter, whole, to: target, id, hold, body)
        }
        return obstacle
    }

    private static func lend(
        _ letter: DeadLetterView,
        _ record: Record,
        to target: ReplayTargets.Place,
        _ id: String,
        _ hold: HoldPassage,
        _ body: (Passing) throws -> Void
    ) throws -> ReplayTargets.Obstacle? {
        guard target.times.contain(record.time) else { return .isOutOfTime }
        guard !target.needsKeys || record.key != nil else { return .isWithoutKey }
        let block = RecordHeaderBlock(
            replaying: letter,
            own: record.headers,
            id: id,
            hold: hold
        )
        let outcome = block.withBytes { headers in
            Result { () throws -> ReplayTargets.Obstacle? in
                let passing = Passing(
                    place: target,
                    key: record.key,
                    value: record.value,
                    headers: headers,
                    time: record.time
                )
                let empty = RecordBatchBuilder(capacity: 0)
                guard empty.hasRoom(for: passing.byteCount, limit: target.batchByteLimit) else {
                    return .isTooLarge
                }
                try body(passing)
                return nil
            }
        }
        return try outcome.get()
    }
}

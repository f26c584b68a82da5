public import LogModel
public import StateStores

/// The tables of a task whose rows end: has rows removed once time has come to their ends, before
/// any record of that time is handled.
///
/// So no operator meets a row that has ended. Where many rows end at once (a job that was away for
/// longer than they live), the record waits while they are removed, so many in a turn, each part
/// in a transaction of its own.
public final class TaskExpiry {
    private var tables: [ExpiringRows] = []
    private let record: UnsafeMutablePointer<RecordContext>
    private unowned let task: TaskBinding
    private var stepCount = 0

    /// The most steps that a turn takes: as many as it handles records.
    static let stepLimit = 16_384

    init(_ task: TaskBinding) {
        self.task = task
        record = task.record
        task.hooks.onRewind { [unowned self] in
            for table in tables { table.rewind() }
            stepCount = 0
            noteDue()
        }
    }

    func add(_ table: ExpiringRows, idleAfter idle: Int64?) {
        tables.append(table)
        noteDue()
        guard let idle else { return }
        task.hooks.schedule(every: max(1, idle / 4)) { [unowned self, unowned table] now in
            let passed = record.pointee.lastArrival.milliseconds(to: now)
            guard passed >= idle, record.pointee.streamTime != .none else { return }
            let time = record.pointee.streamTime.advanced(byMilliseconds: passed)
            try task.hooks.finishCalls()
            table.noteIdle(through: time.rawValue)
            _ = try removeEnded()
        }
    }

    /// Ends the use: the tables hold on to the task.
    func removeAll() { tables = [] }

    /// Takes note of when the first row ends.
    func noteDue() {
        record.pointee.rowsDue = Timestamp(tables.map(\.due).min() ?? .max)
    }

    /// Whether rows have ended that are there still.
    package var isDue: Bool { tables.contains(where: \.isDue) }

    /// The steps since the last call.
    package func takeStepCount() -> Int {
        defer { stepCount = 0 }
        return stepCount
    }

    /// Removes the rows that have ended before the record is handled that brought the time. Where
    /// they are too many for a turn, the record comes again.
    @usableFromInline @inline(never)
    func makeWay(
        _ partitionTime: UnsafeMutablePointer<Timestamp>,
        was before: Timestamp
    ) throws {
        try task.hooks.finishCalls()
        guard try removeEnded() else { return }
        // An extractor that asks for the input's time gets the same answer again.
        partitionTime.pointee = before
        throw RetryLater(delayMilliseconds: 0, hasEffects: false, isMakingWay: true)
    }

    /// Calls `body` for a result that an operator has held in a store until `due`, with time put
    /// back to then: a row that it begins is none too late for what has come since, and ends when
    /// its time does.
    @usableFromInline
    func atTime(_ due: Int64, by store: StateStore, _ body: () throws -> Void) throws {
        let now = record.pointee.rowTime
        guard !tables.isEmpty, due < now.rawValue else { return try body() }
        record.pointee.rowTime = Timestamp(due)
        defer { record.pointee.rowTime = now }
        try makeWay { $0.stores.contains(ObjectIdentifier(store)) }
        try body()
    }

    /// Removes the rows that end before what a node hands on now: those that results before it have
    /// begun.
    func makeWay(behindNode number: Int) throws { try makeWay { $0.nodes.contains(number) } }

    private func makeWay(_ isBehind: (TaskHooks.CallsInFlight) -> Bool) throws {
        guard record.pointee.isRowDue else { return }
        try task.hooks.finishCalls(where: isBehind)
        while record.pointee.isRowDue, try removeEnded() {}
    }

    /// Removes rows that have ended, over all tables in the order of their ends.
    ///
    /// - Returns: whether there are more.
    package func removeEnded() throws -> Bool {
        let (time, headers) = (record.pointee.timestamp, record.pointee.headers)
        let occupation = record.pointee.occupation
        record.pointee.occupation = .timer
        record.pointee.headers = nil
        defer {
            record.pointee.timestamp = time
            record.pointee.headers = headers
            record.pointee.occupation = occupation
            noteDue()
        }
        var left = Self.stepLimit
        try task.errors.withoutRecord {
            while left > 0, let (table, through) = nextTable() {
                let steps = try table.removeEnded(through: through, limit: left)
                left -= steps
                stepCount += steps
            }
        }
        for table in tables { table.forgetIdle() }
        return isDue
    }

    /// The table of the row that ends first, and until when no other one's does.
    private func nextTable() -> (table: ExpiringRows, through: Int64)? {
        var first: ExpiringRows?
        var others = Int64.max
        for table in tables where table.isDue {
            guard let known = first else {
                first = table
                continue
            }
            if table.due < known.due {
                (first, others) = (table, min(others, known.due))
            } else {
                others = min(others, table.due)
            }
        }
        return first.map { ($0, min($0.through, others)) }
    }
}

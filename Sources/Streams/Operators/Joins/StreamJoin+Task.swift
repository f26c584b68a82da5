public import LogModel
public import StateStores

/// A join of two streams in one task (Kafka Streams' rules, told by its results).
@usableFromInline
final class StreamJoin<KeySerde: Serde, LeftSerde: Serde, RightSerde: Serde, Result> {
    @usableFromInline typealias Key = KeySerde.Value
    @usableFromInline typealias Left = LeftSerde.Value
    @usableFromInline typealias Right = RightSerde.Value
    @usableFromInline typealias Sink = (Key, Result) throws -> Void
    @usableFromInline typealias Combine = @Sendable (Left?, Right?) throws -> Result?

    @usableFromInline let rule: StreamJoinRule
    @usableFromInline let left: JoinSide<LeftSerde>
    @usableFromInline let right: JoinSide<RightSerde>
    /// The time that both sides share.
    @usableFromInline let clock: WindowClock
    @usableFromInline let waiting: WaitingRecords?
    @usableFromInline let keys: EscapedKeys<KeySerde>
    @usableFromInline let combine: Combine
    @usableFromInline let sink: Sink
    @usableFromInline let record: UnsafeMutablePointer<RecordContext>
    @usableFromInline let counters: UnsafeMutablePointer<TaskCounters>
    @usableFromInline let site: ErrorSite
    @usableFromInline let expiry: TaskExpiry
    /// One of the join's.
    @usableFromInline let store: StateStore

    /// - Parameter site: takes the errors of records that leave while another one is at hand.
    @inlinable
    init(
        _ task: TaskBinding,
        _ rule: StreamJoinRule,
        site: ErrorSite,
        key: KeySerde,
        left: LeftSerde,
        right: RightSerde,
        combine: @escaping Combine,
        sink: @escaping Sink
    ) {
        self.rule = rule
        let handle = StoreHandle(task: task, store: rule.leftStore)
        store = handle.store
        // The left side's own clock is number 0 of its store.
        clock = WindowClock(
            handle,
            index: 1,
            isSavedByOwner: true
        )
        self.left = JoinSide(task, rule.leftStore, left, rule.window, beside: clock)
        self.right = JoinSide(task, rule.rightStore, right, rule.window)
        waiting =
            rule.kind == .inner
            ? nil
            : WaitingRecords(
                StoreHandle(task: task, store: rule.waitingStore),
                rule.window,
                clock
            )
        keys = EscapedKeys(key)
        self.combine = combine
        self.sink = sink
        record = task.record
        counters = task.counters
        self.site = site
        expiry = task.expiry
    }

    @inlinable
    func receiveLeft(_ key: Key, _ value: Left) throws {
        let isKept = rule.kind != .inner
        try receive(key, value, left, right, isLeft: true, isKept: isKept) { own, other in
            try combine(own, other)
        }
    }

    @inlinable
    func receiveRight(_ key: Key, _ value: Right) throws {
        let isKept = rule.kind == .outer
        try receive(key, value, right, left, isLeft: false, isKept: isKept) { own, other in
            try combine(other, own)
        }
    }

    /// Takes a record of one side. `isKept`: it gives a result without a partner too.
    @inlinable
    func receive<Own: Serde, Other: Serde>(
        _ key: Key,
        _ value: Own.Value,
        _ own: JoinSide<Own>,
        _ other: JoinSide<Other>,
        isLeft: Bool,
        isKept: Bool,
        _ pair: (Own.Value, Other.Value?) throws -> Result?
    ) throws {
        let time = record.pointee.timestamp.rawValue
        let hasNoKey = keys.serde.isNull(key)
        if time >= 0 { _ = clock.note(time, arrivedAt: record.pointee.wallTime) }
        if time < 0 || own.serde.isNull(value) || (hasNoKey && !isKept) {
            let reason: DropReason =
                time < 0
                ? .negativeTimestamp : own.serde.isNull(value) ? .nullValue : .nullKey
            counters.pointee.drop(reason)
            return
        }
        if hasNoKey { return try emit(key, try pair(value, nil), at: time) }
        let escaped = try keys.bytes(of: key)
        try own.prepare(escaped, value, at: time)
        do {
            try meet(key, value, escaped, own, other, at: time, isLeft: isLeft, isKept, pair)
        } catch {
            // What a policy for errors leaves out is the result, not the record. One that is tried
            // again is stored by the try that succeeds.
            if !site.triesAgain(after: error) { try own.storePrepared(at: time) }
            throw error
        }
        try own.storePrepared(at: time)
    }

    /// Hands on what a record of one side gives with those of the other side.
    @inlinable @inline(__always)
    func meet<Own: Serde, Other: Serde>(
        _ key: Key,
        _ value: Own.Value,
        _ escaped: UnsafeRawBufferPointer,
        _ own: JoinSide<Own>,
        _ other: JoinSide<Other>,
        at time: Int64,
        isLeft: Bool,
        _ isKept: Bool,
        _ pair: (Own.Value, Other.Value?) throws -> Result?
    ) throws {
        if time == clock.streamTime { try releaseWaiting(triggeredByLeft: isLeft) }
        let (before, after) =
            isLeft
            ? (rule.window.before, rule.window.after) : (rule.window.after, rule.window.before)
        let first = max(0, Timestamp(time).advanced(byMilliseconds: -before).rawValue)
        let last = max(0, Timestamp(time).advanced(byMilliseconds: after).rawValue)
        var hasPartner = false
        try other.forEach(escaped, from: first, through: last) { otherTime, bytes in
            hasPartner = true
            let partner = try other.serde.decode(bytes)
            try waiting?.remove(escaped, at: otherTime, isLeft: !isLeft)
            try emit(key, try pair(value, partner), at: max(time, otherTime))
        }
        guard !hasPartner, isKept else { return }
        if last < clock.streamTime { return try emit(key, try pair(value, nil), at: time) }
        try waiting?.add(escaped, own.bytes, at: time, isLeft: isLeft, clock.nextSequence())
    }

    /// Hands on the waiting records that no partner can come for any more.
    @inlinable
    func releaseWaiting(triggeredByLeft: Bool) throws {
        try waiting?.release(streamTime: clock.streamTime, triggeredByLeft: triggeredByLeft) {
            escaped,
            bytes,
            time,
            number,
            isLeft in
            let stored = StoredRecord(
                number: number,
                key: keys.plainBytes(of: escaped),
                value: bytes,
                headers: nil,
                timestamp: Timestamp(time)
            )
            try site.letGo(stored) {
                let key = try keys.serde.decode(stored.key)
                let result =
                    isLeft
                    ? try combine(try left.serde.decode(bytes), nil)
                    : try combine(nil, try right.serde.decode(bytes))
                let due = Timestamp(rule.window.end(of: time, isLeft: isLeft))
                    .advanced(byMilliseconds: 1).rawValue
                try expiry.atTime(due, by: store) { try emit(key, result, at: time) }
            }
        }
    }

    @inlinable
    func emit(_ key: Key, _ result: Result?, at time: Int64) throws {
        guard let result else { return }
        let ownTime = record.pointee.timestamp
        record.pointee.timestamp = Timestamp(time)
        try sink(key, result)
        record.pointee.timestamp = ownTime
    }
}

public import LogModel

extension Table {
    /// The rows that both tables have, combined; kept up to date by changes of either. A change of
    /// a table with a history that is older than the newest version of its key is dropped and
    /// counted.
    @inlinable
    public func join<Other, Result>(
        _ other: Table<Key, Other>,
        _ combine: @escaping @Sendable (Value, Other) throws -> Result
    ) -> Table<Key, Result> {
        joining("join", other, .inner) { left, right -> Result? in
            guard let left, let right else { return nil }
            return try combine(left, right)
        }
    }

    /// Every row of this table, combined with the other's row of the same key, or with nil.
    @inlinable
    public func leftJoin<Other, Result>(
        _ other: Table<Key, Other>,
        _ combine: @escaping @Sendable (Value, Other?) throws -> Result
    ) -> Table<Key, Result> {
        joining("leftJoin", other, .left) { left, right -> Result? in
            guard let left else { return nil }
            return try combine(left, right)
        }
    }

    /// Every row that one of the tables has, combined with what the other has.
    @inlinable
    public func outerJoin<Other, Result>(
        _ other: Table<Key, Other>,
        _ combine: @escaping @Sendable (Value?, Other?) throws -> Result
    ) -> Table<Key, Result> {
        joining("outerJoin", other, .outer) { left, right -> Result? in
            if left == nil, right == nil { return nil }
            return try combine(left, right)
        }
    }

    /// The one join of two tables below all. `combine` gives nil where there is no result. The
    /// timestamp is the larger of both rows' (Kafka Streams' rules, as its results show them).
    @inlinable
    func joining<Other, Result>(
        _ word: String,
        _ other: Table<Key, Other>,
        _ kind: JoinKind,
        _ combine: @escaping @Sendable (Value?, Other?) throws -> Result?
    ) -> Table<Key, Result> {
        let left = node
        let right = other.node
        let leftView = view
        let rightView = other.view
        let joined = StreamNode<Key, Change<Result>>(
            kind: .stateless(word),
            parents: [left, right]
        )
        joined.oldValueSources = [left, right]
        joined.attach = { [unowned joined] in
            left.requestRows()
            right.requestRows()
            // A removal of a row that never had a partner is told by what was there before.
            if kind != .inner { left.requestOldValues() }
            if kind == .outer { right.requestOldValues() }
            left.feed(joined) { task in
                let join = TableJoinSide(task, joined, rightView, keepsAlone: kind != .inner)
                return { key, change in
                    try join.receive(key, change) { try combine($0, $1) }
                }
            }
            right.feed(joined) { task in
                let join = TableJoinSide(task, joined, leftView, keepsAlone: kind == .outer)
                return { key, change in
                    try join.receive(key, change) { try combine($1, $0) }
                }
            }
        }
        return Table<Key, Result>(
            node: joined,
            view: TableView { task in
                let findLeft = leftView.bind(task)
                let findRight = rightView.bind(task)
                return { key in
                    let left = try findLeft(key)
                    let right = try findRight(key)
                    let time = max(left?.timestamp ?? .none, right?.timestamp ?? .none)
                    return try combine(left?.value, right?.value)
                        .map { TableRow(value: $0, timestamp: time) }
                }
            }
        )
    }
}

/// Which rows or records without a partner give a result.
public enum JoinKind: Sendable {
    /// None.
    case inner
    /// Those of the left side.
    case left
    /// Those of both sides.
    case outer
}

/// One side of a join of two tables in a task: takes its changes, looks up the other side's rows.
@usableFromInline
struct TableJoinSide<Key, Other, Result> {
    @usableFromInline let sink: StreamNode<Key, Change<Result>>.Sink
    @usableFromInline let find: TableView<Key, Other>.Lookup
    @usableFromInline let record: UnsafeMutablePointer<RecordContext>
    @usableFromInline let counters: UnsafeMutablePointer<TaskCounters>
    @usableFromInline let isNullKey: ((Key) -> Bool)?
    @usableFromInline let sendsOldValues: Bool
    /// Whether a row without a partner gives a result.
    @usableFromInline let keepsAlone: Bool
    @usableFromInline let site: ErrorSite

    @inlinable
    init(
        _ task: TaskBinding,
        _ node: StreamNode<Key, Change<Result>>,
        _ other: TableView<Key, Other>,
        keepsAlone: Bool
    ) {
        sink = node.bindConsumers(task)
        find = other.bind(task)
        record = task.record
        counters = task.counters
        isNullKey = nilTest(of: Key.self)
        sendsOldValues = node.sendsOldValues
        site = ErrorSite(task.errors, node: node.number)
        self.keepsAlone = keepsAlone
    }

    @inlinable
    func receive<Own>(
        _ key: Key,
        _ change: Change<Own>,
        _ combine: (Own?, Other?) throws -> Result?
    ) throws {
        if isNullKey?(key) == true || !change.isLatest {
            counters.pointee.drop(change.isLatest ? .nullKey : .late)
            return
        }
        let partner = try find(key)
        if partner == nil {
            guard keepsAlone, change.new != nil || change.old != nil else { return }
        }
        let ownTime = record.pointee.timestamp
        let new = try site.attempt { try combine(change.new, partner?.value) } ?? nil
        // What was left out when it came has nothing to take back.
        let old = sendsOldValues ? (try? combine(change.old, partner?.value)) ?? nil : nil
        if let partner { record.pointee.timestamp = max(ownTime, partner.timestamp) }
        try sink(key, Change(old: old, new: new))
        record.pointee.timestamp = ownTime
    }
}

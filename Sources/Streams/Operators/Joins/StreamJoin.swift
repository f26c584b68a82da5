import LogModel

/// Which records of two streams meet: those of a key whose times are close.
public struct JoinWindow: Hashable, Sendable {
    /// How much earlier than a left record a right one may be, in milliseconds.
    @usableFromInline let before: Int64
    /// How much later than a left record a right one may be, in milliseconds.
    @usableFromInline let after: Int64
    /// How long after that a record without a partner waits for a late one, in milliseconds.
    @usableFromInline let grace: Int64

    /// Records at most `distance` apart.
    public static func within(_ distance: Duration, grace: Duration = .zero) -> JoinWindow {
        JoinWindow(before: distance, after: distance, grace: grace)
    }

    /// A right record at most `before` earlier and at most `after` later than the left one.
    public static func within(
        before: Duration,
        after: Duration,
        grace: Duration = .zero
    ) -> JoinWindow { JoinWindow(before: before, after: after, grace: grace) }

    private init(before: Duration, after: Duration, grace: Duration) {
        self.before = before.wholeMilliseconds
        self.after = after.wholeMilliseconds
        self.grace = grace.wholeMilliseconds
        requireDeclared(self.grace >= 0, "grace is not negative")
        requireDeclared(
            Timestamp(self.before).advanced(byMilliseconds: self.after).rawValue >= 0,
            "a join's window ends before it begins"
        )
    }

    /// From the earliest right record that a left one meets to the latest, in milliseconds.
    @usableFromInline var span: Int64 { Timestamp(before).advanced(byMilliseconds: after).rawValue }

    /// The last time of the other side at which a record of a side may still meet a partner.
    @usableFromInline
    func end(of time: Int64, isLeft: Bool) -> Int64 {
        Timestamp(time).advanced(byMilliseconds: isLeft ? after : before)
            .advanced(byMilliseconds: grace).rawValue
    }

    /// Records this much older than the newest of their side are removed.
    var retention: Int64 { Timestamp(span).advanced(byMilliseconds: grace).rawValue }
}

extension KeyedStream where Placement == ByKey {
    /// Every pair of records of both streams that have one key and lie close in time.
    ///
    ///     orders.join(
    ///         payments,
    ///         within: .within(.seconds(600)),
    ///         store: "order-payments",
    ///         key: .utf8,
    ///         left: .json(Order.self),
    ///         right: .json(Payment.self)
    ///     ) { order, payment in Paid(order, payment) }
    ///
    /// A record whose key or value is null is dropped and counted.
    ///
    /// - Parameter store: names the stores, `<store>-left` and `<store>-right`; mandatory.
    @inlinable
    public func join<KeySerde: Serde, LeftSerde: Serde, RightSerde: Serde, Result>(
        _ other: Stream<Key, RightSerde.Value>,
        within window: JoinWindow,
        store: String,
        key: KeySerde,
        left: LeftSerde,
        right: RightSerde,
        _ combine: @escaping @Sendable (Value, RightSerde.Value) throws -> Result
    ) -> Stream<Key, Result> where KeySerde.Value == Key, LeftSerde.Value == Value {
        let rule = StreamJoinRule(window: window, kind: .inner, store: store)
        return joining("join", other, rule, key, left, right) { left, right -> Result? in
            guard let left, let right else { return nil }
            return try combine(left, right)
        }
    }

    /// Every pair, and every record of this stream that found no partner: with nil, once none can
    /// come any more.
    ///
    /// - Parameter store: names the stores, `<store>-left`, `-right` and `-waiting`; mandatory.
    @inlinable
    public func leftJoin<KeySerde: Serde, LeftSerde: Serde, RightSerde: Serde, Result>(
        _ other: Stream<Key, RightSerde.Value>,
        within window: JoinWindow,
        store: String,
        key: KeySerde,
        left: LeftSerde,
        right: RightSerde,
        _ combine: @escaping @Sendable (Value, RightSerde.Value?) throws -> Result
    ) -> Stream<Key, Result> where KeySerde.Value == Key, LeftSerde.Value == Value {
        let rule = StreamJoinRule(window: window, kind: .left, store: store)
        return joining("leftJoin", other, rule, key, left, right) { left, right -> Result? in
            guard let left else { return nil }
            return try combine(left, right)
        }
    }

    /// Every pair, and every record of either stream that found no partner.
    ///
    /// - Parameter store: names the stores, `<store>-left`, `-right` and `-waiting`; mandatory.
    @inlinable
    public func outerJoin<KeySerde: Serde, LeftSerde: Serde, RightSerde: Serde, Result>(
        _ other: Stream<Key, RightSerde.Value>,
        within window: JoinWindow,
        store: String,
        key: KeySerde,
        left: LeftSerde,
        right: RightSerde,
        _ combine: @escaping @Sendable (Value?, RightSerde.Value?) throws -> Result
    ) -> Stream<Key, Result> where KeySerde.Value == Key, LeftSerde.Value == Value {
        let rule = StreamJoinRule(window: window, kind: .outer, store: store)
        return joining("outerJoin", other, rule, key, left, right) { left, right -> Result? in
            try combine(left, right)
        }
    }

    @inlinable
    func joining<KeySerde: Serde, LeftSerde: Serde, RightSerde: Serde, Result>(
        _ word: String,
        _ other: Stream<Key, RightSerde.Value>,
        _ rule: StreamJoinRule,
        _ key: KeySerde,
        _ left: LeftSerde,
        _ right: RightSerde,
        _ combine: @escaping @Sendable (Value?, RightSerde.Value?) throws -> Result?
    ) -> Stream<Key, Result> where KeySerde.Value == Key, LeftSerde.Value == Value {
        let leftNode = node
        let rightNode = other.node
        let kind = OperatorKind.stateful(word, stores: rule.stores(key, left, right))
        let joined = StreamNode<Key, Result>(kind: kind, parents: [leftNode, rightNode])
        let owner = AnyNode(kind: kind, parents: [])
        joined.attach = { [unowned joined] in
            let bind = { (task: TaskBinding) in
                task.shared(of: owner) {
                    StreamJoin(
                        task,
                        rule,
                        site: ErrorSite(task.errors, node: joined.number),
                        key: key,
                        left: left,
                        right: right,
                        combine: combine,
                        sink: joined.bindConsumers(task)
                    )
                }
            }
            leftNode.feed(joined) { task in
                let join = bind(task)
                return { key, value in try join.receiveLeft(key, value) }
            }
            rightNode.feed(joined) { task in
                let join = bind(task)
                return { key, value in try join.receiveRight(key, value) }
            }
        }
        return Stream(node: joined)
    }
}

/// What meets in a join of two streams, and the names of its stores.
@usableFromInline
struct StreamJoinRule: Sendable {
    @usableFromInline let window: JoinWindow
    @usableFromInline let kind: JoinKind
    @usableFromInline let store: String

    @inlinable
    init(window: JoinWindow, kind: JoinKind, store: String) {
        self.window = window
        self.kind = kind
        self.store = store
    }

    @usableFromInline var leftStore: String { "\(store)-left" }
    @usableFromInline var rightStore: String { "\(store)-right" }
    @usableFromInline var waitingStore: String { "\(store)-waiting" }

    @inlinable
    func stores<KeySerde: Serde, LeftSerde: Serde, RightSerde: Serde>(
        _ key: KeySerde,
        _ left: LeftSerde,
        _ right: RightSerde
    ) -> [StoreSpecification] {
        let (layout, span) = (RecordFormat.joinedBySpan, window.span)
        let sides = [
            StoreSpecification(
                leftStore,
                .joined,
                RecordFormat(layout, key, left, windowSize: span)
            ),
            StoreSpecification(
                rightStore,
                .joined,
                RecordFormat(layout, key, right, windowSize: span)
            ),
        ]
        guard kind != .inner else { return sides }
        let waiting = RecordFormat(
            "waiting",
            key: key.formatName,
            value: "\(left.formatName) or \(right.formatName)"
        )
        return sides + [StoreSpecification(waitingStore, .window, waiting)]
    }
}

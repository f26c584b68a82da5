public import LogModel

/// How long the changes of a table are held back.
public struct Suppression: Hashable, Sendable {
    /// Milliseconds of stream time from the first change of a key that is held.
    @usableFromInline let wait: Int64
    /// The most keys that are held; the longest held leaves when there are more.
    @usableFromInline let keyLimit: Int?

    /// Until so much stream time has passed since the first change that is held of the key; later
    /// changes take its place.
    ///
    /// - Parameter keyLimit: when more keys are held, the one that was held longest leaves early.
    public static func untilTimeLimit(_ wait: Duration, keyLimit: Int? = nil) -> Suppression {
        Suppression(wait: max(0, wait.wholeMilliseconds), keyLimit: keyLimit.map { max(0, $0) })
    }
}

extension Table {
    /// Holds changes back and hands on the last one of each key: fewer results, each as good.
    ///
    /// While a key's change is held, its row is what it was before, also for a join that looks it
    /// up. There is no history, whatever the table in front has.
    ///
    /// - Parameter store: names the store of what is held; mandatory.
    @inlinable
    public func suppressed<KeySerde: Serde, ValueSerde: Serde>(
        _ suppression: Suppression,
        store: String,
        key: KeySerde,
        value: ValueSerde
    ) -> Table<Key, Value> where KeySerde.Value == Key, ValueSerde.Value == Value {
        held(store, key, value, suppression, passesRemovals: true) { _, time in time.rawValue }
    }

    /// Hands on the one final result of each window, when the window takes no more records.
    ///
    /// - Parameter store: names the store of what is held; mandatory.
    @inlinable
    public func suppressedUntilClosed<KeySerde: Serde, ValueSerde: Serde, Inner>(
        store: String,
        key: KeySerde,
        value: ValueSerde
    ) -> Table<Key, Value>
    where KeySerde.Value == Key, ValueSerde.Value == Value, Key == Windowed<Inner> {
        guard let wait = closesAfter else {
            fatalError("\(store): only what was aggregated by windows closes")
        }
        let suppression = Suppression.untilTimeLimit(.milliseconds(wait))
        return held(store, key, value, suppression, passesRemovals: false) { key, _ in
            key.window.end.rawValue
        }
    }

    @inlinable
    func held<KeySerde: Serde, ValueSerde: Serde>(
        _ store: String,
        _ key: KeySerde,
        _ value: ValueSerde,
        _ suppression: Suppression,
        passesRemovals: Bool,
        time: @escaping @Sendable (Key, Timestamp) -> Int64
    ) -> Table<Key, Value> where KeySerde.Value == Key, ValueSerde.Value == Value {
        let upstream = node
        let held = StreamNode<Key, Change<Value>>(
            kind: .stateful(
                "suppress",
                stores: [StoreSpecification(store, .timed, RecordFormat("suppressed", key, value))]
            ),
            parents: [upstream]
        )
        held.oldValueSources = [upstream]
        held.rowsNeedOldValues = true
        held.attach = { [unowned held] in
            upstream.feed(held) { task in
                let buffer = SuppressionBuffer(
                    task,
                    store,
                    key: key,
                    value: value,
                    suppression,
                    passesRemovals: passesRemovals,
                    sink: held.bindConsumers(task)
                )
                let record = task.record
                return { key, change in
                    try buffer.receive(key, change, at: time(key, record.pointee.timestamp))
                }
            }
        }
        let bindUpstream = view.bind
        let rows = TableView<Key, Value> { task in
            let find = bindUpstream(task)
            let changes = HeldChanges(task, store, key: key, value: value)
            return { key in
                guard let held = try changes.change(of: key) else { return try find(key) }
                return held.old.map { TableRow(value: $0, timestamp: .none) }
            }
        }
        return Table(node: held, view: rows, closesAfter: closesAfter)
    }
}

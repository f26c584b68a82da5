/// Several grouped streams with one key, gathered in one aggregate.
///
///     let activity = clicks.cogrouped(as: .json(Activity.self)) { $0.clicks += 1 }
///         .with(purchases) { $0.spent += $1.cents }
///         .aggregate(store: "activity", initial: Activity())
public struct CogroupedStream<KeySerde: Serde, AggregateSerde: Serde> {
    /// Changes the aggregate by the record at hand.
    @usableFromInline typealias Update = (inout AggregateSerde.Value) throws -> Void
    /// Takes a record: its key, whether its value is null, and what it does to the aggregate.
    @usableFromInline typealias Receiver = (KeySerde.Value, Bool, Update) throws -> Void

    /// One of the streams: its node, and how its records are given to a receiver.
    @usableFromInline
    struct Input {
        @usableFromInline let parent: AnyNode
        @usableFromInline let attach:
            (_ node: AnyNode, _ bind: @escaping (TaskBinding) -> Receiver) -> Void

        @inlinable
        init(
            parent: AnyNode,
            attach:
                @escaping (_ node: AnyNode, _ bind: @escaping (TaskBinding) -> Receiver) -> Void
        ) {
            self.parent = parent
            self.attach = attach
        }
    }

    @usableFromInline let key: KeySerde
    @usableFromInline let value: AggregateSerde
    @usableFromInline let inputs: [Input]

    @inlinable
    init(key: KeySerde, value: AggregateSerde, inputs: [Input]) {
        self.key = key
        self.value = value
        self.inputs = inputs
    }

    /// Adds a stream, whose records change the aggregate in their own way.
    @inlinable
    public func with<Value>(
        _ stream: GroupedStream<KeySerde, Value>,
        _ update: @escaping @Sendable (inout AggregateSerde.Value, Value) throws -> Void
    ) -> CogroupedStream {
        CogroupedStream(
            key: key,
            value: value,
            inputs: inputs + [Self.input(stream, update)]
        )
    }

    @inlinable
    static func input<Value>(
        _ stream: GroupedStream<KeySerde, Value>,
        _ update: @escaping @Sendable (inout AggregateSerde.Value, Value) throws -> Void
    ) -> Input {
        let node = stream.node
        let isNullValue = stream.isNullValue
        return Input(parent: node) { owner, bind in
            node.feed(owner) { task in
                let receive = bind(task)
                return { key, value in
                    try receive(key, isNullValue?(value) == true) { try update(&$0, value) }
                }
            }
        }
    }

    /// A node behind all inputs: `bind` makes, once for a task, what takes a record of an input.
    @inlinable
    func node<OutKey>(
        _ kind: OperatorKind,
        _ bind:
            @escaping (
                TaskBinding, @escaping StreamNode<OutKey, Change<AggregateSerde.Value>>.Sink
            ) -> (_ index: Int) -> Receiver
    ) -> StreamNode<OutKey, Change<AggregateSerde.Value>> {
        let node = StreamNode<OutKey, Change<AggregateSerde.Value>>(
            kind: kind,
            parents: inputs.map(\.parent)
        )
        let owner = AnyNode(kind: kind, parents: [])
        let inputs = inputs
        node.attach = { [unowned node] in
            for (index, input) in inputs.enumerated() {
                input.attach(node) { [unowned node] task in
                    let receivers = task.shared(of: owner) { bind(task, node.bindConsumers(task)) }
                    return receivers(index)
                }
            }
        }
        return node
    }
}

extension GroupedStream {
    /// Begins an aggregate of several streams with this one.
    @inlinable
    public func cogrouped<AggregateSerde: Serde>(
        as value: AggregateSerde,
        _ update: @escaping @Sendable (inout AggregateSerde.Value, Value) throws -> Void
    ) -> CogroupedStream<KeySerde, AggregateSerde> {
        CogroupedStream(
            key: key,
            value: value,
            inputs: [CogroupedStream<KeySerde, AggregateSerde>.input(self, update)]
        )
    }
}

extension CogroupedStream where AggregateSerde.Value: Sendable {
    /// Folds the records of all streams into an aggregate of each key that starts as `initial`.
    /// Records with a null key or value are dropped and counted.
    ///
    /// - Parameters:
    ///   - store: names the store and its changelog; mandatory.
    ///   - expiry: when an aggregate is forgotten that has no records any more; never if nil.
    @inlinable
    public func aggregate(
        store: String,
        initial: AggregateSerde.Value,
        expiry: Expiry? = nil
    ) -> Table<KeySerde.Value, AggregateSerde.Value> {
        let (keySerde, value) = (key, value)
        let specification = StoreSpecification(store, key: keySerde, value: value, expiry: expiry)
        let made: StreamNode<KeySerde.Value, Change<AggregateSerde.Value>> = node(
            .stateful("cogroup", stores: [specification])
        ) { task, sink in
            let writer = StoreWriter(
                task: task,
                store: store,
                key: keySerde,
                value: value,
                expiry: expiry
            ) { key, old in try sink(key, Change(old: old, new: nil)) }
            let record = task.record
            let counters = task.counters
            return { _ in
                { key, isNullValue, update in
                    if isNullValue || keySerde.isNull(key) {
                        counters.pointee.drop(keySerde.isNull(key) ? .nullKey : .nullValue)
                        return
                    }
                    let slot = try writer.find(key)
                    if writer.isTooLate(slot) { return counters.pointee.drop(.late) }
                    let old = try writer.read(slot)
                    let ownTime = record.pointee.timestamp
                    let time = old == nil ? ownTime : max(ownTime, writer.handle.timestamp(slot))
                    var new = old ?? initial
                    try update(&new)
                    try writer.write(new, at: slot, timestamp: time)
                    record.pointee.timestamp = time
                    try sink(key, Change(old: old, new: value.isNull(new) ? nil : new))
                    record.pointee.timestamp = ownTime
                }
            }
        }
        return Table(node: made, view: .store(store, key: keySerde, value: value, expiry: expiry))
    }
}

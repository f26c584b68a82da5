extension Table {
    /// The same rows with values that are made with the help of stores. Called for removals too
    /// (the value is nil): a value that it gives for one stays in the result.
    ///
    ///     customers.transformValues(to: String.self, stores: [Stores.seen]) { stores in
    ///         let seen = try stores.open(Stores.seen)
    ///         return { key, customer in
    ///             let count = try seen.get(key) ?? 0
    ///             try seen.put(key, count + 1)
    ///             return customer.map { "\($0.name), change \(count)" }
    ///         }
    ///     }
    ///
    /// Where something behind asks for the row of a key, or for the value before a change, it is
    /// made anew, with what the stores hold then; `materialized(store:key:value:)` keeps it
    /// instead.
    ///
    /// - Parameters:
    ///   - stores: those that it uses.
    ///   - make: makes what transforms a task's rows, at a start and after an abort.
    public func transformValues<NewValue>(
        to type: NewValue.Type,
        stores: [any StoreDefinition] = [],
        _ make: @escaping @Sendable (TaskStores) throws -> (Key, Value?) throws -> NewValue?
    ) -> Table<Key, NewValue> {
        let upstream = node
        let specifications = stores.map(\.specification)
        let result = StreamNode<Key, Change<NewValue>>(
            kind: specifications.isEmpty
                ? .stateless("transformValues")
                : .stateful("transformValues", stores: specifications),
            parents: [upstream]
        )
        result.oldValueSources = [upstream]
        result.attach = { [unowned result] in
            upstream.feed(result) { task in
                let sink = result.bindConsumers(task)
                let needsOld = result.sendsOldValues
                let transformer = TableTransformer(task, stores, make)
                return { key, change in
                    let old = needsOld ? try transformer.transform(key, change.old) : nil
                    let new = try transformer.transform(key, change.new)
                    try sink(key, Change(old: old, new: new, isLatest: change.isLatest))
                }
            }
        }
        let made: TableView<Key, NewValue> = view.transformed { task in
            let transformer = TableTransformer(task, stores, make)
            let record = task.record
            return { key, row in
                let timestamp = row?.timestamp ?? record.pointee.timestamp
                return try transformer.transform(key, row?.value)
                    .map { TableRow(value: $0, timestamp: timestamp) }
            }
        }
        return Table<Key, NewValue>(node: result, view: made, closesAfter: closesAfter)
    }
}

extension TableView {
    /// The rows that `make` makes, for a task, of these and of those that are not there.
    func transformed<NewValue>(
        _ make: @escaping (TaskBinding) -> (Key, TableRow<Value>?) throws -> TableRow<NewValue>?
    ) -> TableView<Key, NewValue> {
        let bind = bind
        return TableView<Key, NewValue>(
            bind: { task in
                let (find, transform) = (bind(task), make(task))
                return { key in try transform(key, try find(key)) }
            },
            bindAsOf: bindAsOf.map { bindAsOf in
                { task in
                    let (find, transform) = (bindAsOf(task), make(task))
                    return { key, time in try transform(key, try find(key, time)) }
                }
            }
        )
    }
}

/// What transforms the rows of a table in one task.
final class TableTransformer<Key, Value, NewValue> {
    typealias Transform = (Key, Value?) throws -> NewValue?
    private var made: Transform?
    private let make: () throws -> Transform

    init(
        _ task: TaskBinding,
        _ stores: [any StoreDefinition],
        _ make: @escaping @Sendable (TaskStores) throws -> Transform
    ) {
        let opened = TaskStores(stores, in: task)
        self.make = { try make(opened) }
        task.hooks.onRewind { [unowned self] in made = try self.make() }
    }

    func transform(_ key: Key, _ value: Value?) throws -> NewValue? {
        guard let made else { fatalError("a record came before the task had begun") }
        return try made(key, value)
    }
}

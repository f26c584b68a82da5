public import LogModel

/// A foreign-key join: its names and serdes, and the nodes of both sides.
@usableFromInline
struct ForeignKeyJoin<KeySerde: Serde, ForeignKeySerde: Serde, OtherSerde: Serde> {
    @usableFromInline typealias Key = KeySerde.Value
    @usableFromInline typealias ForeignKey = ForeignKeySerde.Value
    @usableFromInline typealias Other = OtherSerde.Value

    @usableFromInline let name: String
    @usableFromInline let isLeft: Bool
    @usableFromInline let key: KeySerde
    @usableFromInline let otherKey: ForeignKeySerde
    @usableFromInline let otherValue: OtherSerde
    /// Stands for the left side's one instance in a task.
    @usableFromInline let owner = AnyNode(kind: .stateless("foreignKey"), parents: [])

    @inlinable
    init(
        _ name: String,
        isLeft: Bool,
        _ key: KeySerde,
        _ otherKey: ForeignKeySerde,
        _ otherValue: OtherSerde
    ) {
        self.name = name
        self.isLeft = isLeft
        self.key = key
        self.otherKey = otherKey
        self.otherValue = otherValue
    }

    @usableFromInline var rowStore: String { "\(name)-foreign-keys" }
    @usableFromInline var subscriptionStore: String { "\(name)-subscriptions" }
    @usableFromInline var subscriptionTopic: String { "\(name)-subscription" }
    @usableFromInline var responseTopic: String { "\(name)-response" }
    @usableFromInline var word: String { isLeft ? "leftForeignKeyJoin" : "foreignKeyJoin" }

    @usableFromInline var rowSpecification: StoreSpecification {
        let format = RecordFormat(
            "foreignKey",
            key: key.formatName,
            value: otherKey.formatName
        )
        return StoreSpecification(rowStore, .keyValue, format)
    }

    @usableFromInline var subscriptionSpecification: StoreSpecification {
        let format = RecordFormat(
            "subscription",
            key: "\(otherKey.formatName) and \(key.formatName)",
            value: "subscription"
        )
        return StoreSpecification(subscriptionStore, .orderedKeyValue, format)
    }

    @inlinable
    func rows(_ task: TaskBinding) -> ForeignKeyRows<KeySerde, ForeignKeySerde> {
        task.shared(of: owner) {
            ForeignKeyRows(
                task,
                rowStore,
                key: key,
                foreignKey: otherKey,
                isLeftJoin: isLeft
            )
        }
    }

    /// The table of results. `combine` gives nil where there is none.
    @inlinable
    func table<Value, Result>(
        _ left: Table<Key, Value>,
        _ right: Table<ForeignKey, Other>,
        _ foreignKey: @escaping @Sendable (Key, Value) throws -> ForeignKey?,
        _ combine: @escaping @Sendable (Value, Other?) throws -> Result?
    ) -> Table<Key, Result> {
        let join = self
        let extract = { (key: Key, value: Value?) throws -> ForeignKey? in
            guard let value, let found = try foreignKey(key, value) else { return nil }
            return join.otherKey.isNull(found) ? nil : found
        }
        let requests = subscribe(left, extract)
        let responses = response(to: requests, right)
        let view = left.view
        let joined = StreamNode<Key, Change<Result>>(
            kind: .stateless(word),
            parents: [left.node, responses]
        )
        // What writes the requests and the answers, and what makes them.
        let writers = [requests.upstreamSink, responses.upstreamSink].compactMap { $0 }
        joined.parts = writers + writers.flatMap(\.parents)
        joined.rowlessReason =
            "the foreign-key join \"\(name)\" keeps no rows, and what follows it looks them up: "
            + "add .materialized(store:key:value:) behind the join"
        joined.attach = { [unowned joined] in
            left.node.requestRows()
            if join.isLeft {
                // A row that names no other row has its result at once.
                left.node.requestOldValues()
                left.node.feed(joined) { task in
                    let sink = joined.bindConsumers(task)
                    return { key, change in
                        guard change.isLatest, change.old != nil || change.new != nil,
                            try extract(key, change.new) == nil
                        else { return }
                        let new = try change.new.flatMap { try combine($0, nil) }
                        try sink(key, Change(old: nil, new: new))
                    }
                }
            }
            responses.feed(joined) { task in
                let sink = joined.bindConsumers(task)
                let rows = join.rows(task)
                let find = view.bind(task)
                let record = task.record
                return { key, response in
                    let time = record.pointee.timestamp
                    guard try rows.accepts(response, of: key, at: time) else { return }
                    let row = response.endsSubscription ? nil : try find(key)
                    let new = try row.flatMap { try combine($0.value, response.value) }
                    try sink(key, Change(old: nil, new: new))
                }
            }
        }
        return Table(
            node: joined,
            view: TableView { _ in
                fatalError("the topology looks up the rows of a table without rows")
            }
        )
    }

    /// The left side: sends a subscription for every change of a row that names a right row.
    @inlinable
    func subscribe<Value>(
        _ left: Table<Key, Value>,
        _ extract: @escaping (Key, Value?) throws -> ForeignKey?
    ) -> StreamNode<ForeignKey, Subscription> {
        let join = self
        let requests = StreamNode<ForeignKey, Subscription>(
            kind: .stateful("subscribe", stores: [rowSpecification]),
            from: left.node
        ) { sink, task in
            let rows = join.rows(task)
            let record = task.record
            let counters = task.counters
            return { key, change in
                guard change.isLatest, !join.key.isNull(key) else {
                    counters.pointee.drop(change.isLatest ? .nullKey : .late)
                    return
                }
                let new = try extract(key, change.new)
                if new == nil, change.new != nil, !join.isLeft {
                    counters.pointee.drop(.nullForeignKey)
                }
                let time = record.pointee.timestamp
                try rows.receive(key, new, at: time, sink)
            }
        }
        let write = requests.writing(
            kind: .repartitionSink(
                via: subscriptionTopic,
                format: RecordFormat("record", otherKey, SubscriptionSerde()),
                partitionCount: nil
            ),
            key: otherKey,
            value: SubscriptionSerde()
        ) { task in task.repartitionTarget(via: join.subscriptionTopic) }
        let read: StreamNode<ForeignKey, Subscription> = .source(
            kind: .repartitionSource(via: subscriptionTopic),
            key: otherKey,
            value: SubscriptionSerde()
        )
        read.upstreamSink = write
        return read
    }

    /// The right side: answers subscriptions, and changes of the rows that are subscribed to.
    @inlinable
    func response(
        to subscriptions: StreamNode<ForeignKey, Subscription>,
        _ right: Table<ForeignKey, Other>
    ) -> StreamNode<Key, Response<Other>> {
        let join = self
        let answers = StreamNode<AnsweredRow, Response<Other>>(
            kind: .stateful(
                "respond",
                stores: [subscriptionSpecification]
            ),
            parents: [subscriptions, right.node]
        )
        let view = right.view
        answers.attach = { [unowned answers] in
            right.node.requestRows()
            subscriptions.feed(answers) { task in
                let side = ForeignKeyResponder(task, join, view, answers.bindConsumers(task))
                return { key, subscription in try side.receive(key, subscription) }
            }
            right.node.feed(answers) { task in
                let side = ForeignKeyResponder(task, join, view, answers.bindConsumers(task))
                return { key, change in try side.receiveRight(key, change) }
            }
        }
        let write = StreamNode<Never, Never>(
            kind: .repartitionSink(
                via: responseTopic,
                format: RecordFormat("record", key, ResponseSerde(otherValue)),
                partitionCount: nil
            ),
            from: answers
        ) { _, task in
            let target = task.repartitionTarget(via: join.responseTopic)
            let (output, record, sink) = (task.output, task.record, task.valueSink)
            let serde = ResponseSerde(join.otherValue)
            return { row, response in
                sink.pointee.removeAll()
                try serde.encode(response, into: &sink.pointee)
                // Back to where the left row lies, whoever put it there.
                let partition = PartitionIndex(Int32(clamping: row.partition))
                try output.pointee.append(
                    to: target,
                    partition: partition.rawValue < target.partitionCount
                        ? partition
                        : OutputBuffer.partition(of: row.key, in: target, fallback: partition),
                    timestamp: record.pointee.timestamp,
                    key: row.key,
                    value: sink.pointee.bytes,
                    headers: record.pointee.headers
                )
            }
        }
        let read: StreamNode<Key, Response<Other>> = .source(
            kind: .repartitionSource(via: responseTopic),
            key: key,
            value: ResponseSerde(otherValue)
        )
        read.upstreamSink = write
        return read
    }
}

/// The left row that a response is for; lent.
@usableFromInline
struct AnsweredRow {
    @usableFromInline let key: UnsafeRawBufferPointer
    @usableFromInline let partition: UInt32

    @inlinable
    init(key: UnsafeRawBufferPointer, partition: UInt32) {
        self.key = key
        self.partition = partition
    }
}

public import LogModel

/// The right side of a foreign-key join in one task: takes subscriptions and changes of right rows.
@usableFromInline
struct ForeignKeyResponder<ForeignKeySerde: Serde, Other> {
    @usableFromInline let subscriptions: Subscriptions<ForeignKeySerde>
    @usableFromInline let find: TableView<ForeignKeySerde.Value, Other>.Lookup
    @usableFromInline let isNullKey: (ForeignKeySerde.Value) -> Bool
    @usableFromInline let record: UnsafeMutablePointer<RecordContext>
    @usableFromInline let counters: UnsafeMutablePointer<TaskCounters>
    @usableFromInline let sink: StreamNode<AnsweredRow, Response<Other>>.Sink

    @inlinable
    init<KeySerde: Serde, OtherSerde: Serde>(
        _ task: TaskBinding,
        _ join: ForeignKeyJoin<KeySerde, ForeignKeySerde, OtherSerde>,
        _ right: TableView<ForeignKeySerde.Value, Other>,
        _ sink: @escaping StreamNode<AnsweredRow, Response<Other>>.Sink
    ) where OtherSerde.Value == Other {
        subscriptions = Subscriptions(task, join.subscriptionStore, foreignKey: join.otherKey)
        find = right.bind(task)
        isNullKey = join.otherKey.isNull
        record = task.record
        counters = task.counters
        self.sink = sink
    }

    /// A left row asks for the row of a key. An answer has the larger timestamp of both.
    @inlinable
    func receive(_ foreignKey: ForeignKeySerde.Value, _ subscription: Subscription) throws {
        let ownTime = record.pointee.timestamp
        try subscriptions.take(subscription, to: foreignKey, at: ownTime)
        if case .remove = subscription.request { return }
        let row = try find(foreignKey)
        if case .keep = subscription.request, row == nil { return }
        var endsSubscription = false
        if case .removeAndAnswer = subscription.request { endsSubscription = true }
        if let row { record.pointee.timestamp = max(ownTime, row.timestamp) }
        try sink(
            AnsweredRow(key: subscription.key, partition: subscription.partition),
            Response(
                endsSubscription: endsSubscription,
                change: subscription.change,
                value: endsSubscription ? nil : row?.value
            )
        )
        record.pointee.timestamp = ownTime
    }

    /// A right row changed: every left row that asks for it gets it, with the right row's
    /// timestamp.
    @inlinable
    func receiveRight(_ foreignKey: ForeignKeySerde.Value, _ change: Change<Other>) throws {
        guard change.isLatest, !isNullKey(foreignKey) else {
            counters.pointee.recordsDropped &+= 1
            return
        }
        try subscriptions.forEach(of: foreignKey) { key, number, partition in
            try sink(
                AnsweredRow(key: key, partition: partition),
                Response(endsSubscription: false, change: number, value: change.new)
            )
        }
    }
}

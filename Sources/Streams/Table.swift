/// The latest value of each key: what an aggregation or a topic of changes amounts to.
///
/// Its changes pass on as records; a nil value is a tombstone, the key has no value any more.
public struct Table<Key, Value> {
    @usableFromInline let node: StreamNode<Key, Change<Value>>
    @usableFromInline let view: TableView<Key, Value>
    /// For a table of windows: how long after its end a window still changes, in milliseconds.
    @usableFromInline let closesAfter: Int64?

    @inlinable
    init(
        node: StreamNode<Key, Change<Value>>,
        view: TableView<Key, Value>,
        closesAfter: Int64? = nil
    ) {
        self.node = node
        self.view = view
        self.closesAfter = closesAfter
    }

    /// The table's changes as a stream; nil for a key that was removed.
    @inlinable
    public func toStream() -> Stream<Key, Value?> {
        Stream(
            node: StreamNode(kind: .stateless("toStream"), from: node) { sink, _, _ in
                { key, change in try sink(key, change.new) }
            }
        )
    }

    /// Writes every change to a topic: the new value, or null for a key that was removed.
    @inlinable
    public func to<KeySerde: Serde, ValueSerde: Serde>(
        _ topic: Topic<KeySerde, ValueSerde>
    ) -> Statement where KeySerde.Value == Key, ValueSerde.Value == Value {
        let kind = OperatorKind.sink(
            topic: topic.name,
            key: KeySerde.name,
            value: ValueSerde.name
        )
        return Statement(
            StreamNode<Never, Never>(kind: kind, from: node) { _, task, site in
                let writer = RecordWriter(
                    task: task,
                    target: task.target(topic: topic.name),
                    key: topic.key,
                    value: OptionalSerde(topic.value)
                )
                return { key, change in
                    do { try writer.write(key, change.new) } catch { try site.settle(error) }
                }
            }
        )
    }
}

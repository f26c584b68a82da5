/// The latest value of each key: what an aggregation or a topic of changes amounts to.
///
/// Its changes pass on as records; a nil value is a tombstone, the key has no value any more.
public struct Table<Key, Value> {
    @usableFromInline let node: StreamNode<Key, Value?>

    @inlinable
    init(node: StreamNode<Key, Value?>) { self.node = node }

    /// The table's changes as a stream; nil for a key that was removed.
    @inlinable
    public func toStream() -> Stream<Key, Value?> { Stream(node: node) }

    /// Writes every change to a topic: the new value, or null for a key that was removed.
    @inlinable
    public func to<KeySerde: Serde, ValueSerde: Serde>(
        _ topic: Topic<KeySerde, ValueSerde>
    ) -> Statement where KeySerde.Value == Key, ValueSerde.Value == Value {
        Statement(
            node.writing(
                kind: .sink(topic: topic.name, key: KeySerde.name, value: ValueSerde.name),
                key: topic.key,
                value: OptionalSerde(topic.value)
            ) { task in task.target(topic: topic.name) }
        )
    }
}

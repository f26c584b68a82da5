/// Records that keep coming, each with a key and a value: what a source reads and operators change.
///
/// A stream is a value; using it twice gives its records to both. `Placement` says whether a
/// record lies in the partition of its key: a stream whose key was changed (`RekeyedStream`) needs
/// `repartition` or `groupBy(_:via:key:)` before anything that keeps state by key.
public struct KeyedStream<Key, Value, Placement: KeyPlacement> {
    @usableFromInline let node: StreamNode<Key, Value>

    @inlinable
    init(node: StreamNode<Key, Value>) { self.node = node }
}

/// Whether records lie in the partition of their key.
public protocol KeyPlacement {}

/// Every record lies in the partition of its key.
public enum ByKey: KeyPlacement {}

/// The key was changed: a record lies where its old key put it.
public enum KeyChanged: KeyPlacement {}

/// A stream whose records lie in the partition of their key.
public typealias Stream<Key, Value> = KeyedStream<Key, Value, ByKey>

/// A stream whose key was changed since the last topic.
public typealias RekeyedStream<Key, Value> = KeyedStream<Key, Value, KeyChanged>

extension StreamJob {
    /// The records of a topic, in the order of each partition.
    @inlinable
    public func stream<KeySerde: Serde, ValueSerde: Serde>(
        _ topic: Topic<KeySerde, ValueSerde>
    ) -> Stream<KeySerde.Value, ValueSerde.Value> {
        Stream(
            node: .source(
                kind: .source(topic: topic.name, key: KeySerde.name, value: ValueSerde.name),
                key: topic.key,
                value: topic.value
            )
        )
    }
}

extension KeyedStream {
    /// The records of both streams, each in its own order.
    @inlinable
    public func merge(_ other: Self) -> Self {
        let merged = StreamNode<Key, Value>(
            kind: .stateless("merge"),
            parents: [node, other.node]
        )
        let first = node
        let second = other.node
        merged.attach = { [unowned merged] in
            first.add { task in merged.bindConsumers(task) }
            second.add { task in merged.bindConsumers(task) }
        }
        return Self(node: merged)
    }
}

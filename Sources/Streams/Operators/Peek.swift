extension KeyedStream {
    /// Looks at each record and hands it on unchanged. The effect is not exactly-once: after a
    /// crash or an abort the same record is looked at again.
    @inlinable
    public func peek(_ look: @escaping @Sendable (Key, Value) throws -> Void) -> Self {
        Self(
            node: StreamNode(kind: .stateless("peek"), from: node) { sink, _, site in
                { key, value in
                    guard try site.attempt({ try look(key, value) }) != nil else { return }
                    try sink(key, value)
                }
            }
        )
    }
}

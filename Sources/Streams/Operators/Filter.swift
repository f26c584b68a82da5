extension KeyedStream {
    /// The records whose value passes the test.
    ///
    ///     orders.filter { $0.total > 0 }
    @inlinable
    public func filter(
        _ isIncluded: @escaping @Sendable (Value) throws -> Bool
    ) -> Self {
        Self(
            node: StreamNode(kind: .stateless("filter"), from: node) { sink, _, site in
                { key, value in
                    guard try site.attempt({ try isIncluded(value) }) == true else { return }
                    try sink(key, value)
                }
            }
        )
    }

    /// The records whose value does not pass the test.
    @inlinable
    public func filterNot(
        _ isExcluded: @escaping @Sendable (Value) throws -> Bool
    ) -> Self {
        filter { value -> Bool in try !isExcluded(value) }
    }

    /// The records that pass a test of key and value.
    @inlinable
    public func filterWithKey(
        _ isIncluded: @escaping @Sendable (Key, Value) throws -> Bool
    ) -> Self {
        Self(
            node: StreamNode(kind: .stateless("filter"), from: node) { sink, _, site in
                { key, value in
                    guard try site.attempt({ try isIncluded(key, value) }) == true else { return }
                    try sink(key, value)
                }
            }
        )
    }
}

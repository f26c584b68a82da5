extension KeyedStream {
    /// Splits a stream: each record goes to the first branch whose test it passes.
    ///
    /// The result has one stream for each test, in order, and `other` for the records that pass
    /// none; leave `other` unused to drop them.
    ///
    ///     let parts = orders.branch({ $0.isRush }, { $0.total > 1_000 })
    ///     parts[0].to(Topics.rush)
    ///     parts.other.to(Topics.normal)
    @inlinable
    public func branch(
        _ tests: @Sendable (Value) throws -> Bool...
    ) -> Branches<Key, Value, Placement> {
        let splitter = StreamNode<Key, BranchValue<Value>>(
            kind: .stateless("branch"),
            from: node
        ) { sink, _ in
            { key, value in
                for (index, test) in tests.enumerated() where try test(value) {
                    return try sink(key, BranchValue(branch: index, value: value))
                }
                try sink(key, BranchValue(branch: tests.count, value: value))
            }
        }
        let streams = (0...tests.count).map { index in
            Self(
                node: StreamNode(kind: .stateless("branch \(index)"), from: splitter) { sink, _ in
                    { key, tagged in if tagged.branch == index { try sink(key, tagged.value) } }
                }
            )
        }
        return Branches(streams: streams)
    }
}

/// The streams that `branch` made.
public struct Branches<Key, Value, Placement: KeyPlacement> {
    @usableFromInline let streams: [KeyedStream<Key, Value, Placement>]

    @usableFromInline
    init(streams: [KeyedStream<Key, Value, Placement>]) { self.streams = streams }

    /// The records whose first passed test is the one at `index`.
    public subscript(index: Int) -> KeyedStream<Key, Value, Placement> {
        precondition(index >= 0 && index < streams.count - 1, "there is no branch \(index)")
        return streams[index]
    }

    /// The records that passed no test.
    public var other: KeyedStream<Key, Value, Placement> { streams[streams.count - 1] }
}

/// A value on its way to its branch.
@usableFromInline
struct BranchValue<Value> {
    @usableFromInline let branch: Int
    @usableFromInline let value: Value
    @inlinable
    init(branch: Int, value: Value) {
        self.branch = branch
        self.value = value
    }
}

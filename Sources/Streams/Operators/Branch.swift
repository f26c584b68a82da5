extension KeyedStream {
    /// Splits a stream: each record goes to the first branch whose test it passes.
    ///
    /// The result has a stream for each name, and `other` for the records that pass no test; leave
    /// `other` unused to drop them.
    ///
    ///     let parts = orders.branch([
    ///         "rush": { $0.isRush },
    ///         "large": { $0.total > 1_000 },
    ///     ])
    ///     parts["rush"].to(Topics.rush)
    ///     parts.other.to(Topics.normal)
    @inlinable
    public func branch(
        _ branches: KeyValuePairs<String, @Sendable (Value) throws -> Bool>
    ) -> Branches<Key, Value, Placement> {
        let tests = branches.map(\.value)
        let splitter = StreamNode<Key, BranchValue<Value>>(
            kind: .stateless("branch"),
            from: node
        ) { sink, _, site in
            { key, value in
                var index = 0
                while index < tests.count {
                    guard let passes = try site.attempt({ try tests[index](value) }) else { return }
                    if passes { break }
                    index += 1
                }
                try sink(key, BranchValue(branch: index, value: value))
            }
        }
        let streams = (branches.map(\.key) + ["other"]).enumerated().map { index, name in
            Self(
                node: StreamNode(kind: .stateless("branch \(name)"), from: splitter) { sink, _, _ in
                    { key, tagged in if tagged.branch == index { try sink(key, tagged.value) } }
                }
            )
        }
        for stream in streams {
            stream.node.policyRefusal =
                "a branch does nothing that can fail: .onError(…) for its tests belongs behind "
                + "branch(…), in front of the branch's name"
        }
        return Branches(names: branches.map(\.key), streams: streams, splitter: splitter)
    }
}

/// The streams that `branch` made.
public struct Branches<Key, Value, Placement: KeyPlacement> {
    private let streams: [String: KeyedStream<Key, Value, Placement>]
    private let splitter: AnyNode
    /// The records that passed no test.
    public let other: KeyedStream<Key, Value, Placement>

    @usableFromInline
    init(names: [String], streams: [KeyedStream<Key, Value, Placement>], splitter: AnyNode) {
        requireDeclared(Set(names).count == names.count, "two branches have one name: \(names)")
        self.streams = Dictionary(uniqueKeysWithValues: zip(names, streams))
        other = streams[names.count]
        self.splitter = splitter
    }

    /// Says what becomes of records for which a test throws.
    public func onError(_ policy: ErrorPolicy) -> Branches {
        splitter.errorPolicy = policy
        return self
    }

    /// The records whose first passed test is that of the branch.
    public subscript(name: String) -> KeyedStream<Key, Value, Placement> {
        guard let stream = streams[name] else {
            fatalError("no branch \"\(name)\"; there are \(streams.keys.sorted())")
        }
        return stream
    }
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

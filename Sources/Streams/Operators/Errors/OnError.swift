extension KeyedStream {
    /// Says what becomes of records that the operator in front of this cannot handle, or that
    /// the source cannot read; without it, the job's policy for the kind of error applies.
    ///
    ///     orders.mapValues(to: Receipt.self) { try charge($0) }
    ///         .onError(.deadLetter(retry: .fixed(.seconds(1), attempts: 3), ordering: .holdKey))
    @inlinable
    public func onError(_ policy: ErrorPolicy) -> Self {
        node.errorPolicy = policy
        return self
    }
}

extension Table {
    /// Says what becomes of records that the operator in front of this cannot handle; behind
    /// `table(…)` also of those that cannot be read.
    @inlinable
    public func onError(_ policy: ErrorPolicy) -> Self {
        node.errorPolicy = policy
        return self
    }
}

extension GlobalTable {
    /// Says what becomes of records of the topic that cannot be read: `.fail` or `.skip`, for they
    /// belong to no transaction; without it the job's policy applies where that is `.skip`, and
    /// every other one stops the job.
    @inlinable
    public func onError(_ policy: ErrorPolicy) -> Self {
        node.errorPolicy = policy
        return self
    }
}

extension Statement {
    /// Says what becomes of records that the sink cannot write.
    public func onError(_ policy: ErrorPolicy) -> Self {
        end.errorPolicy = policy
        return self
    }
}

extension KeyedStream {
    /// Ends a stream with an effect for each record. The effect is not exactly-once: after a crash
    /// or an abort the same record comes again.
    ///
    ///     alerts.foreach { key, alert in pager.call(alert) }
    @inlinable
    public func foreach(
        _ act: @escaping @Sendable (Key, Value) throws -> Void
    ) -> Statement {
        Statement(
            StreamNode<Never, Never>(kind: .stateless("foreach"), from: node) { _, _, site in
                { key, value in _ = try site.attempt { try act(key, value) } }
            }
        )
    }

    /// `foreach` with timestamp and headers.
    @inlinable
    public func foreachWithRecord(
        _ act: @escaping @Sendable (Key, Value, CurrentRecord) throws -> Void
    ) -> Statement {
        Statement(
            StreamNode<Never, Never>(kind: .stateless("foreach"), from: node) { _, task, site in
                let record = CurrentRecord(task)
                return { key, value in
                    try record.lend(site, { try act(key, value, record) }) { _ in }
                }
            }
        )
    }
}

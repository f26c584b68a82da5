extension KeyedStream where Key: Hashable & Sendable, Value: Sendable {
    /// One record for each record, with a value that somebody else has to be asked for.
    ///
    ///     orders.mapAsync(maxInFlight: 32) { (_: String, order: Order) async throws -> Priced in
    ///         Priced(order, try await prices.quote(order.item))
    ///     }
    ///
    /// Up to `maxInFlight` calls of a task wait at a time; the record after them waits for the
    /// first. Results go on in the order of the records, and calls for one key follow one another.
    /// What follows sees time and the records of other inputs as if nobody had waited: timers of
    /// stream time, rows that end and records of inputs that do not go through the calls wait for
    /// the calls before them. So a join of calls' results with a busy input has few in flight.
    ///
    /// The calls run on the task's own thread, between its records, while they do not wait: they
    /// are for waiting, not for computing.
    ///
    /// Exactly-once holds for the results: a commit waits for the calls of its records. After a
    /// crash or an abort the calls are made again, so what they do elsewhere must bear that. An
    /// error goes to the operator's policy. A stop cancels calls that do not end within half a
    /// second; their records come again at the next start.
    @inlinable
    public func mapAsync<NewValue: Sendable>(
        maxInFlight: Int = 64,
        _ transform: @escaping @Sendable (Key, Value) async throws -> NewValue
    ) -> KeyedStream<Key, NewValue, Placement> {
        requireDeclared(maxInFlight > 0, "mapAsync with no call in flight")
        let result = StreamNode<Key, NewValue>(
            kind: .stateless("mapAsync"),
            from: node
        ) { [node] sink, task, site in
            let calls = AsyncCalls(
                task,
                site,
                behind: node.upstream,
                maxInFlight: maxInFlight,
                transform: transform,
                sink: sink
            )
            return { key, value in try calls.receive(key, value) }
        }
        result.holdsRecords = true
        return KeyedStream<Key, NewValue, Placement>(node: result)
    }
}

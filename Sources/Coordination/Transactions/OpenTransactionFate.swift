/// What becomes of a transaction that a partition holds open after a restart.
package enum OpenTransactionFate: Equatable, Sendable {
    /// It stays: it is a remote owner's, or nobody can tell whose it is.
    case keep
    /// Nothing of it was ever promised: abort it, with its own epoch.
    case abort
    /// Its outcome is decided: write this marker.
    case end(MarkerOrder)

    /// What the answers of all shards come to. A transaction that none knows is aborted, because no
    /// record of it survived; but not while a shard could not be read, which may know that it was
    /// committed.
    package static func decided(
        by answers: some Sequence<OpenTransactionFate?>,
        isEveryShardRead: Bool
    ) -> OpenTransactionFate {
        for case let answer? in answers { return answer }
        return isEveryShardRead ? .abort : .keep
    }
}

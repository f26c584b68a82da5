public import LogModel

/// How entries leave an ordered store of which its owner knows that nobody asks for them again: no
/// transaction and no record of the changelog says it, and after a restore they may be there again.
extension StateStore {
    /// So many keys go at a time that only the engine may have: each needs a place in the table.
    private static let askedCountLimit = 1 << 16

    /// Lets go of every key with from <= key < to, between transactions.
    ///
    /// - Returns: false where there may be more; they are for another time.
    public func discard(
        from: UnsafeRawBufferPointer,
        to: UnsafeRawBufferPointer
    ) throws -> Bool {
        guard let index else { preconditionFailure("only an ordered store has ranges of keys") }
        requireNoRange()
        guard isComplete else { return try discardAsking(from: from, to: to) }
        let table = table
        var isForEngine = false
        index.pointee.remove(from: from, to: to) { key, hash in
            let hasLeft = table.pointee.discard(key, hash: hash)
            if !hasLeft { isForEngine = true }
            return hasLeft
        }
        if isForEngine { noteDiscarded() }
        return true
    }

    /// The same where only the engine may have some of the keys.
    private func discardAsking(
        from: UnsafeRawBufferPointer,
        to: UnsafeRawBufferPointer
    ) throws -> Bool {
        var keys: [[UInt8]] = []
        try range(from: from, to: to) { key, _, _ in
            keys.append(Array(key))
            return keys.count < Self.askedCountLimit
        }
        for key in keys {
            try key.withUnsafeBytes { key in
                _ = try slot(for: key)
                let hasLeft = table.pointee.discard(key, hash: KeyHash.hash(key))
                if hasLeft { index?.pointee.remove(key) }
            }
        }
        if !keys.isEmpty { noteDiscarded() }
        return keys.count < Self.askedCountLimit
    }

    private func noteDiscarded() {
        // Without an offset the engine has nothing.
        if changelogOffset != nil { hasUncheckpointedCommit = true }
    }

    /// The changelog is needed from here on by the next start; nil while that is not known.
    public var checkpointedOffset: Offset? {
        // One in memory alone begins with the whole changelog.
        if engine.isInMemory { return Offset(.max) }
        return pending == nil ? engine.checkpointedOffset : nil
    }
}

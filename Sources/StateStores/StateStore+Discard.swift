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
        } look: { hash, isNear in
            table.pointee.prefetch(hash: hash, isAtHand: isNear)
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

    // MARK: Keys that came and went

    /// Copies of the keys that leave with the open transaction's commit: their slots move then.
    struct GoneKeys {
        fileprivate var bytes: [UInt8] = []
        fileprivate var keys: [(end: Int, hash: UInt64)] = []
    }

    /// The keys that have no value any more and that the engine never had.
    func goneKeys() -> GoneKeys {
        var gone = GoneKeys()
        table.pointee.forEachGone { key, hash in
            gone.bytes.append(contentsOf: key)
            gone.keys.append((gone.bytes.count, hash))
        }
        return gone
    }

    /// Lets keys go, after the commit.
    func forget(_ gone: GoneKeys) {
        gone.bytes.withUnsafeBytes { bytes in
            var start = 0
            for (end, hash) in gone.keys {
                let key = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                let hasLeft = table.pointee.discard(key, hash: hash)
                precondition(hasLeft, "a key that the engine never had leaves the table")
                index?.pointee.remove(key)
                start = end
            }
        }
    }

    /// The changelog is needed from here on by the next start; nil while that is not known.
    public var checkpointedOffset: Offset? {
        // One in memory alone begins with the whole changelog.
        if engine.isInMemory { return Offset(.max) }
        return pending == nil ? engine.checkpointedOffset : nil
    }
}

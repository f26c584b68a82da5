public import LogModel

/// Reads of an ordered store in the order of its keys.
extension StateStore {
    /// Calls `body` with every key from <= key < to (nil: unbounded) that has a value, ascending
    /// or descending by key bytes, until it returns false. Only for ordered stores.
    ///
    /// Values of the open transaction are seen. `body` may read and put any key of this store and
    /// begin other range reads of it; it must not commit, abort, checkpoint, restore, wipe or
    /// close this store. What it changes ahead of the read's position is seen as changed: new keys
    /// appear, removed ones do not, and a value is the one of the moment. What it changes behind
    /// the position is not seen.
    ///
    /// Key and value are lent: the key until `body` returns, the value until `body` puts or reads
    /// a key of this store. `from` and `to` must stay as they are during the call, so they must
    /// not be such a value.
    ///
    /// - Throws: what `body` throws, and a `StoreError` where the engine has to be read.
    public func range(
        from: UnsafeRawBufferPointer? = nil,
        to: UnsafeRawBufferPointer? = nil,
        isReversed: Bool = false,
        _ body: RangeBody
    ) throws {
        do { try read(from: from, to: to, isReversed: isReversed, body) } catch {
            if let error = error as? StoreError, error.code != .keyTooLong {
                failure = failure ?? error
            }
            throw error
        }
    }

    private func read(
        from: UnsafeRawBufferPointer?,
        to: UnsafeRawBufferPointer?,
        isReversed: Bool,
        _ body: RangeBody
    ) throws {
        guard let index else { preconditionFailure("only an ordered store is read in order") }
        if !isComplete { try loadAll() }
        openRangeCount += 1
        defer { openRangeCount -= 1 }
        var walk = IndexWalk(index, table, from: from, to: to, isReversed: isReversed)
        if isComplete {
            while let record = walk.record {
                guard try lend(record, walk.hash, to: body) else { return }
                walk.step(behind: record)
            }
        } else {
            try merge(&walk, from: from, to: to, isReversed: isReversed, body)
        }
    }

    /// What a range read calls: returns whether to go on.
    public typealias RangeBody = (
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ timestamp: Timestamp
    ) throws -> Bool

    /// Lends the value that a key of the index has in the table, if it has one.
    @inline(__always)
    private func lend(
        _ record: IndexRecord,
        _ hash: UInt64,
        to body: RangeBody
    ) throws -> Bool {
        let key = record.key
        guard let slot = table.pointee.find(key, hash: hash) else {
            preconditionFailure("the index of a store has a key that its table has not")
        }
        guard let value = table.pointee.value(slot) else { return true }
        return try body(key, value, table.pointee.timestamp(slot))
    }

    /// Lends entries of the table and of the engine in one order; the table knows better.
    private func merge(
        _ walk: inout IndexWalk,
        from: UnsafeRawBufferPointer?,
        to: UnsafeRawBufferPointer?,
        isReversed: Bool,
        _ body: RangeBody
    ) throws {
        var outcome = Result<Bool, any Error>.success(true)
        try engine.scan(from: from, to: to, isReversed: isReversed) { key, stored in
            outcome = Result { try self.lend(key, stored, &walk, to: body) }
            if case .success(true) = outcome { return true }
            return false
        }
        guard try outcome.get() else { return }
        while let record = walk.record {
            guard try lend(record, walk.hash, to: body) else { return }
            walk.step(behind: record)
        }
    }

    /// Lends what the table has before an entry of the engine, then that entry's key.
    private func lend(
        _ key: UnsafeRawBufferPointer,
        _ stored: UnsafeRawBufferPointer,
        _ walk: inout IndexWalk,
        to body: RangeBody
    ) throws -> Bool {
        while let record = walk.record, walk.orders(record.key, before: key) {
            guard try lend(record, walk.hash, to: body) else { return false }
            walk.step(behind: record)
        }
        if let record = walk.record, KeyOrder.compare(record.key, key) == 0 {
            guard try lend(record, walk.hash, to: body) else { return false }
            walk.step(behind: record)
        } else {
            let (timestamp, value) = try Self.read(stored)
            guard try body(key, value, timestamp) else { return false }
            walk.resume(behind: key)
        }
        return true
    }

    /// Every key that has a value, ascending by key bytes: table and engine merged. Not for the
    /// record's path: it copies.
    public func contents() throws(StoreError) -> [(
        key: [UInt8], value: [UInt8], timestamp: Timestamp
    )] {
        var merged: [[UInt8]: (value: [UInt8], timestamp: Timestamp)] = [:]
        try engine.scan(from: nil, to: nil) { key, stored in
            if let (timestamp, value) = StoredValue.read(stored) {
                merged[Array(key)] = (Array(value), timestamp)
            }
            return true
        }
        table.pointee.forEach { key, value, timestamp in
            merged[Array(key)] = value.map { (Array($0), timestamp) }
        }
        return merged.map { ($0.key, $0.value.value, $0.value.timestamp) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }
}

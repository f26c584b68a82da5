import Bytes
import CRocksDB
import FileOwner
package import LogModel
package import StateStores
import Threads

/// A store engine on RocksDB: one database for each store and partition.
///
/// A checkpoint is one sorted file, made beside the database and then ingested: RocksDB takes the
/// whole file with one flushed step of its manifest, so the entries and the changelog offset that
/// they stand for, which lies in the same file, are there together or not at all. RocksDB's own
/// log is off: the changelog is the log.
///
///     key 00                 the mark (`StoreMark`)
///     key 01 <the key>       a value of the store
///
/// SAFETY: `@unchecked` because of RocksDB's handles, which may be used from several threads: the
/// store's thread reads while one worker writes a checkpoint.
package final class RocksStore: StoreEngine, @unchecked Sendable {
    private let database: RocksDatabase
    private let options: RocksOptions
    /// Only the store's thread reads.
    private let lookup = RocksLookup()
    private let path: String
    /// Nothing in or beside the folder is changed.
    private let isReadOnly: Bool
    private let onWipe: @Sendable (StoreError) -> Void
    private let state: Lock<State>

    private struct State {
        var changelogOffset: Offset?
        var changelog: FollowedChangelog?
        var isEmpty: Bool
        var fileNumber = 0
        var isClosed = false
    }

    private static let markKey: [UInt8] = [0]
    private static let dataPrefix: UInt8 = 1

    /// Opens, or creates, the database in a folder. `onWipe` learns why the store was wiped.
    ///
    /// One that is read only changes no file and takes no lock: the caller keeps its owner away.
    ///
    /// - Throws: `.newerFormat` or `.corrupt` for a database that cannot be trusted, `.inUse` for
    ///   one that is open elsewhere, `.io`.
    package init(
        path: String,
        options: RocksOptions,
        isReadOnly: Bool = false,
        onWipe: @escaping @Sendable (StoreError) -> Void = { _ in }
    ) throws(StoreError) {
        self.path = path
        self.options = options
        self.isReadOnly = isReadOnly
        self.onWipe = onWipe
        if RocksCall.fileExists(path + Self.damageSuffix) {
            throw StoreError(
                code: .corrupt,
                path: path,
                message: "damage was met when the store was last used"
            )
        }
        database = try RocksDatabase.open(path, options, isReadOnly: isReadOnly)
        do throws(StoreError) {
            let found = try Self.readMark(database.handle, options, path)
            let isEmpty = try !Self.hasData(database.handle, options, path)
            if found == nil, !isEmpty {
                throw StoreError(
                    code: .corrupt,
                    path: path,
                    message: "the store has values but no mark"
                )
            }
            state = Lock(
                State(
                    changelogOffset: found?.offset,
                    changelog: found?.changelog,
                    isEmpty: isEmpty
                )
            )
        } catch {
            database.close()
            throw error
        }
        guard !isReadOnly else { return }
        Self.removeUnfinishedFiles(in: path)
        // Its lock file above all, without which nobody else opens it.
        FileOwner.handOverFiles(in: path)
    }

    /// An owner whose start failed may not have come to close its stores.
    deinit { close() }

    package var checkpointedOffset: Offset? { state.withLock { $0.changelogOffset } }

    package var changelog: FollowedChangelog? {
        get { state.withLock { $0.changelog } }
        set { state.withLock { $0.changelog = newValue } }
    }

    package var isEmpty: Bool { state.withLock { $0.isEmpty } }

    // MARK: Reading

    package func get(
        _ key: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) -> Bool {
        let slice = try withPrefixed(key) { prefixed throws(StoreError) in
            try notingDamage { () throws(StoreError) in
                try RocksCall.runOptional(path) {
                    rocksdb_get_pinned(
                        database.handle,
                        options.read,
                        prefixed.base,
                        prefixed.count,
                        $0
                    )
                }
            }
        }
        guard let slice else { return false }
        defer { rocksdb_pinnableslice_destroy(slice) }
        var count = 0
        let value = rocksdb_pinnableslice_value(slice, &count)
        body(UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : count))
        return true
    }

    package func get(
        all keys: UnsafeBufferPointer<UnsafeRawBufferPointer>,
        _ body: (_ place: Int, _ value: UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) {
        try notingDamage { () throws(StoreError) in
            try lookup.run(keys, prefix: Self.dataPrefix, in: database, options, path: path, body)
        }
    }

    /// Keys that several files hold count in each of them.
    package var estimatedEntryCount: Int { database.figure("rocksdb.estimate-num-keys") }

    package var memoryByteCount: Int {
        database.figure("rocksdb.estimate-table-readers-mem")
            + database.figure("rocksdb.cur-size-all-mem-tables")
    }

    package func scan(
        from: UnsafeRawBufferPointer?,
        to: UnsafeRawBufferPointer?,
        isReversed: Bool,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool
    ) throws(StoreError) {
        // RocksDB does not say what bounds the wrong way round mean.
        if let from, let to, !from.lexicographicallyPrecedes(to) { return }
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        try withPrefixed(from ?? none) { low throws(StoreError) in
            // Without an end, at the prefix behind that of all values.
            try withPrefixed(to ?? none, to == nil ? Self.dataPrefix + 1 : Self.dataPrefix) {
                high throws(StoreError) in
                try scan(low, high, isReversed, isWide: to == nil, body)
            }
        }
    }

    private func scan(
        _ low: Prefixed,
        _ high: Prefixed,
        _ isReversed: Bool,
        isWide: Bool,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool
    ) throws(StoreError) {
        guard let bounds = rocksdb_readoptions_create() else {
            throw StoreError(code: .io, path: path, message: "no memory for a scan")
        }
        // The bounds keep the iterator from walking over removed entries outside of them.
        defer { rocksdb_readoptions_destroy(bounds) }
        rocksdb_readoptions_set_iterate_lower_bound(bounds, low.base, low.count)
        rocksdb_readoptions_set_iterate_upper_bound(bounds, high.base, high.count)
        // One that may go over everything must not push out what single reads need.
        if isWide { rocksdb_readoptions_set_fill_cache(bounds, 0) }
        guard let iterator = rocksdb_create_iterator(database.handle, bounds) else {
            throw StoreError(code: .io, path: path, message: "no memory for a scan")
        }
        defer { rocksdb_iter_destroy(iterator) }
        if isReversed {
            rocksdb_iter_seek_to_last(iterator)
        } else {
            rocksdb_iter_seek_to_first(iterator)
        }
        while rocksdb_iter_valid(iterator) != 0 {
            var keyCount = 0
            var valueCount = 0
            guard let key = rocksdb_iter_key(iterator, &keyCount), keyCount > 0 else { break }
            let value = rocksdb_iter_value(iterator, &valueCount)
            let stripped = UnsafeRawBufferPointer(start: key + 1, count: keyCount - 1)
            let count = value == nil ? 0 : valueCount
            guard body(stripped, UnsafeRawBufferPointer(start: value, count: count)) else { break }
            if isReversed { rocksdb_iter_prev(iterator) } else { rocksdb_iter_next(iterator) }
        }
        try notingDamage { () throws(StoreError) in
            try RocksCall.runVoid(path) { rocksdb_iter_get_error(iterator, $0) }
        }
    }

    // MARK: Checkpoints

    package func checkpoint(
        _ entries: SortedEntries,
        changelogOffset: Offset
    ) throws(StoreError) {
        precondition(!isReadOnly, "a store that is only read takes no checkpoint")
        let (number, changelog) = state.withLock { state in
            state.fileNumber += 1
            return (state.fileNumber, state.changelog)
        }
        let file = "\(path)/checkpoint-\(number)\(Self.unfinishedSuffix)"
        let writer = try SortedFileWriter(file: file, path: path, options: options)
        do throws(StoreError) {
            let mark = StoreMark(offset: changelogOffset, changelog: changelog)
            try writer.put(Self.markKey, mark.encoded)
            for index in 0..<entries.count {
                let entry = entries.entry(index)
                try writer.write(prefix: Self.dataPrefix, key: entry.key, value: entry.value)
            }
            try writer.finish()
            // RocksDB also answers here for what it met when it merged files on its own.
            try notingDamage { () throws(StoreError) in
                try RocksCall.runVoid(path) { error in
                    var list: UnsafePointer<CChar>? = UnsafePointer(writer.cFile)
                    withUnsafePointer(to: &list) { pointer in
                        rocksdb_ingest_external_file(
                            database.handle,
                            pointer,
                            1,
                            options.ingest,
                            error
                        )
                    }
                }
            }
        } catch {
            RocksCall.removeFile(file)
            throw error
        }
        FileOwner.handOverFiles(in: path)
        state.withLock { state in
            state.changelogOffset = changelogOffset
            if entries.count > 0 { state.isEmpty = false }
        }
    }

    package func wipe(because reason: String) throws(StoreError) {
        precondition(!isReadOnly, "a store that is only read is not wiped")
        // One batch and one flush: all of it is gone, or nothing is.
        guard let batch = rocksdb_writebatch_create() else {
            throw StoreError(code: .io, path: path, message: "no memory for a batch")
        }
        defer { rocksdb_writebatch_destroy(batch) }
        let first: [CChar] = [0]
        let end = [CChar(bitPattern: Self.dataPrefix + 1)]
        rocksdb_writebatch_delete_range(batch, first, 1, end, 1)
        try notingDamage { () throws(StoreError) in
            try RocksCall.runVoid(path) { rocksdb_write(database.handle, options.write, batch, $0) }
            try RocksCall.runVoid(path) { rocksdb_flush(database.handle, options.flush, $0) }
        }
        // Gives the space back, and spares later reads the look at the deletion.
        rocksdb_compact_range(database.handle, first, 1, end, 1)
        state.withLock {
            $0.changelogOffset = nil
            $0.changelog = nil
            $0.isEmpty = true
        }
        onWipe(StoreError(code: .corrupt, path: path, message: reason))
    }

    package func close() {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        database.close()
        if !isReadOnly { FileOwner.handOverFiles(in: path) }
    }

    // MARK: The mark

    private static func readMark(
        _ database: OpaquePointer,
        _ options: RocksOptions,
        _ path: String
    ) throws(StoreError) -> StoreMark? {
        let slice = try RocksCall.runOptional(path) { error in
            markKey.withUnsafeBytes { key in
                rocksdb_get_pinned(
                    database,
                    options.read,
                    key.assumingMemoryBound(to: CChar.self).baseAddress,
                    key.count,
                    error
                )
            }
        }
        guard let slice else { return nil }
        defer { rocksdb_pinnableslice_destroy(slice) }
        var count = 0
        let value = rocksdb_pinnableslice_value(slice, &count)
        let bytes = UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : count)
        return try StoreMark(bytes, of: path)
    }

    private static func hasData(
        _ database: OpaquePointer,
        _ options: RocksOptions,
        _ path: String
    ) throws(StoreError) -> Bool {
        guard let iterator = rocksdb_create_iterator(database, options.read) else { return false }
        defer { rocksdb_iter_destroy(iterator) }
        var first = CChar(bitPattern: dataPrefix)
        rocksdb_iter_seek(iterator, &first, 1)
        let isThere = rocksdb_iter_valid(iterator) != 0
        try RocksCall.runVoid(path) { rocksdb_iter_get_error(iterator, $0) }
        return isThere
    }

    // MARK: Small things

    private static let unfinishedSuffix = ".sst.unfinished"
    /// Beside a store's folder: a file that says that damage was met. It need not survive a power
    /// loss: then the damage is met again, and noted again.
    private static let damageSuffix = ".damaged"

    /// Runs a step; damage that it meets is noted for the next opening, which may not see it: an
    /// opening reads little of the values.
    private func notingDamage<Result>(
        _ step: () throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        do throws(StoreError) { return try step() } catch {
            guard error.code == .corrupt, !isReadOnly else { throw error }
            RocksCall.createFile(path + Self.damageSuffix)
            throw StoreError(
                code: .corrupt,
                path: path,
                message: error.message + " (the next start rebuilds the store from its changelog)"
            )
        }
    }

    /// Removes a store that cannot be trusted, with everything in its folder. The note of damage
    /// goes last: stopped before that, the next opening begins again.
    ///
    /// - Throws: `.inUse` for one that is open, `.io`.
    static func destroy(path: String, options: RocksOptions) throws(StoreError) {
        try RocksCall.runVoid(path) { rocksdb_destroy_db(options.database, path, $0) }
        // What RocksDB does not know as its own.
        for name in RocksCall.names(in: path) { RocksCall.removeFile("\(path)/\(name)") }
        RocksCall.removeFile(path + damageSuffix)
    }

    /// Files of checkpoints that a crash cut off.
    private static func removeUnfinishedFiles(in path: String) {
        for name in RocksCall.names(in: path) where name.hasSuffix(unfinishedSuffix) {
            RocksCall.removeFile("\(path)/\(name)")
        }
    }

    private struct Prefixed {
        let base: UnsafePointer<CChar>
        let count: Int
    }

    /// Lends a key with a prefix, that of values if no other is named.
    private func withPrefixed<Result>(
        _ key: UnsafeRawBufferPointer,
        _ prefix: UInt8 = RocksStore.dataPrefix,
        _ body: (Prefixed) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let outcome = withUnsafeTemporaryAllocation(byteCount: key.count + 1, alignment: 8) {
            buffer -> Swift.Result<Result, StoreError> in
            buffer[0] = prefix
            if let base = key.baseAddress, let to = buffer.baseAddress {
                (to + 1).copyMemory(from: base, byteCount: key.count)
            }
            let bytes = buffer.assumingMemoryBound(to: CChar.self)
            // SAFETY: the buffer holds one byte at least, so it has a base.
            let prefixed = Prefixed(
                base: UnsafePointer(bytes.baseAddress.unsafelyUnwrapped),
                count: key.count + 1
            )
            do throws(StoreError) { return .success(try body(prefixed)) } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }
}

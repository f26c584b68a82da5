import Bytes
import DirectoryAccess
import Glibc
import LogModel
import RocksStore
import StateStores
import Streams
import Terminal

/// What the entries of a store are in bytes; how records are printed is another `RecordFormat`.
typealias StoreFormat = Streams.RecordFormat

/// One part of a store, as its job left it: that of a partition, or a thread's copy of a topic.
struct StoredStore {
    enum Part: Equatable {
        case partition(PartitionIndex)
        /// A copy of a global table.
        case thread(Int32)
        /// Kept in memory alone.
        case memory
        /// Not there: removed, or not made yet.
        case missing

        /// What stands behind the store's name in its folder's.
        var suffix: String {
            switch self {
            case .partition(let index): "-\(index.rawValue)"
            case .thread(let number): "~global-\(number)"
            case .memory, .missing: ""
            }
        }

        var number: Int32 {
            switch self {
            case .partition(let index): index.rawValue
            case .thread(let number): number
            case .memory, .missing: -1
            }
        }
    }

    let job: String
    let name: String
    let part: Part
    /// Its folder.
    let path: String
    /// What its entries are; nil where neither its changelog nor the job's topology says so.
    let format: StoreFormat?
    var changelog: TopicPartition?
    /// The topic that is its changelog now.
    var changelogID: UniqueID?
    /// The offset behind the last record of its changelog; nil where that is not known.
    var changelogEnd: Offset?

    var changelogName: String { InternalNames(job: job).changelogTopic(store: name) }

    /// The layout by which its keys are read; unknown ones are shown as they lie.
    var layout: StoreLayout { format.flatMap { StoreLayout($0) } ?? .keyValue }

    var keyForm: SerdeForm { format.map { SerdeForm($0.key) } ?? .bytes }

    var valueForm: SerdeForm {
        let form = format.map { SerdeForm($0.value) } ?? .bytes
        // What is held back there is a change of such a value.
        return layout == .suppressed ? .change(form) : form
    }

    /// What the files take.
    var byteCount: Int {
        guard part != .memory, part != .missing else { return 0 }
        return Folder.names(in: path).reduce(0) { sum, name in
            var status = stat()
            guard stat("\(path)/\(name)", &status) == 0 else { return sum }
            return sum + Int(status.st_size)
        }
    }

    /// Opens it for reading.
    func open() throws(CommandFailure) -> RocksStore {
        do throws(StoreError) {
            return try RocksStore(path: path, options: RocksOptions(), isReadOnly: true)
        } catch { throw failure(error) }
    }

    /// How far it is beside its changelog, once it is open; nil for a copy of a topic, which has
    /// none.
    func standing(of opened: RocksStore) -> StoreStanding? {
        guard case .partition = part else { return nil }
        return StoreStanding(
            position: opened.checkpointedOffset,
            followed: opened.changelog?.id,
            changelog: changelogID,
            end: changelogEnd
        )
    }

    /// Whether it has a key among those that are chosen.
    func hasKey(_ choice: KeyChoice) throws(CommandFailure) -> Bool {
        let store = try open()
        defer { store.close() }
        return try !forEach(choice, in: store) { _ in false }
    }

    /// Lends the entries of keys that are chosen until `body` returns false; false if it did.
    func forEach(
        _ choice: KeyChoice,
        in store: RocksStore,
        _ body: (StoreEntry) -> Bool
    ) throws(CommandFailure) -> Bool {
        let (layout, size) = (layout, format?.windowSize)
        var goesOn = true
        for range in choice.ranges(in: layout) where goesOn {
            do throws(StoreError) {
                try Self.scan(store, range) { key, stored in
                    guard let entry = layout.entry(key, stored, windowSize: size),
                        choice.contains(entry.key)
                    else { return true }
                    goesOn = body(entry)
                    return goesOn
                }
            } catch { throw failure(error) }
        }
        return goesOn
    }

    private static func scan(
        _ store: RocksStore,
        _ range: StoreKeyRange,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool
    ) throws(StoreError) {
        let outcome = range.from.withUnsafeBytes { from -> Result<Void, StoreError> in
            guard let to = range.to else {
                return Result { () throws(StoreError) in try store.scan(from: from, to: nil, body) }
            }
            return to.withUnsafeBytes { to -> Result<Void, StoreError> in
                Result { () throws(StoreError) in try store.scan(from: from, to: to, body) }
            }
        }
        try outcome.get()
    }

    private func failure(_ error: StoreError) -> CommandFailure {
        CommandFailure(
            "the store '\(name)' cannot be read",
            place: path,
            reason: error.message,
            next: error.code == .corrupt
                ? "the next start of the job \(job) makes it anew of its changelog" : nil
        )
    }
}

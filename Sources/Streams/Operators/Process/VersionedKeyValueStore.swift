public import LogModel
public import Serdes

/// A processor's store that keeps which value a key had when, through a history.
///
/// A version begins at the time it is put at and ends where the next one begins. Once it has ended
/// longer ago than the history, seen from the largest time that was put, it is gone.
public final class VersionedKeyValueStore<KeySerde: Serde, ValueSerde: Serde> {
    /// A key of the store.
    public typealias Key = KeySerde.Value
    /// A value of the store.
    public typealias Value = ValueSerde.Value

    /// What a put amounted to.
    public enum PutResult: Hashable, Sendable {
        /// It is the newest version of its key.
        case latest
        /// There are newer ones: it ends where the next one begins.
        case ended(Timestamp)
        /// It is older than the history, and was not put; that is counted as a late record.
        case tooOld
    }

    private let store: VersionedStore
    private let keys: EscapedKeys<KeySerde>
    private let value: ValueSerde
    private let counters: UnsafeMutablePointer<TaskCounters>
    private let scratch = KeyScratch()

    init(
        _ task: TaskBinding,
        _ specification: StoreSpecification,
        _ key: KeySerde,
        _ value: ValueSerde,
        history: Int64
    ) {
        let handle = StoreHandle(task: task, store: specification.name)
        store = VersionedStore(handle, history: history)
        keys = EscapedKeys(key)
        self.value = value
        counters = task.counters
    }

    /// Puts a version of a key that begins at a time; nil (or what its serde writes as null) is a
    /// removal.
    @discardableResult
    public func put(_ key: Key, _ newValue: Value?, at time: Timestamp) throws -> PutResult {
        var bytes: UnsafeRawBufferPointer?
        if let newValue, !value.isNull(newValue) {
            scratch.sink.pointee.removeAll()
            try value.encode(newValue, into: &scratch.sink.pointee)
            bytes = scratch.bytes
        }
        switch try store.put(try keys.bytes(of: key), bytes, at: time.rawValue) {
        case .latest: return .latest
        case .superseded(let end): return .ended(Timestamp(end))
        case .tooOld:
            counters.pointee.drop(.late)
            return .tooOld
        }
    }

    /// The newest value of a key and the time it began; nil where the newest version is a removal.
    public func get(_ key: Key) throws -> (value: Value, timestamp: Timestamp)? {
        try read(try store.latest(try keys.bytes(of: key)))
    }

    /// The value that a key had at a time, and when it began; nil where it had none, and for a time
    /// older than the history unless the newest version is as old.
    public func get(
        _ key: Key,
        asOf time: Timestamp
    ) throws -> (value: Value, timestamp: Timestamp)? {
        try read(try store.version(try keys.bytes(of: key), asOf: time.rawValue))
    }

    private func read(_ version: StoredVersion?) throws -> (value: Value, timestamp: Timestamp)? {
        guard let version else { return nil }
        return (try value.decode(version.bytes), version.start)
    }
}

extension Store {
    /// A store of the versions of each key.
    ///
    /// - Parameter history: how long a version is kept after its end.
    public static func versioned<KeySerde: Serde, ValueSerde: Serde>(
        _ name: String,
        key: KeySerde,
        value: ValueSerde,
        history: Duration
    ) -> Store where Handle == VersionedKeyValueStore<KeySerde, ValueSerde> {
        let kept = max(0, history.wholeMilliseconds)
        let format = RecordFormat("versioned", key, value)
        return Store(name, .versioned, format) { task, specification in
            VersionedKeyValueStore(task, specification, key, value, history: kept)
        }
    }
}

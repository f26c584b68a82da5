import LogModel

/// The changes that a `suppress` holds in one task, by key: what whoever looks its rows up needs.
@usableFromInline
struct HeldChanges<KeySerde: Serde, ValueSerde: Serde> {
    private let store: TimedStore
    private let keys: EscapedKeys<KeySerde>
    private let serde: ChangeSerde<ValueSerde>

    @usableFromInline
    init(_ task: TaskBinding, _ store: String, key: KeySerde, value: ValueSerde) {
        self.store = TimedStore(StoreHandle(task: task, store: store))
        keys = EscapedKeys(key)
        serde = ChangeSerde(value)
    }

    /// The change of a key that is held: from what the row was before the first one to what it is
    /// after the last one. Nil where none is held.
    @usableFromInline
    func change(of key: KeySerde.Value) throws -> Change<ValueSerde.Value>? {
        guard !keys.serde.isNull(key) else { return nil }
        var held: Change<ValueSerde.Value>?
        try store.forEach(escapedKey: try keys.bytes(of: key), from: .min, through: .max) {
            _,
            _,
            bytes,
            _ in
            held = try serde.decode(HeldRecord.content(of: bytes))
            return false
        }
        return held
    }
}

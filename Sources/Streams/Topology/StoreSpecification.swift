public import LogModel
public import Serdes

/// A store of a task: its name, which the owner gave, and the form of its entries.
public struct StoreSpecification: Hashable, Codable, Sendable {
    /// What a store's entries are, which decides how its keys are laid out.
    public enum Kind: String, Hashable, Codable, Sendable, CaseIterable {
        /// A value with a timestamp for each key.
        case keyValue
        /// A value with a timestamp for each key, in the order of the keys' bytes.
        case orderedKeyValue
        /// A value for each key and window, in the order of the windows' starts.
        case window
        /// Values for each key and time, in the order of the keys, and found by time too.
        case timed
        /// Values for each key and time, by spans of time, then keys: what a join of streams keeps.
        case joined
        /// A value for each key and session, in the order of the keys, and found by the sessions'
        /// ends too.
        case session
        /// The newest value of each key, and those before it, found by the time of their end too.
        case versioned
        /// A value for each key, found by its timestamp too, after which it is forgotten.
        case expiring
        /// The row of each key, found by a time that stands in its value too, behind which it ends.
        case expiringRow
    }

    /// The store's name, unique in its job.
    public let name: String
    /// The form of its entries.
    public let kind: Kind
    /// What the entries are in bytes.
    public let format: RecordFormat
    /// Whether the store is kept in memory alone: its changelog is read whole at a start.
    public var isInMemory = false
    /// When its rows end; nil where they do not.
    public var expiry: Expiry?
    /// Whether several operators may use it.
    var isShared = false

    /// A store of this name, kind and format.
    public init(_ name: String, _ kind: Kind, _ format: RecordFormat) {
        self.name = name
        self.kind = kind
        self.format = format
    }

    /// A store of one value for each key, as two serdes write them.
    @inlinable
    public init<KeySerde: Serde, ValueSerde: Serde>(
        _ name: String,
        key: KeySerde,
        value: ValueSerde,
        expiry: Expiry? = nil
    ) {
        let isPlain = expiry == nil
        self.init(
            name,
            isPlain ? .keyValue : .expiringRow,
            RecordFormat(isPlain ? "keyValue" : "expiringRow", key, value)
        )
        self.expiry = expiry
    }

    /// The store of an aggregation by sessions.
    @usableFromInline
    static func sessions<KeySerde: Serde, ValueSerde: Serde>(
        _ name: String,
        _ key: KeySerde,
        _ value: ValueSerde
    ) -> StoreSpecification {
        StoreSpecification(name, .session, RecordFormat("session by start", key, value))
    }

    /// The keys of a topic or repartition whose later records follow a dead letter.
    static func heldKeys(of name: String) -> StoreSpecification {
        StoreSpecification("\(name)\(heldKeysSuffix)", .keyValue, heldKeysFormat)
    }

    static let heldKeysSuffix = "-held"
    private static let heldKeysFormat = RecordFormat("held", key: "bytes", value: "dead letter")

    /// Whether it has held keys: what is held begins with the first dead letter.
    package var isOfHeldKeys: Bool { format == Self.heldKeysFormat }

    /// What its entries are, and when they end, for people.
    package var words: String { "\(format)" + (expiry.map { "; \($0)" } ?? "") }

    /// Whether the store's keys are read in order.
    public var isOrdered: Bool { kind != .keyValue }

    /// Whether what is too old leaves the store without a record in its changelog, which is cut off
    /// behind it instead.
    package var isCutOff: Bool { kind == .joined }

    /// The key under which an entry is found by its time, put together in `sink`; nil for an entry
    /// that is not. Such keys are made of the entries and stand in no changelog.
    ///
    /// - Parameter value: the entry's value; nil for its removal.
    public func timeKey(
        of entry: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer?,
        at timestamp: Timestamp,
        in sink: inout ByteSink
    ) -> UnsafeRawBufferPointer? {
        switch kind {
        case .timed where TimedKey.isEntry(entry), .versioned where TimedKey.isEntry(entry):
            sink.removeAll()
            TimedKey.appendTimeKey(of: entry, to: &sink)
        case .session where SessionKey.isEntry(entry):
            sink.removeAll()
            SessionKey.appendTwin(of: entry, at: timestamp.rawValue, to: &sink)
        case .expiring where entry.first == KeySpace.entry:
            sink.removeAll()
            ExpiringKey.appendTwin(of: entry, at: timestamp.rawValue, to: &sink)
        case .expiringRow where entry.first == KeySpace.entry:
            var time = timestamp.rawValue
            if let value {
                guard value.count >= ExpiringRows.prefixByteCount else { return nil }
                time = value.time(at: 0)
            }
            sink.removeAll()
            ExpiringKey.appendTwin(of: entry, at: time, to: &sink)
        case .keyValue, .orderedKeyValue, .window, .timed, .joined, .session, .versioned,
            .expiring, .expiringRow:
            return nil
        }
        return sink.bytes
    }
}

public import Serdes

/// A store of a task: its name, which the owner gave, and the form of its entries.
public struct StoreSpecification: Hashable, Sendable {
    /// What a store's entries are, which decides how its keys are laid out.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// A value with a timestamp for each key.
        case keyValue
        /// A value with a timestamp for each key, in the order of the keys' bytes.
        case orderedKeyValue
        /// A value for each key and window, in the order of the windows' starts.
        case window
        /// Values for each key and time, in the order of the keys, and found by time too.
        case timed
        /// A value for each key, in the order of the keys.
        case ordered
        /// The newest value of each key, and those before it, found by the time of their end too.
        case versioned
    }

    /// The store's name, unique in its job.
    public let name: String
    /// The form of its entries.
    public let kind: Kind
    /// Whether the store is kept in memory alone: its changelog is read whole at a start.
    public var isInMemory = false
    /// Whether several operators may use it.
    var isShared = false

    /// A store of this name and kind.
    public init(_ name: String, _ kind: Kind = .keyValue) {
        self.name = name
        self.kind = kind
    }

    /// Whether the store's keys are read in order.
    public var isOrdered: Bool { kind != .keyValue }

    /// The key under which an entry is found by its time, put together in `sink`; nil for an entry
    /// that is not. Such keys are made of the entries and stand in no changelog.
    public func timeKey(
        of entry: UnsafeRawBufferPointer,
        in sink: inout ByteSink
    ) -> UnsafeRawBufferPointer? {
        guard kind == .timed || kind == .versioned, TimedKey.isEntry(entry) else { return nil }
        sink.removeAll()
        TimedKey.appendTimeKey(of: entry, to: &sink)
        return sink.bytes
    }
}

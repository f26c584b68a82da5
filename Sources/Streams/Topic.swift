/// A topic with the types of its records, declared once and used by every stream on it.
///
///     enum Topics {
///         static let orders = Topic("orders", key: .utf8, value: .json(Order.self))
///     }
public struct Topic<KeySerde: Serde, ValueSerde: Serde>: Sendable {
    /// The topic's name.
    public let name: String
    /// How keys are read and written.
    public let key: KeySerde
    /// How values are read and written.
    public let value: ValueSerde

    /// A topic of this name.
    public init(_ name: String, key: KeySerde, value: ValueSerde) {
        self.name = name
        self.key = key
        self.value = value
    }
}

extension Topic where KeySerde == IgnoredKeySerde {
    /// A topic whose keys are not read, and written as null.
    public init(_ name: String, value: ValueSerde) {
        self.init(name, key: .ignored, value: value)
    }
}

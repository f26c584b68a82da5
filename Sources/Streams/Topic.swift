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

/// Topics by the types of key and value: text, numbers and bytes as Kafka's own serializers write
/// them, every other `Codable` type as JSON.
///
///     static let orders = Topic("orders", key: String.self, value: Order.self)
///
/// A type that is to be JSON is taken as an optional, which ranks a choice lower for the compiler:
/// a type's own default wins, for key and value apart.
extension Topic {
    /// A topic whose key and value have serdes of their own by default.
    public init<Key: DefaultSerde, Value: DefaultSerde>(
        _ name: String,
        key: Key.Type,
        value: Value.Type
    ) where KeySerde == Key.DefaultSerdeType, ValueSerde == Value.DefaultSerdeType {
        self.init(name, key: Key.defaultSerde, value: Value.defaultSerde)
    }

    /// A topic whose values are JSON.
    public init<Key: DefaultSerde, Value: Codable & Sendable>(
        _ name: String,
        key: Key.Type,
        value: Value.Type?
    ) where KeySerde == Key.DefaultSerdeType, ValueSerde == JSONSerde<Value> {
        self.init(name, key: Key.defaultSerde, value: JSONSerde())
    }

    /// A topic whose keys are JSON.
    public init<Key: Codable & Sendable, Value: DefaultSerde>(
        _ name: String,
        key: Key.Type?,
        value: Value.Type
    ) where KeySerde == JSONSerde<Key>, ValueSerde == Value.DefaultSerdeType {
        self.init(name, key: JSONSerde(), value: Value.defaultSerde)
    }

    /// A topic whose keys and values are JSON.
    public init<Key: Codable & Sendable, Value: Codable & Sendable>(
        _ name: String,
        key: Key.Type?,
        value: Value.Type?
    ) where KeySerde == JSONSerde<Key>, ValueSerde == JSONSerde<Value> {
        self.init(name, key: JSONSerde(), value: JSONSerde())
    }

    /// A topic whose value has a serde of its own by default.
    public init<Value: DefaultSerde>(_ name: String, key: KeySerde, value: Value.Type)
    where ValueSerde == Value.DefaultSerdeType {
        self.init(name, key: key, value: Value.defaultSerde)
    }

    /// A topic whose values are JSON.
    public init<Value: Codable & Sendable>(_ name: String, key: KeySerde, value: Value.Type?)
    where ValueSerde == JSONSerde<Value> {
        self.init(name, key: key, value: JSONSerde())
    }

    /// A topic whose key has a serde of its own by default.
    public init<Key: DefaultSerde>(_ name: String, key: Key.Type, value: ValueSerde)
    where KeySerde == Key.DefaultSerdeType {
        self.init(name, key: Key.defaultSerde, value: value)
    }

    /// A topic whose keys are JSON.
    public init<Key: Codable & Sendable>(_ name: String, key: Key.Type?, value: ValueSerde)
    where KeySerde == JSONSerde<Key> {
        self.init(name, key: JSONSerde(), value: value)
    }

    /// A topic whose keys are not read, and whose value has a serde of its own by default.
    public init<Value: DefaultSerde>(_ name: String, value: Value.Type)
    where KeySerde == IgnoredKeySerde, ValueSerde == Value.DefaultSerdeType {
        self.init(name, key: .ignored, value: Value.defaultSerde)
    }

    /// A topic whose keys are not read, and whose values are JSON.
    public init<Value: Codable & Sendable>(_ name: String, value: Value.Type?)
    where KeySerde == IgnoredKeySerde, ValueSerde == JSONSerde<Value> {
        self.init(name, key: .ignored, value: JSONSerde())
    }
}

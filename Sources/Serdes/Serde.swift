/// How one type of value is written as the bytes of a record's key or value, and read back.
///
/// Implementations are small structs. `decode` and `encode` run once a record: they should not
/// allocate where the type allows it.
///
///     struct Celsius: Serde {
///         func decode(_ bytes: UnsafeRawBufferPointer) throws -> Double { … }
///         func encode(_ value: Double, into sink: inout ByteSink) throws { … }
///     }
public protocol Serde<Value>: Sendable {
    /// The Swift type of the value.
    associatedtype Value

    /// Reads a value. The bytes are valid during the call only: copy what is kept.
    ///
    /// - Throws: `SerdeError` (or any error, whose text is shown) if the bytes are no such value.
    func decode(_ bytes: UnsafeRawBufferPointer) throws -> Value

    /// Appends the bytes of `value` to `sink`.
    func encode(_ value: Value, into sink: inout ByteSink) throws

    /// The value that a null key or value stands for; throws by default.
    func decodeNull() throws -> Value

    /// Whether `value` is written as null instead of as bytes; false by default.
    func isNull(_ value: Value) -> Bool

    /// The part of a key's bytes that decides its partition; all of them by default.
    func partitionBytes(of encoded: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer

    /// What the topology's description calls this serde.
    static var name: String { get }

    /// What the bytes are, for whoever finds them later: the name by default, and what else a
    /// reader has to know. A store whose serde got another one is refused, for what it holds is
    /// something else.
    var formatName: String { get }
}

extension Serde {
    /// Refuses null.
    @inlinable
    public func decodeNull() throws -> Value {
        throw SerdeError("null, where \(Self.name) needs bytes; .optional(…) accepts null")
    }

    /// All of them.
    @inlinable @inline(__always)
    public func partitionBytes(of encoded: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        encoded
    }

    /// Not null.
    @inlinable
    public func isNull(_ value: Value) -> Bool { false }

    /// The name.
    public var formatName: String { Self.name }

    /// The type's name.
    public static var name: String { String(describing: Self.self) }

    /// The value of possibly null bytes.
    @inlinable @inline(__always)
    public func decodeNullable(_ bytes: UnsafeRawBufferPointer?) throws -> Value {
        if let bytes { return try decode(bytes) }
        return try decodeNull()
    }
}

/// Why bytes are not the value that a serde expects, or a value has no bytes.
public struct SerdeError: Error, Equatable, CustomStringConvertible, Sendable {
    /// What is wrong, in words that fit behind "cannot read the value: ".
    public let reason: String
    /// An error with this reason.
    public init(_ reason: String) { self.reason = reason }
    /// The reason.
    public var description: String { reason }

    /// So many bytes, where there are to be others. A function of its own: the text would be in the
    /// way where numbers are read.
    @usableFromInline @inline(never)
    static func wrongCount(_ count: Int, _ wanted: String) -> SerdeError {
        SerdeError("\(count) bytes, where \(wanted)")
    }
}

public import Bytes

/// Text as UTF-8, Kafka's StringSerializer.
public struct UTF8Serde: Serde {
    @usableFromInline let knowsSmallText = SmallText.isKnown

    /// The serde.
    public init() {}

    @inlinable @inline(__always)
    public func decode(_ bytes: UnsafeRawBufferPointer) throws -> String {
        if knowsSmallText, let text = SmallText.text(bytes) { return text }
        return try decodeAny(bytes)
    }

    @usableFromInline @inline(never)
    func decodeAny(_ bytes: UnsafeRawBufferPointer) throws -> String {
        if bytes.isASCII { return bytes.text }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SerdeError("\(bytes.count) bytes that are not UTF-8 text")
        }
        return text
    }

    @inlinable @inline(__always)
    public func encode(_ value: String, into sink: inout ByteSink) {
        if knowsSmallText, let bytes = SmallText.bytes(of: value) {
            return sink.append(bytes.low, bytes.high, count: bytes.count)
        }
        encodeAny(value, into: &sink)
    }

    @usableFromInline @inline(never)
    func encodeAny(_ value: String, into sink: inout ByteSink) { sink.append(utf8: value) }

    public static var name: String { "utf8" }
}

extension UnsafeRawBufferPointer {
    /// Whether no byte has its highest bit set.
    @inlinable
    var isASCII: Bool {
        guard let base = baseAddress else { return true }
        var bits: UInt64 = 0
        var index = 0
        if count >= 8 {
            while index &+ 8 < count {
                bits |= base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                index &+= 8
            }
            // The last 8 bytes, which may overlap what was read.
            bits |= base.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
            return bits & 0x8080_8080_8080_8080 == 0
        }
        while index < count {
            bits |= UInt64(base.load(fromByteOffset: index, as: UInt8.self))
            index &+= 1
        }
        return bits & 0x8080_8080_8080_8080 == 0
    }

    /// The text of bytes that are UTF-8.
    @inlinable
    var text: String {
        // So much lies in the String itself: it is filled in place.
        guard count <= 15 else { return String(decoding: self, as: UTF8.self) }
        return String(unsafeUninitializedCapacity: count) { room in
            UnsafeMutableRawBufferPointer(room).copyMemory(from: self)
            return count
        }
    }
}

/// A 64-bit integer, 8 bytes big-endian, Kafka's LongSerializer.
public struct Int64Serde: Serde {
    /// The serde.
    public init() {}

    @inlinable @inline(__always)
    public func decode(_ bytes: UnsafeRawBufferPointer) throws -> Int64 {
        guard bytes.count == 8, let base = bytes.baseAddress else {
            throw SerdeError.wrongCount(bytes.count, "an int64 has 8")
        }
        return base.bigEndian(at: 0)
    }

    @inlinable @inline(__always)
    public func encode(_ value: Int64, into sink: inout ByteSink) { sink.append(bigEndian: value) }

    public static var name: String { "int64" }
}

/// A 64-bit floating-point number, 8 bytes big-endian IEEE 754, Kafka's DoubleSerializer.
public struct DoubleSerde: Serde {
    /// The serde.
    public init() {}

    @inlinable @inline(__always)
    public func decode(_ bytes: UnsafeRawBufferPointer) throws -> Double {
        guard bytes.count == 8, let base = bytes.baseAddress else {
            throw SerdeError.wrongCount(bytes.count, "a double has 8")
        }
        return Double(bitPattern: base.bigEndian(at: 0))
    }

    @inlinable @inline(__always)
    public func encode(_ value: Double, into sink: inout ByteSink) {
        sink.append(bigEndian: value.bitPattern)
    }

    public static var name: String { "double" }
}

/// The bytes as they are.
public struct BytesSerde: Serde {
    /// The serde.
    public init() {}

    @inlinable
    public func decode(_ bytes: UnsafeRawBufferPointer) -> [UInt8] { [UInt8](bytes) }

    @inlinable
    public func encode(_ value: [UInt8], into sink: inout ByteSink) {
        value.withUnsafeBytes { sink.append(contentsOf: $0) }
    }

    public static var name: String { "bytes" }
}

/// Null or what `wrapped` reads: a nil value is written as null, in a table a tombstone.
public struct OptionalSerde<Wrapped: Serde>: Serde {
    @usableFromInline let wrapped: Wrapped

    /// A serde that lets null pass beside what `wrapped` reads.
    public init(_ wrapped: Wrapped) { self.wrapped = wrapped }

    @inlinable @inline(__always)
    public func decode(_ bytes: UnsafeRawBufferPointer) throws -> Wrapped.Value? {
        try wrapped.decode(bytes)
    }

    @inlinable @inline(__always)
    public func encode(_ value: Wrapped.Value?, into sink: inout ByteSink) throws {
        guard let value else { throw SerdeError("nil has no bytes") }
        try wrapped.encode(value, into: &sink)
    }

    @inlinable
    public func partitionBytes(of encoded: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        wrapped.partitionBytes(of: encoded)
    }

    @inlinable
    public func decodeNull() -> Wrapped.Value? { nil }

    @inlinable
    public func isNull(_ value: Wrapped.Value?) -> Bool {
        guard let value else { return true }
        return wrapped.isNull(value)
    }

    public static var name: String { "optional \(Wrapped.name)" }

    /// That of what is wrapped: nil has no bytes.
    public var formatName: String { wrapped.formatName }
}

/// Keys that nobody reads: whatever the bytes, the key is `NoKey`, written as null.
public struct IgnoredKeySerde: Serde {
    /// The serde.
    public init() {}
    @inlinable public func decode(_ bytes: UnsafeRawBufferPointer) -> NoKey { NoKey() }
    @inlinable public func encode(_ value: NoKey, into sink: inout ByteSink) {}
    @inlinable public func decodeNull() -> NoKey { NoKey() }
    @inlinable public func isNull(_ value: NoKey) -> Bool { true }
    public static var name: String { "ignored" }
}

/// The key of a stream whose keys are not read.
public struct NoKey: Hashable, Sendable {
    /// The one value.
    @inlinable public init() {}
}

extension Serde where Self == UTF8Serde {
    /// Text as UTF-8.
    public static var utf8: UTF8Serde { UTF8Serde() }
}

extension Serde where Self == Int64Serde {
    /// A 64-bit integer, 8 bytes big-endian.
    public static var int64: Int64Serde { Int64Serde() }
}

extension Serde where Self == DoubleSerde {
    /// A 64-bit floating-point number, 8 bytes big-endian.
    public static var double: DoubleSerde { DoubleSerde() }
}

extension Serde where Self == BytesSerde {
    /// The bytes as they are.
    public static var bytes: BytesSerde { BytesSerde() }
}

extension Serde where Self == IgnoredKeySerde {
    /// Keys that nobody reads.
    public static var ignored: IgnoredKeySerde { IgnoredKeySerde() }
}

extension Serde {
    /// Null, or what `wrapped` reads.
    public static func optional<Wrapped: Serde>(_ wrapped: Wrapped) -> Self
    where Self == OptionalSerde<Wrapped> { OptionalSerde(wrapped) }
}

/// A type with one obvious serde, which operators use where none is named.
public protocol DefaultSerde {
    /// The type of the serde.
    associatedtype DefaultSerdeType: Serde where DefaultSerdeType.Value == Self
    /// The serde.
    static var defaultSerde: DefaultSerdeType { get }
}

extension String: DefaultSerde {
    /// UTF-8.
    public static var defaultSerde: UTF8Serde { UTF8Serde() }
}

extension Int64: DefaultSerde {
    /// 8 bytes big-endian.
    public static var defaultSerde: Int64Serde { Int64Serde() }
}

extension Double: DefaultSerde {
    /// 8 bytes big-endian.
    public static var defaultSerde: DoubleSerde { DoubleSerde() }
}

extension Array: DefaultSerde where Element == UInt8 {
    /// The bytes as they are.
    public static var defaultSerde: BytesSerde { BytesSerde() }
}

extension Optional: DefaultSerde where Wrapped: DefaultSerde {
    /// Null or the wrapped type's serde.
    public static var defaultSerde: OptionalSerde<Wrapped.DefaultSerdeType> {
        OptionalSerde(Wrapped.defaultSerde)
    }
}

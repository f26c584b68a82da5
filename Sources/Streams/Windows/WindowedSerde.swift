public import LogModel

/// A key in a window of fixed size, as Kafka Streams writes it: the key's bytes, then the window's
/// start in 8 bytes, big-endian. The partition is that of the key alone.
public struct TimeWindowedSerde<KeySerde: Serde>: Serde {
    @usableFromInline let key: KeySerde
    /// The windows' length in milliseconds, by which a reader knows their end.
    @usableFromInline let size: Int64

    /// Keys of this serde in windows of this length.
    public init(_ key: KeySerde, size: Duration) {
        self.key = key
        self.size = size.wholeMilliseconds
    }

    @inlinable
    public func decode(_ bytes: UnsafeRawBufferPointer) throws -> Windowed<KeySerde.Value> {
        let split = bytes.count - 8
        guard split >= 0, let base = bytes.baseAddress else {
            throw SerdeError("\(bytes.count) bytes, where a windowed key has at least 8")
        }
        let stored = base.loadUnaligned(fromByteOffset: split, as: Int64.self)
        let start = Timestamp(Int64(bigEndian: stored))
        return Windowed(
            key: try key.decode(UnsafeRawBufferPointer(rebasing: bytes[..<split])),
            window: Window(start: start, end: start.advanced(byMilliseconds: size))
        )
    }

    @inlinable
    public func encode(_ value: Windowed<KeySerde.Value>, into sink: inout ByteSink) throws {
        try key.encode(value.key, into: &sink)
        sink.append(bigEndian: value.window.start.rawValue)
    }

    @inlinable
    public func partitionBytes(of encoded: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: encoded.dropLast(8))
    }

    public static var name: String { "windowed \(KeySerde.name)" }

    /// With the windows' length, which no key holds.
    public var formatName: String { "windowed \(key.formatName) of \(size) ms" }
}

/// A key in a session, as Kafka Streams writes it: the key's bytes, then the session's end and its
/// start in 8 bytes each, big-endian. The partition is that of the key alone.
public struct SessionWindowedSerde<KeySerde: Serde>: Serde {
    @usableFromInline let key: KeySerde

    /// Keys of this serde in sessions.
    public init(_ key: KeySerde) { self.key = key }

    @inlinable
    public func decode(_ bytes: UnsafeRawBufferPointer) throws -> Windowed<KeySerde.Value> {
        let split = bytes.count - 16
        guard split >= 0, let base = bytes.baseAddress else {
            throw SerdeError("\(bytes.count) bytes, where a key in a session has at least 16")
        }
        let end = base.loadUnaligned(fromByteOffset: split, as: Int64.self)
        let start = base.loadUnaligned(fromByteOffset: split + 8, as: Int64.self)
        return Windowed(
            key: try key.decode(UnsafeRawBufferPointer(rebasing: bytes[..<split])),
            window: Window(
                start: Timestamp(Int64(bigEndian: start)),
                end: Timestamp(Int64(bigEndian: end))
            )
        )
    }

    @inlinable
    public func encode(_ value: Windowed<KeySerde.Value>, into sink: inout ByteSink) throws {
        try key.encode(value.key, into: &sink)
        sink.append(bigEndian: value.window.end.rawValue)
        sink.append(bigEndian: value.window.start.rawValue)
    }

    @inlinable
    public func partitionBytes(of encoded: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: encoded.dropLast(16))
    }

    public static var name: String { "session \(KeySerde.name)" }

    /// With what is to be known of the key's serde.
    public var formatName: String { "session \(key.formatName)" }
}

extension Serde {
    /// A key in a window of this length.
    public static func windowed<KeySerde: Serde>(_ key: KeySerde, size: Duration) -> Self
    where Self == TimeWindowedSerde<KeySerde> { TimeWindowedSerde(key, size: size) }

    /// A key in a session.
    public static func session<KeySerde: Serde>(_ key: KeySerde) -> Self
    where Self == SessionWindowedSerde<KeySerde> { SessionWindowedSerde(key) }
}

package import Bytes

/// What stands in front of a message's body where it is a record's key or value.
package enum MessagePrefix: Hashable, Sendable {
    /// Nothing: the version is told elsewhere.
    case none
    /// The type of a coordinator's record, in front of its key.
    case recordType(Int16)
    /// The version of the body: values of coordinator records, the embedded consumer protocol.
    case version
}

/// A message with a schema of Kafka's, of one of several versions.
///
///     key      2 bytes record type, body (version 0)
///     value    2 bytes version, body
///     others   body
package protocol KafkaMessage: Equatable, Sendable {
    /// The versions that can be read and written.
    static var versions: ClosedRange<Int16> { get }
    static var prefix: MessagePrefix { get }

    /// Reads the body.
    init(reading reader: inout ByteReader, version: Int16) throws(WireError)

    /// Writes the body; what the version has no place for makes `writer.finish()` throw.
    func write(to writer: inout ByteWriter, version: Int16)
}

extension KafkaMessage {
    /// The message with its prefix, as it stands in a record. Keys have version 0.
    package func encoded(version: Int16 = 0) throws(WireError) -> [UInt8] {
        guard Self.versions.contains(version) else { throw .unsupportedVersion(version) }
        var writer = ByteWriter()
        switch Self.prefix {
        case .none: break
        case .recordType(let type): writer.writeInteger(type)
        case .version: writer.writeInteger(version)
        }
        write(to: &writer, version: version)
        return try writer.finish()
    }

    /// The message in `bytes`, which begin with its prefix; the version comes from there, or is
    /// the highest one. Bytes behind the message are ignored, as Kafka does.
    package init(decoding bytes: UnsafeRawBufferPointer) throws(WireError) {
        var reader = ByteReader(bytes)
        switch Self.prefix {
        case .none:
            try self.init(reading: &reader, version: Self.versions.upperBound)
        case .recordType(let expected):
            let type: Int16 = try reader.readInteger()
            guard type == expected else { throw .unexpectedRecordType(type) }
            try self.init(reading: &reader, version: Self.versions.upperBound)
        case .version:
            let version: Int16 = try reader.readInteger()
            guard Self.versions.contains(version) else { throw .unsupportedVersion(version) }
            try self.init(reading: &reader, version: version)
        }
    }

    /// The same, from an array.
    package init(decoding bytes: [UInt8]) throws(WireError) {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(WireError) in try Self(decoding: buffer) }
        }
        self = try result.get()
    }
}

/// The type in front of a coordinator record's key, which says which key and value it is.
package func recordType(ofKey key: UnsafeRawBufferPointer) throws(WireError) -> Int16 {
    var reader = ByteReader(key)
    return try reader.readInteger()
}

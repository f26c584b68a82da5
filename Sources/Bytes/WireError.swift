/// Why bytes are no valid message, or why a message cannot be written.
public enum WireError: Error, Equatable, Sendable {
    /// The bytes end inside a field.
    case truncated
    /// A count or length that the bytes left cannot hold, or that is negative where it must not be.
    case impossibleLength(Int64)
    /// An array of so many elements, which would take more memory than the reader may.
    case tooManyElements(Int)
    /// More bytes than an integer of variable length can need.
    case overlongInteger
    /// Null where the format has no null.
    case unexpectedNull
    /// A version of the message that nobody knows.
    case unsupportedVersion(Int16)
    /// A record type in front of a key that is not the one expected.
    case unexpectedRecordType(Int16)
    /// A field holds what this version of the message has no place for.
    case fieldNotInVersion(String)
    /// Text or bytes too long for their length field.
    case tooLong(Int)
}

/// A tagged field that the schema does not know, kept to be written back.
public struct RawTaggedField: Hashable, Sendable {
    public var tag: UInt32
    public var bytes: [UInt8]

    public init(tag: UInt32, bytes: [UInt8]) {
        self.tag = tag
        self.bytes = bytes
    }
}

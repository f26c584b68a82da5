package import Serdes

/// Objects that are no type's, made of bytes that are at hand: the programs of this package write
/// records with them.
extension JSONWriter {
    /// Appends one object to `sink`, whose members `body` writes.
    ///
    /// - Throws: `JSONError` where a value has no JSON.
    package static func writeObject(
        into sink: inout ByteSink,
        _ body: (inout JSONWriter) -> Void
    ) throws(JSONError) {
        try withWriter(into: &sink) { $0.object(body) }
    }

    /// An object whose members `body` writes, as an element or behind a key.
    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        separate()
        begin(UInt8(ascii: "{"))
        body(&self)
        end(UInt8(ascii: "}"))
    }

    /// A member with a string of these bytes, which are UTF-8.
    package mutating func member(_ key: StaticString, utf8 bytes: UnsafeRawBufferPointer) {
        self.key(key)
        separate()
        Self.appendString(bytes, to: sink)
    }

    /// A member that is null.
    package mutating func nullMember(_ key: StaticString) {
        self.key(key)
        null()
    }
}

/// Text that is an identity: equal, hashed and ordered by its UTF-8 bytes, as Kafka does.
///
/// A `String` is equal to another one where Unicode calls them equivalent: a precomposed letter and
/// a letter with a combining accent are one key of a dictionary, but two ids on the wire and in the
/// log.
package struct ExactText: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    package init(_ text: String) { bytes = Array(text.utf8) }
    package init(bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package var description: String { text }

    package static func < (left: ExactText, right: ExactText) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

extension Dictionary where Key == ExactText {
    /// The value of a text, by its bytes.
    package subscript(_ text: String) -> Value? {
        get { self[ExactText(text)] }
        _modify { yield &self[ExactText(text)] }
    }
}

public import Serdes

/// Writes JSON text into a sink, member after member.
///
///     func write(to json: inout JSONWriter) {
///         json.member("id", id)
///         json.member("name", name)
///     }
///
/// The writer sets commas and escapes strings; it does not check that a key is given once. An
/// infinity or NaN, which JSON lacks, makes the record one that cannot be written: an error.
public struct JSONWriter: ~Copyable {
    /// SAFETY: a writer is lent to a call during which the sink stays where it is.
    @usableFromInline let sink: UnsafeMutablePointer<ByteSink>
    @usableFromInline var needsComma = false
    /// The first value that has no JSON.
    @usableFromInline var failure: JSONError?

    @inlinable @inline(__always)
    init(sink: UnsafeMutablePointer<ByteSink>) { self.sink = sink }

    /// Lends a writer over `sink` to `body`; an error if a value had no JSON.
    @inlinable
    static func withWriter(
        into sink: inout ByteSink,
        _ body: (inout JSONWriter) -> Void
    ) throws(JSONError) {
        try withUnsafeMutablePointer(to: &sink) { pointer throws(JSONError) in
            var writer = JSONWriter(sink: pointer)
            body(&writer)
            if let failure = writer.failure { throw failure }
        }
    }

    // MARK: Members of an object

    /// A member with an integer.
    @inlinable @inline(__always)
    public mutating func member(_ key: StaticString, _ value: Int64) {
        self.key(key)
        self.value(value)
    }

    /// A member with a number. Infinities and NaN, which JSON lacks, are an error of the record.
    @inlinable @inline(__always)
    public mutating func member(_ key: StaticString, _ value: Double) {
        self.key(key)
        needsComma = true
        if !Self.appendDouble(value, to: sink) { refuse(value, at: key) }
    }

    /// A member with a truth value.
    @inlinable @inline(__always)
    public mutating func member(_ key: StaticString, _ value: Bool) {
        self.key(key)
        self.value(value)
    }

    /// A member with a string.
    @inlinable @inline(__always)
    public mutating func member(_ key: StaticString, _ value: String) {
        self.key(key)
        self.value(value)
    }

    /// A member with an object; nothing is written for nil.
    @inlinable
    public mutating func member<Record: JSONRecord>(_ key: StaticString, _ record: Record?) {
        guard let record else { return }
        self.key(key)
        value(record)
    }

    /// A member with an array, whose elements `body` writes.
    @inlinable
    public mutating func array(
        _ key: StaticString,
        _ body: (inout JSONWriter) throws -> Void
    ) rethrows {
        self.key(key)
        begin(UInt8(ascii: "["))
        try body(&self)
        end(UInt8(ascii: "]"))
    }

    /// A member's key; its value must follow.
    @inlinable @inline(__always)
    public mutating func key(_ key: StaticString) {
        Self.appendKey(
            UnsafeRawBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount),
            behindComma: needsComma,
            to: sink
        )
        needsComma = false
    }

    // MARK: Values, as elements of an array or behind a key

    /// An integer.
    @inlinable @inline(__always)
    public mutating func value(_ value: Int64) {
        separate()
        Self.appendInteger(magnitude: value.magnitude, isNegative: value < 0, to: sink)
    }

    /// A number. Infinities and NaN, which JSON lacks, are an error of the record.
    @inlinable
    public mutating func value(_ value: Double) {
        separate()
        if !Self.appendDouble(value, to: sink) { refuse(value, at: "") }
    }

    /// A truth value.
    @inlinable
    public mutating func value(_ value: Bool) {
        separate()
        sink.pointee.append(utf8: value ? "true" : "false")
    }

    /// A string.
    @inlinable
    public mutating func value(_ value: String) {
        separate()
        var value = value
        value.withUTF8 { Self.appendString(UnsafeRawBufferPointer($0), to: sink) }
    }

    /// An object.
    @inlinable
    public mutating func value<Record: JSONRecord>(_ record: Record) {
        separate()
        needsComma = false
        sink.pointee.append(UInt8(ascii: "{"))
        record.write(to: &self)
        end(UInt8(ascii: "}"))
    }

    /// Null.
    public mutating func null() {
        separate()
        sink.pointee.append(utf8: "null")
    }

    /// A value of a parsed document, written without blanks.
    public mutating func value(_ value: JSONValue) {
        separate()
        Self.appendValue(value.node, to: sink)
    }

    @usableFromInline @inline(never)
    mutating func refuse(_ value: Double, at key: StaticString) {
        failure = failure ?? JSONError(path: "\(key)", JSONError.notFinite("\(value)"))
    }

    @inlinable @inline(__always)
    mutating func begin(_ bracket: UInt8) {
        sink.pointee.append(bracket)
        needsComma = false
    }

    @inlinable @inline(__always)
    mutating func end(_ bracket: UInt8) {
        sink.pointee.append(bracket)
        needsComma = true
    }

    @inlinable @inline(__always)
    mutating func separate() {
        if needsComma { sink.pointee.append(UInt8(ascii: ",")) }
        needsComma = true
    }
}

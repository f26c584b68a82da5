public import Serdes

/// A type that reads and writes its own JSON object: several times faster than `Codable`, which
/// serves the same types without the two methods.
///
///     struct Order: JSONRecord {
///         var id: Int64
///         var item: String
///
///         init(json: inout JSONObject) throws {
///             id = try json.int64("id")
///             item = try json.string("item")
///         }
///
///         func write(to json: inout JSONWriter) {
///             json.member("id", id)
///             json.member("item", item)
///         }
///     }
public protocol JSONRecord: Sendable, DefaultSerde {
    /// Reads the members; best in the order in which they are written.
    init(json: inout JSONObject) throws
    /// Writes the members.
    func write(to json: inout JSONWriter)
}

extension JSONRecord {
    /// The JSON object that the type reads and writes.
    public static var defaultSerde: JSONRecordSerde<Self> { JSONRecordSerde() }
}

/// JSON objects of a type that reads and writes them itself.
public struct JSONRecordSerde<Value: JSONRecord>: Serde {
    /// The serde.
    public init() {}

    @inlinable
    public func decode(_ bytes: UnsafeRawBufferPointer) throws -> Value {
        let document = try JSONDocument(parsing: bytes)
        do { return try document.root.requireRecord() } catch { throw SerdeError("\(error)") }
    }

    @inlinable
    public func encode(_ value: Value, into sink: inout ByteSink) throws {
        do { try JSONWriter.withWriter(into: &sink) { $0.value(value) } } catch {
            throw SerdeError(error.description)
        }
    }

    public static var name: String { "json \(Value.self)" }
}

extension Serde {
    /// JSON objects of a type that reads and writes them itself.
    public static func json<Record: JSONRecord>(_ type: Record.Type) -> Self
    where Self == JSONRecordSerde<Record> { JSONRecordSerde() }
}

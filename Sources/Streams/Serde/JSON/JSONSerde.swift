/// JSON of any `Codable` type, through a decoder and an encoder of our own: a quarter or less of
/// the time that Foundation's need. `JSONRecord` is faster still.
///
/// Keys are as the type's coding keys say. A number is read as any number type that holds it
/// exactly. Infinities and NaN cannot be written.
public struct JSONSerde<Value: Codable & Sendable>: Serde {
    /// The serde.
    public init() {}

    public func decode(_ bytes: UnsafeRawBufferPointer) throws -> Value {
        let document = try JSONDocument(parsing: bytes)
        do { return try JSONValueDecoder(document.root, place: nil).decode(Value.self) } catch {
            throw Self.serdeError(error)
        }
    }

    public func encode(_ value: Value, into sink: inout ByteSink) throws {
        do {
            try withUnsafeMutablePointer(to: &sink) { pointer in
                let text = JSONText(sink: pointer)
                try text.write(value, place: nil)
            }
        } catch { throw Self.serdeError(error) }
    }

    public static var name: String { "json \(Value.self)" }

    private static func serdeError(_ error: any Error) -> SerdeError {
        if let error = error as? JSONError { return SerdeError(error.description) }
        switch error {
        case DecodingError.dataCorrupted(let context),
            DecodingError.keyNotFound(_, let context),
            DecodingError.typeMismatch(_, let context),
            DecodingError.valueNotFound(_, let context):
            return at(context.codingPath, context.debugDescription)
        case EncodingError.invalidValue(_, let context):
            return at(context.codingPath, context.debugDescription)
        default: return SerdeError("\(error)")
        }
    }

    private static func at(_ keys: [any CodingKey], _ reason: String) -> SerdeError {
        SerdeError(JSONError(path: JSONPlace.path(keys), reason).description)
    }
}

extension Serde {
    /// JSON of any `Codable` type.
    public static func json<Value: Codable & Sendable>(_ type: Value.Type) -> Self
    where Self == JSONSerde<Value> { JSONSerde() }

    /// JSON of a type that reads and writes it itself, and is `Codable` as well.
    public static func json<Record: JSONRecord & Codable>(_ type: Record.Type) -> Self
    where Self == JSONRecordSerde<Record> { JSONRecordSerde() }
}

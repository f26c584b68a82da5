/// `Encoder` at one place of a JSON text.
struct JSONTextEncoder: Encoder {
    let text: JSONText
    let level: Int

    var codingPath: [any CodingKey] { text.keys(at: level) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        let object = text.state.pointee.open(
            UInt8(ascii: "{"),
            order: type == JSONDictionaryKey.type ? .byKey : .asWritten,
            at: level
        )
        return KeyedEncodingContainer(JSONObjectEncoder<Key>(text: text, object: object))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        JSONArrayEncoder(text: text, array: text.state.pointee.openArray(at: level))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }
}

extension JSONTextEncoder: SingleValueEncodingContainer {
    func encodeNil() throws { try text.null() }
    func encode(_ value: Bool) throws { try text.bool(value) }
    func encode(_ value: String) throws { try text.string(value) }
    func encode(_ value: Double) throws { try text.double(value) }
    func encode(_ value: Float) throws { try text.float(value) }
    func encode(_ value: Int) throws { try text.integer(value) }
    func encode(_ value: Int8) throws { try text.integer(value) }
    func encode(_ value: Int16) throws { try text.integer(value) }
    func encode(_ value: Int32) throws { try text.integer(value) }
    func encode(_ value: Int64) throws { try text.integer(value) }
    func encode(_ value: UInt) throws { try text.integer(value) }
    func encode(_ value: UInt8) throws { try text.integer(value) }
    func encode(_ value: UInt16) throws { try text.integer(value) }
    func encode(_ value: UInt32) throws { try text.integer(value) }
    func encode(_ value: UInt64) throws { try text.integer(value) }
    func encode<T: Encodable>(_ value: T) throws { try text.write(value) }
}

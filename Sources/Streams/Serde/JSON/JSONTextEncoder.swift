/// `Encoder` at one place of a JSON text.
struct JSONTextEncoder: Encoder {
    let text: JSONText
    let place: JSONPlace?
    let level: Int

    var codingPath: [any CodingKey] { JSONPlace.keys(place) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        let object = text.open(UInt8(ascii: "{"), UInt8(ascii: "}"), at: level)
        return KeyedEncodingContainer(
            JSONObjectEncoder<Key>(text: text, object: object, place: place)
        )
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        let array = text.open(UInt8(ascii: "["), UInt8(ascii: "]"), at: level)
        return JSONArrayEncoder(text: text, array: array, place: place)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }
}

extension JSONTextEncoder: SingleValueEncodingContainer {
    func encodeNil() { text.null() }
    func encode(_ value: Bool) { text.bool(value) }
    func encode(_ value: String) { text.string(value) }
    func encode(_ value: Double) throws { try text.double(value, place, nil) }
    func encode(_ value: Float) throws { try text.float(value, place, nil) }
    func encode(_ value: Int) { text.integer(value) }
    func encode(_ value: Int8) { text.integer(value) }
    func encode(_ value: Int16) { text.integer(value) }
    func encode(_ value: Int32) { text.integer(value) }
    func encode(_ value: Int64) { text.integer(value) }
    func encode(_ value: UInt) { text.integer(value) }
    func encode(_ value: UInt8) { text.integer(value) }
    func encode(_ value: UInt16) { text.integer(value) }
    func encode(_ value: UInt32) { text.integer(value) }
    func encode(_ value: UInt64) { text.integer(value) }
    func encode<T: Encodable>(_ value: T) throws { try text.write(value, place: place) }
}

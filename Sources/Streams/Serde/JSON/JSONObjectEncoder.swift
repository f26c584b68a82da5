/// Writes the members of an object.
struct JSONObjectEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let text: JSONText
    let object: JSONText.Container
    let place: JSONPlace?

    var codingPath: [any CodingKey] { JSONPlace.keys(place) }

    func encodeNil(forKey key: Key) throws {
        try begin(key)
        text.null()
    }

    func encode(_ value: Bool, forKey key: Key) throws {
        try begin(key)
        text.bool(value)
    }

    func encode(_ value: String, forKey key: Key) throws {
        try begin(key)
        text.string(value)
    }

    func encode(_ value: Double, forKey key: Key) throws {
        try begin(key)
        try text.double(value, place, key)
    }

    func encode(_ value: Float, forKey key: Key) throws {
        try begin(key)
        try text.float(value, place, key)
    }

    func encode(_ value: Int, forKey key: Key) throws { try integer(value, key) }
    func encode(_ value: Int8, forKey key: Key) throws { try integer(value, key) }
    func encode(_ value: Int16, forKey key: Key) throws { try integer(value, key) }
    func encode(_ value: Int32, forKey key: Key) throws { try integer(value, key) }
    func encode(_ value: Int64, forKey key: Key) throws { try integer(value, key) }
    func encode(_ value: UInt, forKey key: Key) throws { try integer(value, key) }
    func encode(_ value: UInt8, forKey key: Key) throws { try integer(value, key) }
    func encode(_ value: UInt16, forKey key: Key) throws { try integer(value, key) }
    func encode(_ value: UInt32, forKey key: Key) throws { try integer(value, key) }
    func encode(_ value: UInt64, forKey key: Key) throws { try integer(value, key) }

    func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        try begin(key)
        try text.write(value, place: JSONPlace(place, key))
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        encoder(key).container(keyedBy: keyType)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        encoder(key).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { encoder(JSONKey.super) }

    func superEncoder(forKey key: Key) -> any Encoder { encoder(key) }

    private func begin(_ key: any CodingKey) throws {
        try text.beginMember(object, key.stringValue, place)
    }

    private func integer<Integer: FixedWidthInteger>(_ value: Integer, _ key: Key) throws {
        try begin(key)
        text.integer(value)
    }

    private func encoder(_ key: any CodingKey) -> JSONTextEncoder {
        text.deferringFailure { try begin(key) }
        return JSONTextEncoder(
            text: text,
            place: JSONPlace(place, key),
            level: object.level + 1
        )
    }
}

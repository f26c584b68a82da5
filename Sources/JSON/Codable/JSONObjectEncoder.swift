/// Writes the members of an object.
struct JSONObjectEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let text: JSONText
    let object: JSONTextState.Container

    var codingPath: [any CodingKey] { text.keys(at: object.level) }

    func encodeNil(forKey key: Key) throws {
        try begin(key)
        try text.null()
    }

    func encode(_ value: Bool, forKey key: Key) throws {
        try begin(key)
        try text.bool(value)
    }

    func encode(_ value: String, forKey key: Key) throws {
        try begin(key)
        try text.string(value)
    }

    func encode(_ value: Double, forKey key: Key) throws {
        try begin(key)
        try text.double(value)
    }

    func encode(_ value: Float, forKey key: Key) throws {
        try begin(key)
        try text.float(value)
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
        try text.write(value)
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

    @inline(__always)
    private func begin(_ key: some CodingKey) throws(JSONError) {
        try text.state.pointee.beginMember(object, key.stringValue)
    }

    @inline(__always)
    private func integer<Integer: FixedWidthInteger>(_ value: Integer, _ key: Key) throws {
        try begin(key)
        try text.integer(value)
    }

    private func encoder(_ key: some CodingKey) -> JSONTextEncoder {
        text.deferringFailure { () throws(JSONError) in try begin(key) }
        return JSONTextEncoder(text: text, level: object.level + 1)
    }
}

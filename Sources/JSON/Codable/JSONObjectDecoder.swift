/// The members of an object for a type's coding keys.
struct JSONObjectDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
    /// Keeps the document.
    let reading: JSONReading
    let object: JSONNode
    /// The word that ends the object.
    let end: Int

    init(_ reading: JSONReading, object: JSONNode) {
        self.reading = reading
        self.object = object
        end = object.following &- 1
    }

    var codingPath: [any CodingKey] { JSONPath.keys(to: object) }

    var allKeys: [Key] {
        var keys: [Key] = []
        JSONMembers(object).forEach { key, _ in
            if let key = Key(stringValue: String(decoding: key, as: UTF8.self)) { keys.append(key) }
        }
        return keys
    }

    func contains(_ key: Key) -> Bool { find(key.stringValue, isReadNext: true) != nil }

    func decodeNil(forKey key: Key) throws -> Bool {
        guard let value = find(key.stringValue, isReadNext: true) else { throw absent(key) }
        return value.isNull
    }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        try decode(type, from: try member(key))
    }

    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
        guard let value = present(key) else { return nil }
        return try decode(type, from: value)
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try decoder(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try decoder(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { try decoder(JSONKey.super) }

    func superDecoder(forKey key: Key) throws -> any Decoder { try decoder(key) }

    private func decode<T: Decodable>(_ type: T.Type, from value: JSONNode) throws -> T {
        let decoded = try reading.decode(type, at: value.index)
        // The objects within have had the cursor.
        reading.setCursor(value.following, of: object.index)
        return decoded
    }

    private func decoder(_ key: some CodingKey) throws -> JSONValueDecoder {
        JSONValueDecoder(reading: reading, index: try member(key).index)
    }

    @inline(__always)
    func member(_ key: some CodingKey) throws -> JSONNode {
        guard let value = find(key.stringValue) else { throw absent(key) }
        return value
    }

    /// The member; nil where it is absent or null.
    @inline(__always)
    func present(_ key: Key) -> JSONNode? {
        guard let value = find(key.stringValue), !value.isNull else { return nil }
        return value
    }

    /// The member with a name. The next search begins behind it, or at it where it is still to
    /// be read.
    private func find(_ name: String, isReadNext: Bool = false) -> JSONNode? {
        var name = name
        return name.withUTF8 { bytes in
            let name = UnsafeRawBufferPointer(bytes)
            let start = reading.cursor(of: object.index)
            return search(name, from: start, to: end, isReadNext)
                ?? search(name, from: object.index &+ 1, to: start, isReadNext)
        }
    }

    @inline(__always)
    private func search(
        _ name: UnsafeRawBufferPointer,
        from start: Int,
        to limit: Int,
        _ isReadNext: Bool
    ) -> JSONNode? {
        var index = start
        while index < limit {
            let key = object.at(index)
            let value = key.at(index &+ 1)
            if key.stringBytes.hasSameBytes(as: name) {
                reading.setCursor(isReadNext ? index : value.following, of: object.index)
                return value
            }
            index = value.following
        }
        return nil
    }

    private func absent(_ key: some CodingKey) -> JSONError { object.absent(key) }
}

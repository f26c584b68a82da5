/// The members of an object for a type's coding keys.
struct JSONObjectDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let object: JSONObject
    let place: JSONPlace?

    var codingPath: [any CodingKey] { JSONPlace.keys(place) }

    var allKeys: [Key] {
        var keys: [Key] = []
        object.forEachMember { key, _ in
            if let key = Key(stringValue: String(decoding: key, as: UTF8.self)) { keys.append(key) }
        }
        return keys
    }

    func contains(_ key: Key) -> Bool { find(key) != nil }

    func decodeNil(forKey key: Key) throws -> Bool { try member(key).isNull }

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool {
        let value = try member(key)
        guard let bool = value.bool else { throw mismatch(value, key, "a truth value") }
        return bool
    }

    func decode(_ type: String.Type, forKey key: Key) throws -> String {
        let value = try member(key)
        guard let string = value.string else { throw mismatch(value, key, "a string") }
        return string
    }

    func decode(_ type: Double.Type, forKey key: Key) throws -> Double {
        let value = try member(key)
        guard let double = value.double else { throw mismatch(value, key, "a number") }
        return double
    }

    func decode(_ type: Int.Type, forKey key: Key) throws -> Int {
        Int(try decode(Int64.self, forKey: key))
    }

    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 {
        let value = try member(key)
        guard let number = value.int64 else { throw mismatch(value, key, "an integer") }
        return number
    }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        try T(from: decoder(key))
    }

    // The synthesised code asks these for optional members.

    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? {
        guard let value = find(key), !value.isNull else { return nil }
        guard let string = value.string else { throw mismatch(value, key, "a string") }
        return string
    }

    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? {
        guard let value = find(key), !value.isNull else { return nil }
        guard let double = value.double else { throw mismatch(value, key, "a number") }
        return double
    }

    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
        guard let value = find(key), !value.isNull else { return nil }
        return try T(from: JSONValueDecoder(value, place: JSONPlace(place, key)))
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

    func superDecoder() throws -> any Decoder {
        let key = JSONKey.super
        guard let value = find(key.stringValue) else { throw absent(key) }
        return JSONValueDecoder(value, place: JSONPlace(place, key))
    }

    func superDecoder(forKey key: Key) throws -> any Decoder { try decoder(key) }

    private func decoder(_ key: Key) throws -> JSONValueDecoder {
        JSONValueDecoder(try member(key), place: JSONPlace(place, key))
    }

    private func member(_ key: Key) throws -> JSONValue {
        guard let value = find(key.stringValue) else { throw absent(key) }
        return value
    }

    private func find(_ key: Key) -> JSONValue? { find(key.stringValue) }

    private func find(_ key: String) -> JSONValue? {
        var key = key
        var object = object
        return key.withUTF8 { object.find(UnsafeRawBufferPointer($0)) }
    }

    private func absent(_ key: any CodingKey) -> JSONError {
        JSONPlace.error(place, key, "absent")
    }

    private func mismatch(_ value: JSONValue, _ key: Key, _ wanted: String) -> JSONError {
        JSONPlace.error(place, key, "\(value.article), where \(wanted) is needed")
    }
}

/// `Decoder` over one value of a parsed document. It lives during one call of `JSONSerde`.
struct JSONValueDecoder: Decoder {
    let value: JSONValue
    let place: JSONPlace?

    init(_ value: JSONValue, place: JSONPlace?) {
        self.value = value
        self.place = place
    }

    var codingPath: [any CodingKey] { JSONPlace.keys(place) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(
        keyedBy type: Key.Type
    ) throws -> KeyedDecodingContainer<Key> {
        guard let object = value.object else { throw mismatch("an object") }
        return KeyedDecodingContainer(JSONObjectDecoder<Key>(object: object, place: place))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard let decoder = JSONArrayDecoder(value, place: place) else {
            throw mismatch("an array")
        }
        return decoder
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    private func mismatch(_ wanted: String) -> JSONError {
        JSONPlace.error(place, nil, "\(value.article), where \(wanted) is needed")
    }
}

extension JSONValueDecoder: SingleValueDecodingContainer {
    func decodeNil() -> Bool { value.isNull }

    func decode(_ type: Bool.Type) throws -> Bool {
        guard let bool = value.bool else { throw mismatch("a truth value") }
        return bool
    }

    func decode(_ type: String.Type) throws -> String {
        guard let string = value.string else { throw mismatch("a string") }
        return string
    }

    func decode(_ type: Double.Type) throws -> Double {
        guard let double = value.double else { throw mismatch("a number") }
        return double
    }

    func decode(_ type: Float.Type) throws -> Float { Float(try decode(Double.self)) }
    func decode(_ type: Int.Type) throws -> Int { try integer() }
    func decode(_ type: Int8.Type) throws -> Int8 { try integer() }
    func decode(_ type: Int16.Type) throws -> Int16 { try integer() }
    func decode(_ type: Int32.Type) throws -> Int32 { try integer() }
    func decode(_ type: Int64.Type) throws -> Int64 { try integer() }
    func decode(_ type: UInt.Type) throws -> UInt { try integer() }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try integer() }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try integer() }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try integer() }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try integer() }

    func decode<T: Decodable>(_ type: T.Type) throws -> T { try T(from: self) }

    func integer<Integer: FixedWidthInteger>() throws -> Integer {
        if let number = value.int64, let integer = Integer(exactly: number) { return integer }
        if let number = value.uint64, let integer = Integer(exactly: number) { return integer }
        throw mismatch(value.kind == .number ? "a number that \(Integer.self) holds" : "an integer")
    }
}

/// `Decoder` over one value of a parsed document.
struct JSONValueDecoder: Decoder {
    let reading: JSONReading
    let index: Int

    var codingPath: [any CodingKey] { JSONPath.keys(to: node) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(
        keyedBy type: Key.Type
    ) throws -> KeyedDecodingContainer<Key> {
        guard node.tag == JSONNode.Tag.object else { throw node.mismatch("an object") }
        return KeyedDecodingContainer(JSONObjectDecoder<Key>(reading, object: node))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard node.tag == JSONNode.Tag.array else { throw node.mismatch("an array") }
        return JSONArrayDecoder(reading, array: node)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    @inline(__always)
    private var node: JSONNode { reading.node(index) }
}

extension JSONValueDecoder: SingleValueDecodingContainer {
    func decodeNil() -> Bool { node.isNull }
    func decode(_ type: Bool.Type) throws -> Bool { try node.requireBool() }
    func decode(_ type: String.Type) throws -> String { try node.requireString() }
    func decode(_ type: Double.Type) throws -> Double { try node.requireDouble() }
    func decode(_ type: Float.Type) throws -> Float { try node.requireFloat() }
    func decode(_ type: Int.Type) throws -> Int { try node.requireInteger() }
    func decode(_ type: Int8.Type) throws -> Int8 { try node.requireInteger() }
    func decode(_ type: Int16.Type) throws -> Int16 { try node.requireInteger() }
    func decode(_ type: Int32.Type) throws -> Int32 { try node.requireInteger() }
    func decode(_ type: Int64.Type) throws -> Int64 { try node.requireInteger() }
    func decode(_ type: UInt.Type) throws -> UInt { try node.requireInteger() }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try node.requireInteger() }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try node.requireInteger() }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try node.requireInteger() }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try node.requireInteger() }
    func decode<T: Decodable>(_ type: T.Type) throws -> T { try reading.decode(type, at: index) }
}

/// What a coder needs of a value, or an error with its place.
extension JSONNode {
    @inline(__always)
    func requireBool() throws(JSONError) -> Bool {
        guard let bool else { throw mismatch("a truth value") }
        return bool
    }

    @inline(__always)
    func requireString() throws(JSONError) -> String {
        guard let string else { throw mismatch("a string") }
        return string
    }

    @inline(__always)
    func requireDouble() throws(JSONError) -> Double {
        guard let double else { throw mismatch("a number", JSONError.double) }
        return double
    }

    @inline(__always)
    func requireFloat() throws(JSONError) -> Float {
        guard let float else { throw mismatch("a number", " up to 3.4e38") }
        return float
    }

    @inline(__always)
    func requireInteger<Integer: FixedWidthInteger>() throws(JSONError) -> Integer {
        guard let integer: Integer = integer() else {
            throw mismatch("an integer", " from \(Integer.min) to \(Integer.max)")
        }
        return integer
    }

    @inline(never)
    func mismatch(_ wanted: String, _ range: String = "") -> JSONError {
        let error = JSONError.mismatch(self, wanted: wanted, range: range)
        return JSONError(path: JSONPath.text(JSONPath.keys(to: self)), error.reason)
    }

    /// The error of an object that lacks a member.
    @inline(never)
    func absent(_ key: any CodingKey) -> JSONError {
        JSONError(path: JSONPath.text(JSONPath.keys(to: self) + [key]), "absent")
    }
}

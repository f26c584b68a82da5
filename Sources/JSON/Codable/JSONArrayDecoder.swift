/// The elements of an array, one after the other.
struct JSONArrayDecoder: UnkeyedDecodingContainer {
    private let reading: JSONReading
    private let array: Int
    private let end: Int
    private var next: Int
    private(set) var currentIndex = 0

    init(_ reading: JSONReading, array: JSONNode) {
        self.reading = reading
        self.array = array.index
        end = array.following - 1
        next = array.index + 1
    }

    var codingPath: [any CodingKey] { JSONPath.keys(to: reading.node(array)) }
    var isAtEnd: Bool { next >= end }

    /// The tape counts up to 2^24 − 1 elements; beyond that the count is unknown.
    var count: Int? {
        let count = Int(reading.node(array).words[array] >> 32 & 0xff_ffff)
        return count < 0xff_ffff ? count : nil
    }

    mutating func decodeNil() throws -> Bool {
        guard try element().isNull else { return false }
        advance()
        return true
    }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let decoded = try reading.decode(type, at: try element().index)
        advance()
        return decoded
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) throws -> KeyedDecodingContainer<NestedKey> {
        let container = try decoder().container(keyedBy: type)
        advance()
        return container
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        let container = try decoder().unkeyedContainer()
        advance()
        return container
    }

    mutating func superDecoder() throws -> any Decoder {
        let decoder = try decoder()
        advance()
        return decoder
    }

    private func element() throws -> JSONNode {
        guard !isAtEnd else {
            throw reading.node(array).absent(JSONKey(intValue: currentIndex))
        }
        return reading.node(next)
    }

    private func decoder() throws -> JSONValueDecoder {
        JSONValueDecoder(reading: reading, index: try element().index)
    }

    private mutating func advance() {
        next = reading.node(next).following
        currentIndex += 1
    }
}

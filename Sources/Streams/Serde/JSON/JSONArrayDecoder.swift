/// The elements of an array, one after the other.
struct JSONArrayDecoder: UnkeyedDecodingContainer {
    private let array: JSONValue
    private let end: Int
    private var next: Int
    private let place: JSONPlace?
    private(set) var currentIndex = 0

    /// Nil where the value is no array.
    init?(_ value: JSONValue, place: JSONPlace?) {
        guard value.kind == .array else { return nil }
        array = value
        end = value.following - 1
        next = value.index + 1
        self.place = place
    }

    var codingPath: [any CodingKey] { JSONPlace.keys(place) }
    var isAtEnd: Bool { next >= end }

    /// The tape counts up to 2^24 − 1 elements; beyond that the count is unknown.
    var count: Int? {
        let count = Int(array.document[array.index] >> 32 & 0xff_ffff)
        return count < 0xff_ffff ? count : nil
    }

    mutating func decodeNil() throws -> Bool {
        guard try element().isNull else { return false }
        advance()
        return true
    }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let decoded = try T(from: decoder())
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

    private func element() throws -> JSONValue {
        guard !isAtEnd else {
            throw JSONPlace.error(place, JSONKey(intValue: currentIndex), "absent")
        }
        return JSONValue(document: array.document, index: next, strings: array.strings)
    }

    private func decoder() throws -> JSONValueDecoder {
        JSONValueDecoder(
            try element(),
            place: JSONPlace(place, JSONKey(intValue: currentIndex))
        )
    }

    private mutating func advance() {
        next = JSONValue(document: array.document, index: next, strings: array.strings).following
        currentIndex += 1
    }
}

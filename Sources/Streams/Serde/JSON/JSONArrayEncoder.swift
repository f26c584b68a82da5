/// Writes the elements of an array.
struct JSONArrayEncoder: UnkeyedEncodingContainer {
    private let text: JSONText
    private let array: JSONText.Container
    private let place: JSONPlace?
    private(set) var count = 0

    init(text: JSONText, array: JSONText.Container, place: JSONPlace?) {
        self.text = text
        self.array = array
        self.place = place
    }

    var codingPath: [any CodingKey] { JSONPlace.keys(place) }

    mutating func encodeNil() throws {
        try begin()
        text.null()
    }

    mutating func encode(_ value: String) throws {
        try begin()
        text.string(value)
    }

    mutating func encode(_ value: Double) throws {
        let key = JSONKey(intValue: count)
        try begin()
        try text.double(value, place, key)
    }

    mutating func encode<T: Encodable>(_ value: T) throws {
        let inner = JSONPlace(place, JSONKey(intValue: count))
        try begin()
        try text.write(value, place: inner)
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type
    ) -> KeyedEncodingContainer<NestedKey> {
        encoder().container(keyedBy: keyType)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        encoder().unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder { encoder() }

    private mutating func begin() throws {
        try text.beginElement(array, place)
        count += 1
    }

    private mutating func encoder() -> JSONTextEncoder {
        let inner = JSONPlace(place, JSONKey(intValue: count))
        text.deferringFailure { try begin() }
        return JSONTextEncoder(text: text, place: inner, level: array.level + 1)
    }
}

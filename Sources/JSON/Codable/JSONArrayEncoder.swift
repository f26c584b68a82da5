/// Writes the elements of an array.
struct JSONArrayEncoder: UnkeyedEncodingContainer {
    private let text: JSONText
    private let array: JSONTextState.Container
    private(set) var count = 0

    init(text: JSONText, array: JSONTextState.Container) {
        self.text = text
        self.array = array
    }

    var codingPath: [any CodingKey] { text.keys(at: array.level) }

    mutating func encodeNil() throws {
        try begin()
        try text.null()
    }

    mutating func encode(_ value: String) throws {
        try begin()
        try text.string(value)
    }

    mutating func encode(_ value: Double) throws {
        try begin()
        try text.double(value)
    }

    mutating func encode<T: Encodable>(_ value: T) throws {
        try begin()
        try text.write(value)
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

    private mutating func begin() throws(JSONError) {
        try text.state.pointee.beginElement(array)
        count += 1
    }

    private mutating func encoder() -> JSONTextEncoder {
        text.deferringFailure { () throws(JSONError) in try begin() }
        return JSONTextEncoder(text: text, level: array.level + 1)
    }
}

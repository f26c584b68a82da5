import CSimdJSON
import Serdes

/// A parsed document that decoders share: whoever keeps a decoder keeps the document. A thread
/// keeps one from record to record, unless a type has kept its decoder.
final class JSONReading {
    private let parser: OpaquePointer
    private let document: UnsafeMutablePointer<millrace_json_document>

    private init() throws(SerdeError) {
        parser = try JSONParser.acquire()
        document = millrace_json_parsed(parser)
    }

    deinit { millrace_json_release(parser) }

    /// What a type reads of a JSON text.
    static func decode<Value: Decodable>(
        _ type: Value.Type,
        from bytes: UnsafeRawBufferPointer
    ) throws -> Value {
        let kept = JSONKept.take(MILLRACE_JSON_READING, as: JSONReading.self)
        var reading = try kept ?? JSONReading()
        defer {
            if isKnownUniquelyReferenced(&reading) { JSONKept.keep(reading, MILLRACE_JSON_READING) }
        }
        try JSONParser.parse(bytes, with: reading.parser)
        return try reading.decode(type, at: 1)
    }

    /// What a type reads of the value at a word.
    @inline(__always)
    func decode<Value: Decodable>(_ type: Value.Type, at index: Int) throws -> Value {
        if let value = try JSONFoundation.read(type, from: node(index)) { return value }
        return try Value(from: JSONValueDecoder(reading: self, index: index))
    }

    /// The value at a word.
    @inline(__always)
    func node(_ index: Int) -> JSONNode {
        JSONNode(
            words: document.pointee.tape,
            index: index,
            strings: UnsafeRawPointer(document.pointee.strings),
            parser: parser
        )
    }

    /// Where to search for the next member of an object: behind the one that was found last.
    @inline(__always)
    func cursor(of object: Int) -> Int {
        document.pointee.object == object ? document.pointee.following : object &+ 1
    }

    @inline(__always)
    func setCursor(_ following: Int, of object: Int) {
        document.pointee.object = object
        document.pointee.following = following
    }
}

import JSON
import Serdes
import Synchronization
import Testing

@Suite("JSON that is kept longer than its record")
struct JSONLifetimeTests {
    /// Keeps its decoder, and reads with it later.
    struct Lazy: Decodable {
        let decoder: any Decoder
        init(from decoder: any Decoder) { self.decoder = decoder }
        var name: String {
            get throws {
                try decoder.container(keyedBy: Keys.self).decode(String.self, forKey: .name)
            }
        }
        enum Keys: CodingKey { case name }
    }

    struct Kept: Codable, Sendable {
        let name: @Sendable () throws -> String
        init(from decoder: any Decoder) throws {
            let box = DecoderBox(Lazy(from: decoder))
            name = { try box.lazy.name }
        }
        func encode(to encoder: any Encoder) throws {}
    }

    // SAFETY: a test's value, used by one thread.
    final class DecoderBox: @unchecked Sendable {
        let lazy: Lazy
        init(_ lazy: Lazy) { self.lazy = lazy }
    }

    @Test func `a decoder that a type keeps still reads its own document`() throws {
        let names = ["first, and too long for a small string", "second", "third"]
        let kept = try names.map { name in
            try read(Array(#"{"name":"\#(name)"}"#.utf8), .json(Kept.self))
        }
        #expect(try kept.map { try $0.name() } == names)
    }

    // SAFETY: a test's value, used by one thread.
    final class EncoderBox: @unchecked Sendable {
        var encoder: (any Encoder)?
        var keyed: KeyedEncodingContainer<Lazy.Keys>?
        var unkeyed: (any UnkeyedEncodingContainer)?
    }

    struct Leaking: Codable, Sendable {
        var box = EncoderBox()
        var isArray = false
        init() {}
        init(from decoder: any Decoder) {}
        func encode(to encoder: any Encoder) throws {
            box.encoder = encoder
            if isArray {
                box.unkeyed = encoder.unkeyedContainer()
                return
            }
            var container = encoder.container(keyedBy: Lazy.Keys.self)
            try container.encode("x", forKey: .name)
            box.keyed = container
        }
    }

    @Test func `an encoder that a type keeps writes nowhere`() throws {
        var leaking = Leaking()
        #expect(try written(leaking, .json(Leaking.self)) == Array(#"{"name":"x"}"#.utf8))
        #expect(throws: JSONError.self) { try leaking.box.keyed?.encode("y", forKey: .name) }
        let encoder = try #require(leaking.box.encoder)
        #expect(encoder.codingPath.isEmpty)
        #expect(throws: JSONError.self) {
            var container = encoder.singleValueContainer()
            try container.encode("late")
        }
        #expect(throws: JSONError.self) {
            var container = encoder.container(keyedBy: Lazy.Keys.self)
            try container.encode("late", forKey: .name)
        }
        leaking.isArray = true
        #expect(try written(leaking, .json(Leaking.self)) == Array("[]".utf8))
        #expect(throws: JSONError.self) { try leaking.box.unkeyed?.encode("late") }
        #expect(try written(["k": 1], .json([String: Int].self)) == Array(#"{"k":1}"#.utf8))
    }

    struct Twice: Codable, Sendable {
        init() {}
        init(from decoder: any Decoder) {}
        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(1)
            try container.encode(2)
        }
    }

    @Test func `two values in one place are an error, not broken text`() {
        #expect(throws: SerdeError.self) { try written([Twice()], .json([Twice].self)) }
    }

    @Test func `a text without a schema is read through its document`() throws {
        let text = #"{"city":"Köln","stops":[{"id":1},{"id":2.0}],"none":null}"#
        let document = try JSONDocument(parsing: Array(text.utf8))
        let found = document.withRoot { members(of: $0) }
        #expect(found?.city == "Köln")
        #expect(found?.stops == [1, 2])
        #expect(document.withRoot { $0["stops"]?[1]?["id"]?.int64 } == 2)
        let strangers = document.withRoot { root in
            [
                root["stops"]?[2] == nil, root["stops"]?[-1] == nil, root["stops"]?["id"] == nil,
                root["city"]?[0] == nil, root["none"]?["x"] == nil, root["Stops"] == nil,
            ]
        }
        #expect(!strangers.contains(false))
        #expect(try JSONDocument(parsing: Array("[7]".utf8)).withRoot { $0[0]?.int64 } == 7)
        #expect(throws: SerdeError.self) { _ = try JSONDocument(parsing: Array("{".utf8)) }
    }

    private func members(of root: JSONValue) -> (city: String, stops: [Int64])? {
        guard var object = root.object, let city = object.find("city")?.string else { return nil }
        var stops: [Int64] = []
        guard let list = object.find("stops") else { return nil }
        list.forEachElement { stop in
            var stop = stop.object
            if let id = stop?.find("id")?.int64 { stops.append(id) }
        }
        return (city, stops)
    }

    @Test func `the path is known to a type that asks for it`() throws {
        struct Asking: Codable, Sendable {
            var path: String
            init(path: String) { self.path = path }
            init(from decoder: any Decoder) {
                path = decoder.codingPath.map(\.stringValue).joined(separator: "/")
            }
            func encode(to encoder: any Encoder) throws {
                let path = encoder.codingPath.map(\.stringValue).joined(separator: "/")
                var container = encoder.singleValueContainer()
                try container.encode(path)
            }
        }
        typealias Table = [String: [[String: Asking]]]
        let text = #"{"a":[{},{"b\"":"x"}],"c":[]}"#
        let table = try read(Array(text.utf8), .json(Table.self))
        #expect(table["a"]?[1].values.map(\.path) == ["a/1/b\""])
        let value = ["a": [[:], ["k,{\"": Asking(path: "")]]]
        let output = try written(value, .json(Table.self))
        #expect(String(decoding: output, as: UTF8.self) == #"{"a":[{},{"k,{\"":"a/1/k,{\""}]}"#)
    }
}

import JSON
import Serdes
import Testing

@Suite("Equal values have equal JSON")
struct JSONOrderTests {
    enum Color: String, Codable, CaseIterable, Sendable { case red, green, blue, black }

    struct Point: Codable, Hashable, Sendable, Comparable {
        var x: Int
        static func < (left: Point, right: Point) -> Bool { left.x < right.x }
    }

    struct Key: Codable, Hashable, Sendable {
        var tags: [String: [String: Int]]
        var byNumber: [Int: String]
        var colors: Set<Color>
        var points: [Point: Color]
        var nested: [Set<Int>]
    }

    private func text<Value: Codable & Sendable>(_ value: Value) throws -> String {
        String(decoding: try written(value, .json(Value.self)), as: UTF8.self)
    }

    /// A dictionary of the same members with a history, and so an order, of its own.
    private func shuffled<Name: Hashable, Member>(
        _ members: [Name: Member],
        round: Int
    ) -> [Name: Member] {
        var result: [Name: Member] = [:]
        result.reserveCapacity(members.count << (round % 5))
        for (name, member) in members.shuffled() { result[name] = member }
        return result
    }

    private func key(round: Int) -> Key {
        let words = Dictionary(uniqueKeysWithValues: (0..<20).map { ("w\($0)", $0) })
        let tags = ["a": words, "b\"": [:], "b": ["x": 1, "": 2], "aa": words, "ü": words]
        return Key(
            tags: shuffled(tags.mapValues { shuffled($0, round: round) }, round: round),
            byNumber: shuffled([10: "ten", 9: "nine", -1: "minus", 100: "hundred"], round: round),
            colors: Set(Color.allCases.shuffled()),
            points: shuffled(
                [Point(x: 2): .red, Point(x: 1): .green, Point(x: 3): .red],
                round: round
            ),
            nested: [Set((0..<30).shuffled()), []]
        )
    }

    @Test func `a value with dictionaries and sets has the same bytes each time`() throws {
        let first = try text(key(round: 0))
        for round in 1..<50 { #expect(try text(key(round: round)) == first) }
        #expect(try read(Array(first.utf8), .json(Key.self)) == key(round: 0))
    }

    @Test func `members are in the order of their keys' bytes`() throws {
        let counts = ["b": 1, "a": 2, "ab": 3, "a!": 4, "a b": 5, "": 6, "B": 7]
        #expect(try text(counts) == #"{"":6,"B":7,"a":2,"a b":5,"a!":4,"ab":3,"b":1}"#)
        #expect(try text([10: 1, 9: 2]) == #"{"10":1,"9":2}"#)
        #expect(try text(Set(["b", "a", "ab"])) == #"["a","ab","b"]"#)
        #expect(
            try text([Point(x: 2): [2], Point(x: 1): [1, 1]]) == #"[{"x":1},[1,1],{"x":2},[2]]"#
        )
        #expect(try text([String: Int]()) == "{}")
        #expect(try text(Set<Int>()) == "[]")
    }

    @Test func `arrays and the members of a type keep their order`() throws {
        struct Pair: Codable, Sendable {
            var z: [Int]
            var a: [String]
        }
        #expect(try text(Pair(z: [3, 1, 2], a: ["b", "a"])) == #"{"z":[3,1,2],"a":["b","a"]}"#)
        #expect(try text([Set([1]), []]) == "[[1],[]]")
    }

    @Test func `a type that encodes a set as its own is sorted too`() throws {
        struct Box: Codable, Hashable, Sendable {
            var items: Set<Int>
            init(items: Set<Int>) { self.items = items }
            init(from decoder: any Decoder) throws {
                items = try decoder.singleValueContainer().decode(Set<Int>.self)
            }
            func encode(to encoder: any Encoder) throws {
                var container = encoder.singleValueContainer()
                try container.encode(items)
            }
        }
        #expect(try text(["k": Box(items: [5, 3, 4, 1, 2])]) == #"{"k":[1,2,3,4,5]}"#)
    }
}

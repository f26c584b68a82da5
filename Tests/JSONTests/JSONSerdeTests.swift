import Foundation
import JSON
import Serdes
import Testing

@Suite("JSON through Codable")
struct JSONSerdeTests {
    struct Item: Codable, Equatable, Sendable {
        var sku: String
        var price: Double
        var tags: [String]?
    }

    enum Status: String, Codable, Sendable { case open, shipped }

    enum Payment: Codable, Equatable, Sendable {
        case cash
        case card(number: String, month: Int)
    }

    struct Order: Codable, Equatable, Sendable {
        var id: Int64
        var customer: String
        var isPaid: Bool
        var status: Status
        var payment: Payment
        var items: [Item]
        var counts: [String: Int]
        var note: String?
        var matrix: [[Int8]]
        var largest: UInt64
        var ratio: Float
    }

    static let order = Order(
        id: -9_007_199_254_740_993,
        customer: "Zoë \"Z\" \\ \u{1}\n\t🙂",
        isPaid: true,
        status: .shipped,
        payment: .card(number: "4111", month: 12),
        items: [Item(sku: "a", price: 0.1), Item(sku: "", price: -1e300, tags: ["x", "é"])],
        counts: ["one": 1, "two": 2],
        note: nil,
        matrix: [[], [1, -128]],
        largest: .max,
        ratio: 0.1
    )

    @Test func `a value reads back as it was written`() throws {
        let text = try written(Self.order, .json(Order.self))
        #expect(try read(text, .json(Order.self)) == Self.order)
    }

    @Test func `Foundation reads what we write, and we what Foundation writes`() throws {
        let text = try written(Self.order, .json(Order.self))
        #expect(try JSONDecoder().decode(Order.self, from: Data(text)) == Self.order)
        let theirs = [UInt8](try JSONEncoder().encode(Self.order))
        #expect(try read(theirs, .json(Order.self)) == Self.order)
    }

    @Test func `members are written in the order of the type, without blanks`() throws {
        let text = try written(Item(sku: "a\"b", price: 2.5, tags: ["t"]), .json(Item.self))
        #expect(
            String(decoding: text, as: UTF8.self) == #"{"sku":"a\"b","price":2.5,"tags":["t"]}"#
        )
    }

    @Test func `unknown members, any order, blanks and escapes are accepted`() throws {
        let text =
            ##" { "extra": {"deep": [1, {"a": null}]}, "price": 3, "##
            + ##""sku": "\u00e9\ud83d\ude42\/" } "##
        let item = try read(Array(text.utf8), .json(Item.self))
        #expect(item == Item(sku: "é🙂/", price: 3))
    }

    @Test func `null and absence are nil for an optional member`() throws {
        for text in [#"{"sku":"a","price":1,"tags":null}"#, #"{"sku":"a","price":1}"#] {
            #expect(try read(Array(text.utf8), .json(Item.self)).tags == nil)
        }
    }

    @Test(arguments: [
        (#"{"id":1}"#, "customer: absent"),
        (#"{"id":"1"}"#, "id: a string, where an integer is needed"),
        (#"{"id":1.5}"#, "id: the number 1.5, where an integer from"),
        ("[]", "an array, where an object is needed"),
        ("", "not JSON"),
        ("{", "not JSON"),
        (#"{"id":1}x"#, "not JSON"),
        (#"{"id":01}"#, "not JSON"),
        ("{\"id\":\"\u{1}\"}", "not JSON"),
    ])
    func `an error says where and why`(text: String, expected: String) throws {
        let error = try #require(throws: SerdeError.self) {
            try read(Array(text.utf8), .json(Order.self))
        }
        #expect(error.reason.hasPrefix(expected), "\(error.reason)")
    }

    @Test func `an error names the path through arrays and objects`() throws {
        struct Cart: Codable, Sendable { var items: [Item] }
        let text = #"{"items":[{"sku":"a","price":1},{"sku":"b","price":"x"}]}"#
        let error = try #require(throws: SerdeError.self) {
            try read(Array(text.utf8), .json(Cart.self))
        }
        #expect(error.reason == "items[1].price: a string, where a number is needed")
    }

    @Test func `an unknown case of an enumeration is an error with its path`() throws {
        struct Wrapper: Codable, Sendable { var status: Status }
        let error = try #require(throws: SerdeError.self) {
            try read(Array(#"{"status":"lost"}"#.utf8), .json(Wrapper.self))
        }
        #expect(error.reason.hasPrefix("status: "))
    }

    @Test func `numbers are read where the type holds them exactly, and refused elsewhere`() throws
    {
        let bytes: [UInt8] = try read(Array("[255]".utf8), .json([UInt8].self))
        #expect(bytes == [255])
        let integers: [Int] = try read(Array("[3.0,-0.0]".utf8), .json([Int].self))
        #expect(integers == [3, 0])
        #expect(try read(Array("18446744073709551615".utf8), .json(UInt64.self)) == .max)
        #expect(try read(Array("-9223372036854775808".utf8), .json(Int64.self)) == .min)
        #expect(try read(Array("1e-7".utf8), .json(Double.self)) == 1e-7)
        for text in ["[256]", "[-1]", "[1.5]", "[1e400]"] {
            #expect(throws: SerdeError.self) { try read(Array(text.utf8), .json([UInt8].self)) }
        }
        #expect(throws: SerdeError.self) {
            try read(Array("9223372036854775808".utf8), .json(Int64.self))
        }
    }

    @Test func `infinities and NaN have no JSON`() {
        for value in [Double.nan, .infinity, -.infinity] {
            #expect(throws: SerdeError.self) { try written(value, .json(Double.self)) }
            #expect(throws: SerdeError.self) { try written([value], .json([Double].self)) }
        }
    }

    @Test func `a text that is nested too deeply is refused, not followed`() {
        let text = String(repeating: "[", count: 5_000) + String(repeating: "]", count: 5_000)
        #expect(throws: SerdeError.self) { try read(Array(text.utf8), .json([Int].self)) }
    }

    @Test func `text that is not UTF-8 is refused`() {
        let text: [UInt8] = [0x22, 0xc3, 0x28, 0x22]
        #expect(throws: SerdeError.self) { try read(text, .json(String.self)) }
    }

    @Test func `a document can be read while another one is open`() throws {
        struct Outer: Codable, Sendable {
            var inner: Int
            var after: Int
            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: CodingKeys.self)
                let text = try container.decode(String.self, forKey: .inner)
                inner = try read(Array(text.utf8), .json(Int.self))
                after = try container.decode(Int.self, forKey: .after)
            }
        }
        let outer = try read(Array(#"{"inner":"7","after":8}"#.utf8), .json(Outer.self))
        #expect(outer.inner == 7)
        #expect(outer.after == 8)
    }

    @Test func `random bytes and cut texts give errors, never a crash`() throws {
        let text = try written(Self.order, .json(Order.self))
        for count in 0..<text.count {
            #expect(throws: SerdeError.self) {
                try read(Array(text[..<count]), .json(Order.self))
            }
        }
        for index in text.indices {
            for bit in 0..<8 {
                var changed = text
                changed[index] ^= 1 << UInt8(bit)
                do { _ = try read(changed, .json(Order.self)) } catch {
                    #expect(error is SerdeError)
                }
            }
        }
    }
}

@Suite("JSON through nested containers")
struct JSONContainerTests {
    class Animal: Codable {
        var name: String
        init(name: String) { self.name = name }
    }

    // SAFETY: a test's value, used by one thread.
    final class Dog: Animal, @unchecked Sendable {
        var age: Int
        enum CodingKeys: CodingKey { case age }
        init(name: String, age: Int) {
            self.age = age
            super.init(name: name)
        }
        required init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            age = try container.decode(Int.self, forKey: .age)
            try super.init(from: container.superDecoder())
        }
        override func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try super.encode(to: container.superEncoder())
            try container.encode(age, forKey: .age)
        }
    }

    @Test func `a class with its superclass in a member reads back`() throws {
        let text = try written(Dog(name: "Rex", age: 3), .json(Dog.self))
        #expect(String(decoding: text, as: UTF8.self) == #"{"super":{"name":"Rex"},"age":3}"#)
        let dog = try read(text, .json(Dog.self))
        #expect(dog.name == "Rex")
        #expect(dog.age == 3)
    }

    struct Point: Codable, Equatable, Sendable {
        var x: Int
        var y: Int
        enum Outer: CodingKey { case point, path }
        enum Inner: CodingKey { case x }
        init(x: Int, y: Int) {
            self.x = x
            self.y = y
        }
        init(from decoder: any Decoder) throws {
            let outer = try decoder.container(keyedBy: Outer.self)
            x = try outer.nestedContainer(keyedBy: Inner.self, forKey: .point)
                .decode(Int.self, forKey: .x)
            var path = try outer.nestedUnkeyedContainer(forKey: .path)
            y = try path.decode(Int.self)
            guard path.isAtEnd else { throw SerdeError("the path goes on") }
        }
        func encode(to encoder: any Encoder) throws {
            var outer = encoder.container(keyedBy: Outer.self)
            var inner = outer.nestedContainer(keyedBy: Inner.self, forKey: .point)
            try inner.encode(x, forKey: .x)
            var path = outer.nestedUnkeyedContainer(forKey: .path)
            try path.encode(y)
        }
    }

    @Test func `nested containers end when their parent goes on`() throws {
        let text = try written([Point(x: 1, y: 2)], .json([Point].self))
        #expect(String(decoding: text, as: UTF8.self) == #"[{"point":{"x":1},"path":[2]}]"#)
        #expect(try read(text, .json([Point].self)) == [Point(x: 1, y: 2)])
    }

    struct Interleaved: Codable, Sendable {
        enum Keys: CodingKey { case a, b }
        init() {}
        init(from decoder: any Decoder) {}
        func encode(to encoder: any Encoder) throws {
            var outer = encoder.container(keyedBy: Keys.self)
            var inner = outer.nestedContainer(keyedBy: Keys.self, forKey: .a)
            try outer.encode(1, forKey: .b)
            try inner.encode(2, forKey: .a)
        }
    }

    @Test func `writing into a nested container that has ended is an error, not broken text`() {
        #expect(throws: SerdeError.self) { try written(Interleaved(), .json(Interleaved.self)) }
    }

    @Test func `a type that encodes nothing is an empty object`() throws {
        struct Nothing: Codable, Sendable {}
        #expect(try written(Nothing(), .json(Nothing.self)) == Array("{}".utf8))
    }
}

/// What a serde writes of a value.
func written<S: Serde>(_ value: S.Value, _ serde: S) throws -> [UInt8] {
    var sink = ByteSink()
    try serde.encode(value, into: &sink)
    return Array(sink.bytes)
}

/// What a serde reads of bytes.
func read<S: Serde>(_ bytes: [UInt8], _ serde: S) throws -> S.Value {
    try bytes.withUnsafeBytes { try serde.decode($0) }
}

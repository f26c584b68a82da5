import Foundation
import JSON
import Serdes
import Testing

@Suite("JSON of Foundation's types")
struct JSONFoundationTests {
    struct Parcel: Codable, Equatable, Sendable {
        var link: URL?
        var at: Date?
        var photo: Data?
        var id: UUID?
        var price: Decimal?
        var links: [URL]?
        var prices: [String: Decimal]?
    }

    static var parcel: Parcel {
        Parcel(
            link: URL(string: "https://shop.example/p?q=1#ü"),
            at: Date(timeIntervalSinceReferenceDate: 725_846_400.25),
            photo: Data((0...255).map { UInt8($0) }),
            id: UUID(uuidString: "0E984725-C51C-4BF4-9960-E1C80E27ABA0"),
            price: Decimal(string: "12345678901234567890.123456789"),
            links: [URL(fileURLWithPath: "/tmp/a b")],
            prices: ["net": Decimal(string: "-0.1") ?? 0, "gross": 19]
        )
    }

    @Test func `Foundation reads what we write`() throws {
        let text = try written(Self.parcel, .json(Parcel.self))
        #expect(try JSONDecoder().decode(Parcel.self, from: Data(text)) == Self.parcel)
    }

    @Test func `what Foundation writes is read`() throws {
        let text = try JSONEncoder().encode(Self.parcel)
        #expect(try read(Array(text), .json(Parcel.self)) == Self.parcel)
    }

    @Test func `each has its usual text`() throws {
        let parcel = Parcel(
            link: URL(string: "https://a.example/x"),
            at: Date(timeIntervalSinceReferenceDate: 5.5),
            photo: Data([1, 2, 3]),
            id: UUID(uuidString: "0E984725-C51C-4BF4-9960-E1C80E27ABA0"),
            price: Decimal(string: "12.34")
        )
        #expect(
            String(decoding: try written(parcel, .json(Parcel.self)), as: UTF8.self)
                == #"{"link":"https://a.example/x","at":5.5,"photo":"AQID","#
                + #""id":"0E984725-C51C-4BF4-9960-E1C80E27ABA0","price":12.34}"#
        )
        #expect(try written(Decimal(7), .json(Decimal.self)) == Array("7".utf8))
    }

    @Test func `a decimal has every digit of its text`() throws {
        for text in ["0.1", "1e3", "-12345678901234567890123456789012345678", "1E-10"] {
            let parcel = try read(Array(#"{"price":\#(text)}"#.utf8), .json(Parcel.self))
            #expect(parcel.price == Decimal(string: text))
        }
    }

    @Test(arguments: [
        (#"{"link":""}"#, "link: a string, where a URL is needed"),
        (#"{"link":3}"#, "link: the number 3, where a URL is needed"),
        (#"{"photo":"*"}"#, "photo: a string, where text in Base64 is needed"),
        (#"{"price":"12"}"#, "price: a string, where a number of up to 38 digits is needed"),
        (#"{"links":["http://a",null]}"#, "links[1]: null, where a URL is needed"),
        (#"{"id":"x"}"#, "id: Attempted to decode UUID from invalid UUID string."),
    ])
    func `an error says where and why`(text: String, expected: String) throws {
        let error = try #require(throws: SerdeError.self) {
            try read(Array(text.utf8), .json(Parcel.self))
        }
        #expect(error.reason == expected)
    }

    @Test func `a decimal that is no number cannot be written`() throws {
        let error = try #require(throws: SerdeError.self) {
            try written(Parcel(price: .nan), .json(Parcel.self))
        }
        #expect(error.reason.hasPrefix("price: NaN, which JSON has no number for"))
    }
}

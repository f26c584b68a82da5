import Foundation
import MillraceTestKit
import Streams
import Testing

/// What jobs make of JSON, from topic to topic.
@Suite struct JSONJobTests {
    struct Cart: Codable, Hashable, Sendable { var lines: [String: Int] }

    private struct ByCart: StreamJob {
        static let name = "by-cart"
        static let input = Topic("carts", value: String.self)
        static let output = Topic("cart-counts", key: Cart.self, value: Int64.self)
        var topology: [Statement] {
            stream(Self.input)
                .groupBy({ text in Cart(lines: Self.lines(of: text)) }, via: "cart")
                .count(store: "carts")
                .to(Self.output)
        }

        /// The lines in an order that chance decides, as a dictionary's is.
        private static func lines(of text: String) -> [String: Int] {
            var lines: [String: Int] = [:]
            lines.reserveCapacity(.random(in: 1...100))
            for word in text.split(separator: " ").shuffled() {
                lines[String(word), default: 0] += 1
            }
            return lines
        }
    }

    @Test func `a key that holds a dictionary is one key, however often it is made`() throws {
        let engine = try TestEngine(ByCart())
        for _ in 0..<25 {
            try engine.send("pear apple fig plum apple nut", to: ByCart.input)
            try engine.run()
        }
        let counts = try engine.read(ByCart.output)
        #expect(counts.map(\.value) == Array(1...25))
        let cart = Cart(lines: ["pear": 1, "apple": 2, "fig": 1, "plum": 1, "nut": 1])
        #expect(Set(counts.map(\.key)) == [cart])
    }

    struct Sample: Codable, Equatable, Sendable {
        var serial: Int64
        var level: Double?
        var page: URL?
        var price: Decimal?
    }

    private struct Pass: StreamJob {
        static let name = "samples"
        static let input = Topic("samples", value: .utf8)
        static let output = Topic("checked", value: Sample.self)
        var topology: [Statement] {
            stream(Topic("samples", value: Sample.self))
                .mapValues { sample -> Sample in
                    var sample = sample
                    sample.level = sample.level.map { $0 < 0 ? $0.squareRoot() : $0 }
                    return sample
                }
                .to(Self.output)
        }
    }

    @Test func `numbers and Foundation's types go through a job with every digit`() throws {
        let engine = try TestEngine(Pass())
        try engine.send(
            #"{"serial":9007199254740995.0,"level":500000000000000000001,"x":18446744073709551617,"#
                + #""page":"https://b.example/?q=1","price":0.10000000000000000000001}"#,
            to: Pass.input
        )
        try engine.run()
        let found = try #require(try engine.read(Pass.output).first).value
        #expect(found.serial == 9_007_199_254_740_995)
        #expect(found.level == 5e20)
        #expect(found.page?.host() == "b.example")
        #expect(found.price == Decimal(string: "0.10000000000000000000001"))
    }

    @Test(arguments: [
        (#"{"serial":1e19}"#, "serial: the number 1e19, where an integer from"),
        (#"{"serial":1,"level":-4}"#, "level: nan, which JSON has no number for"),
        (#"{"serial":1,"level":-1e999}"#, "level: the number -1e999, where a number up to 1.8e308"),
    ])
    func `what cannot be read or written stops the job with the record's place`(
        text: String,
        reason: String
    ) throws {
        let engine = try TestEngine(Pass())
        try engine.send(text, to: Pass.input)
        let error = #expect(throws: (any Error).self) { try engine.run() }
        let words = error.map { "\($0)" } ?? ""
        #expect(words.contains(reason), "\(words)")
        #expect(words.contains("topic samples, partition"), "\(words)")
        #expect(try engine.read(Pass.output).isEmpty)
    }
}

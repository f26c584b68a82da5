import Millrace
import MillraceTestKit
import Testing

@testable import Orders

/// The job on the real engine.
@Suite struct OrdersTests {
    private let shop: Shop

    init() throws { shop = try Shop() }

    @Test func `an order is reserved, paid and shipped`() throws {
        try shop.deliver("tea", 10)
        try shop.engine.run()
        try shop.place("o-1", "tea", 4)
        try shop.pay("o-1", second: 60)
        try shop.engine.run()
        #expect(try shop.outcomes() == ["o-1": [.shipped]])
        #expect(try shop.engine.read(Topics.stock).map(\.value) == [10, 6])
    }

    @Test func `an order beyond the stock is rejected, and its money goes back`() throws {
        try shop.deliver("tea", 3)
        try shop.engine.run()
        try shop.place("o-1", "tea", 4)
        try shop.pay("o-1", second: 1)
        try shop.engine.run()
        let decisions = try shop.outcomes()["o-1"] ?? []
        #expect(Set(decisions) == [.rejected, .refunded])
        #expect(decisions.count == 2)
    }

    @Test func `an order that is not paid gives its goods back to the next one`() throws {
        try shop.deliver("tea", 4)
        try shop.engine.run()
        try shop.place("o-1", "tea", 4)
        try shop.engine.run()
        try shop.place("o-2", "tea", 1, second: 20 * 60)
        try shop.engine.run()
        try shop.place("o-3", "tea", 4, second: 20 * 60)
        try shop.engine.run()
        #expect(try shop.outcomes() == ["o-1": [.cancelled], "o-2": [.rejected]])
        #expect(try shop.engine.read(Topics.stock).map(\.value) == [4, 0, 4, 0])
    }

    @Test func `what is sent again counts once`() throws {
        for _ in 0..<3 {
            try shop.deliver("tea", 10)
            try shop.engine.run()
        }
        for _ in 0..<2 {
            try shop.place("o-1", "tea", 4)
            try shop.engine.run()
            try shop.pay("o-1", second: 60)
            try shop.engine.run()
            try shop.engine.crash()
        }
        #expect(try shop.outcomes() == ["o-1": [.shipped]])
        #expect(try shop.engine.read(Topics.stock).map(\.value) == [10, 6])
    }

    @Test func `old versions are read, unknown ones and nonsense are dead letters`() throws {
        let texts = Topic("orders", key: .utf8, value: .utf8)
        for (id, version, data) in [
            ("o-1", 1, #"{"article":"tea","quantity":1,"price":3}"#),
            ("o-2", 7, #"{}"#),
            ("o-3", 2, #"{"article":"tea","quantity":0,"cents":300}"#),
            ("o-4", 1, #"{"article":"tea","quantity":1,"price":9223372036854775807}"#),
        ] {
            try shop.engine.send(
                #"{"event_id":"\#(id)","event_type":"order-placed","event_version":\#(version),"#
                    + #""occurred_at":"2026-01-01T00:00:00Z","data":\#(data)}"#,
                key: id,
                to: texts,
                at: Shop.start
            )
        }
        try shop.engine.run()
        #expect(try shop.outcomes() == ["o-1": [.rejected]])
        let reasons = try shop.engine.readDeadLetters()
            .map { $0.headers[DeadLetterHeader.reason] ?? "" }
        #expect(reasons.sorted() == ["decode", "refused-order", "unsupported-version"])
    }
}

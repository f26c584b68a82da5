import Millrace
import MillraceTestKit
import Testing

@testable import Orders

/// Many orders, several partitions, crashes anywhere: no goods and no money are lost or doubled.
@Suite struct ConservationTests {
    /// A generator of its own, so that a seed makes the same orders everywhere.
    private struct Dice {
        var state: UInt64

        mutating func roll(_ sides: UInt64) -> Int64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int64((state >> 33) % sides)
        }
    }

    private static let articles = ["tea", "coffee", "cocoa"]

    @Test(arguments: 1...6)
    func `goods and money add up through crashes`(seed: UInt64) throws {
        var dice = Dice(state: seed)
        let shop = try Shop(partitions: 3, seed: seed)
        var paid: Int64 = 0
        var quantities: [String: (article: String, quantity: Int64)] = [:]
        for article in Self.articles { try shop.deliver(article, 20) }
        try shop.engine.run()
        for number in 0..<30 {
            let id = "o-\(number)"
            let second = Int64(number) * 60
            let order = (Self.articles[Int(dice.roll(3))], dice.roll(4) + 1)
            quantities[id] = order
            try shop.place(id, order.0, order.1, second: second)
            if dice.roll(3) > 0 {
                try shop.pay(id, second: second + dice.roll(1500))
                paid += 100
            }
            for _ in 0..<dice.roll(4) { try shop.engine.process() }
            if dice.roll(3) == 0 { try shop.engine.commit() }
            if dice.roll(4) == 0 { try shop.engine.crash() }
        }
        // Later orders in each partition, by the time limit: what waits for money is cancelled.
        // No later than the log takes, an hour ahead of the clock.
        for number in 100..<120 { try shop.place("o-\(number)", "none", 1, second: 3500) }
        try shop.engine.run()
        try shop.engine.run()

        let decisions = try shop.engine.read(Topics.decisions)
        var shipped: [String: Int64] = [:]
        var money: Int64 = 0
        var ends: [String: Int] = [:]
        for (id, event) in decisions {
            if event.data.outcome != .refunded { ends[id, default: 0] += 1 }
            money += event.data.cents
            guard event.data.outcome == .shipped, let order = quantities[id] else { continue }
            shipped[order.article, default: 0] += order.quantity
        }
        #expect(ends.count == 50)
        #expect(ends.values.allSatisfy { $0 == 1 })
        // Each cent that was paid either bought something or went back.
        #expect(money == paid)
        var levels: [String: Int64] = [:]
        for (article, level) in try shop.engine.read(Topics.stock) { levels[article] = level }
        for article in Self.articles {
            #expect((levels[article] ?? 0) + (shipped[article] ?? 0) == 20)
        }
    }
}

import Millrace
import MillraceTestKit
import Synchronization
import Testing

@testable import Orders

/// Payments that the bank refuses, for a while or for good.
@Suite struct BankTests {
    private final class Outage: Sendable {
        private let left: Mutex<Int>

        init(failures: Int) { left = Mutex(failures) }

        func fails() -> Bool {
            left.withLock { left in
                left -= 1
                return left >= 0
            }
        }
    }

    private func bank(failures: Int) -> Bank {
        let outage = Outage(failures: failures)
        return Bank { _, _ in
            if outage.fails() { throw Refusal(.payment, "the bank is out of reach") }
        }
    }

    @Test func `a bank that is back after two tries has the payment taken once`() throws {
        let shop = try Shop(bank: bank(failures: 2))
        try shop.deliver("tea", 10)
        try shop.engine.run()
        try shop.place("o-1", "tea", 1)
        try shop.pay("o-1", second: 1)
        for _ in 0..<4 { try shop.engine.advance(by: .seconds(1)) }
        #expect(try shop.outcomes() == ["o-1": [.shipped]])
        #expect(try shop.engine.readDeadLetters().isEmpty)
    }

    @Test func `a bank that stays away makes the payment a dead letter`() throws {
        let shop = try Shop(bank: bank(failures: .max))
        try shop.deliver("tea", 10)
        try shop.engine.run()
        try shop.place("o-1", "tea", 1)
        try shop.pay("o-1", second: 1)
        for _ in 0..<4 { try shop.engine.advance(by: .seconds(1)) }
        let letters = try shop.engine.readDeadLetters()
        #expect(letters.map { $0.headers[DeadLetterHeader.reason] } == ["refused-payment"])
        #expect(letters.map { $0.headers[DeadLetterHeader.attempts] } == ["4"])
        #expect(try shop.outcomes().isEmpty)
    }
}

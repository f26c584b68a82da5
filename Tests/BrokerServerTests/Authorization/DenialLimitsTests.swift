import Coordination
import Testing

@testable import BrokerAPI

/// How much of what is denied is told.
struct DenialLimitsTests {
    private static let second: UInt64 = 1_000_000_000

    @Test func `a principal is told of ten times in ten seconds, then of how often it was silent`()
    {
        var limits = DenialLimits()
        let eve = ExactText("User:eve")
        let first = (0..<30).map { _ in limits.take(eve, now: Self.second) }
        #expect(first == (0..<10).map { _ in 0 } + (0..<20).map { _ in nil })
        #expect(limits.take(ExactText("User:bob"), now: Self.second) == 0)
        #expect(limits.take(eve, now: 12 * Self.second) == 20)
        #expect(limits.take(eve, now: 12 * Self.second) == 0)
    }

    @Test func `all principals together have a limit too`() {
        var limits = DenialLimits()
        let told = (0..<5_000).count { number in
            limits.take(ExactText("User:u\(number)"), now: Self.second) != nil
        }
        #expect(told == DenialLimits.countOfAll)
        // Another ten seconds, another hundred.
        let later = (0..<5_000).count { number in
            limits.take(ExactText("User:v\(number)"), now: 20 * Self.second) != nil
        }
        #expect(later == DenialLimits.countOfAll)
    }
}

import Foundation
import Testing

@testable import Coordination

@Suite struct ConsumerGroupHistoryTests {
    @Test func `no two members have one partition at any time, and each comes to its target`() {
        let environment = ProcessInfo.processInfo.environment
        let count = environment["MILLRACE_HISTORIES"].flatMap { UInt64($0) } ?? 1_000
        let seed = environment["MILLRACE_SEED"].flatMap { UInt64($0) }
        for seed in seed.map({ [$0] }) ?? Array(1...max(count, 1)) {
            var history = ConsumerGroupHistory(seed: seed)
            for _ in 0..<150 { history.step() }
            history.settle()
            let problem = history.problem ?? history.unsettled
            #expect(problem == nil, "MILLRACE_SEED=\(seed)")
            if problem != nil { return }
        }
    }
}

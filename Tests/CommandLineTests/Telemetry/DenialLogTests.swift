import BrokerAPI
import JobRunner
import Testing
import Threads

/// What was denied is told beside the requests, and never waits for whoever should read it.
@Suite struct DenialLogTests {
    private static func denial(_ name: String) -> Denial {
        Denial(principal: "User:a", host: "h", operation: .read, type: .topic, name: name)
    }

    @Test(.timeLimit(.minutes(1)))
    func `where nobody reads, denials are dropped, and each of them is counted once`() {
        let lines = ConditionLock<(all: [String], isHeld: Bool)>(([], true))
        let log = DenialLog(
            wallMilliseconds: { 0 },
            write: { line in
                lines.waitAndTake { $0.isHeld ? nil : () }
                lines.update { $0.all.append(line) }
            }
        )
        // All of it returns although the writer hangs in the first line, or before it.
        let count = 4 * DenialLog.limit
        for number in 0..<count { log.add(Self.denial("t\(number)")) }
        lines.update { $0.isHeld = false }
        log.stop()
        let told = lines.withLock { $0.all }
        let drops = told.filter { $0.contains("were not told") }
        // The thread may begin before, amid or behind the denials.
        #expect((1...2).contains(drops.count), "\(drops)")
        let denials = told.count - drops.count
        #expect(denials <= 2 * DenialLog.limit)
        let dropped = drops.compactMap { line in
            line.split(separator: "count=").last.flatMap { Int($0.dropLast()) }
        }
        #expect(dropped.reduce(denials, +) == count, "\(drops)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `the end does not wait for a writer that hangs`() {
        let isHeld = ConditionLock(true)
        let log = DenialLog(
            wallMilliseconds: { 0 },
            write: { _ in isHeld.waitAndTake { $0 ? nil : () } }
        )
        log.add(Self.denial("t"))
        log.stop()
        isHeld.update { $0 = false }
    }

    @Test func `a long name is cut, and no name makes a line of its own`() {
        let lines = ConditionLock<[String]>([])
        let log = DenialLog(
            wallMilliseconds: { 0 },
            write: { line in lines.update { $0.append(line) } }
        )
        log.add(Self.denial(String(repeating: "x", count: 30_000)))
        log.add(Self.denial("t\n1970-01-01T00:00:00.000Z info    all is well"))
        log.stop()
        let told = lines.withLock { $0 }
        #expect(told.count == 2)
        #expect(told.allSatisfy { $0.utf8.count < 500 })
        #expect(told.joined().split(separator: "\n").count == 2)
    }
}

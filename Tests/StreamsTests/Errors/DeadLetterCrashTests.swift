import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Synchronization
import Testing

/// Many records, some of which fail at their first tries and some always, in a job with state, with
/// crashes at random moments: every record ends in the results or in the dead letters, once.
@Suite struct DeadLetterCrashTests {
    private struct Job: StreamJob {
        static let name = "mixed"
        var topology: [Statement] { [] }
    }

    private struct Refused: Error {}

    /// Fails for some values always, for others at their first two calls: a try that succeeds may
    /// be taken back with what follows it, so that one more failure then would be the last.
    private final class Service: Sendable {
        private let calls = Mutex<[Int64: Int]>([:])

        func pass(_ value: Int64) throws -> Int64 {
            let call = calls.withLock { calls in
                calls[value, default: 0] += 1
                return calls[value] ?? 0
            }
            if value % 7 == 3 { throw Refused() }
            if value % 5 == 4, call < 3 { throw Refused() }
            return value
        }
    }

    private static let input = Topic("in", key: .utf8, value: .int64)
    private static let output = Topic("out", key: .utf8, value: .int64)
    private static let sums = Topic("sums", key: .utf8, value: .int64)
    private static let time: Int64 = 1_767_225_600_000

    private func driver(_ ordering: DeadLetterOrdering, seed: UInt64) throws -> TopologyDriver {
        let service = Service()
        let retry = Retry.exponential(from: .milliseconds(20), attempts: 3)
        let policy = ErrorPolicy.deadLetter(retry: retry, ordering: ordering)
        return try TopologyDriver(
            inputs: [("in", 3)],
            configuration: StreamsConfiguration(),
            seed: seed
        ) {
            let source = Job().stream(Self.input)
            let sums = source.groupByKey().reduce(store: "sums") { old, new -> Int64 in old + new }
            // Behind the store: a retry has something to take back.
            let results = source.mapValues(to: Int64.self, service.pass).onError(policy)
            return try Topology(
                job: "mixed",
                statements: [sums.to(Self.sums), results.to(Self.output)]
            )
        }
    }

    private func number(_ record: TestRecord) -> Int64 {
        record.value.map { $0.reduce(0) { $0 << 8 | Int64($1) } } ?? -1
    }

    @Test(arguments: [DeadLetterOrdering.unordered, .holdKey], [1, 2, 3, 4] as [UInt64])
    func `each record is a result or a dead letter, once`(
        ordering: DeadLetterOrdering,
        seed: UInt64
    ) throws {
        let driver = try driver(ordering, seed: seed)
        var generator = SeededGenerator(seed: seed)
        var results: [String: [Int64]] = [:]
        var letters: [String: [Int64]] = [:]
        var totals: [String: [Int64]] = [:]
        func take() throws {
            for record in try driver.read("out") {
                results[String(decoding: record.key ?? [], as: UTF8.self), default: []]
                    .append(number(record))
            }
            for record in try driver.read("mixed-dead-letters") {
                letters[String(decoding: record.key ?? [], as: UTF8.self), default: []]
                    .append(number(record))
            }
            for record in try driver.read("sums") {
                totals[String(decoding: record.key ?? [], as: UTF8.self), default: []]
                    .append(number(record))
            }
        }
        var sent: [String: [Int64]] = [:]
        for value in 0..<Int64(120) {
            let key = "k\(Int.random(in: 0..<12, using: &generator))"
            sent[key, default: []].append(value)
            try driver.send(
                topic: "in",
                key: Array(key.utf8),
                value: withUnsafeBytes(of: value.bigEndian) { Array($0) },
                timestamp: Timestamp(Self.time + value)
            )
            switch Int.random(in: 0..<12, using: &generator) {
            case 0: try driver.crash()
            case 1: try driver.kill()
            case 2: try driver.commit()
            case 3: driver.time.advance(milliseconds: 25)
            default: _ = try driver.step()
            }
        }
        for _ in 0..<200 { try driver.advance(milliseconds: 40) }
        try take()
        for (key, values) in sent {
            let (own, dead) = (results[key] ?? [], letters[key] ?? [])
            #expect((own + dead).sorted() == values)
            #expect(own == own.sorted() && dead == dead.sorted())
            if ordering == .holdKey, let first = dead.first {
                #expect(own.allSatisfy { $0 < first })
            } else {
                #expect(dead == values.filter { $0 % 7 == 3 })
            }
            // Where a key is held, the sum is of what came before.
            let seen = values.filter { ordering == .unordered || $0 <= dead.first ?? .max }
            let sums = seen.indices.map { seen[...$0].reduce(0, +) }
            #expect(totals[key] ?? [] == sums)
        }
        #expect(Set(results.keys).union(letters.keys) == Set(sent.keys))
        let held = ordering == .holdKey ? try driver.contents(ofStore: "in-held").count : 0
        #expect(held == (ordering == .holdKey ? letters.count : 0))
    }
}

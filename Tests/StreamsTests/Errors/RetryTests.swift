import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Synchronization
import Testing

/// Records that are tried again: what waits, what goes on, and what is taken back.
@Suite struct RetryTests {
    /// An operator that throws for the value 13 so many times.
    private final class Flaky: Sendable {
        private let failuresLeft: Mutex<Int>
        private let calls = Mutex(0)

        init(failures: Int) { failuresLeft = Mutex(failures) }

        var callCount: Int { calls.withLock { $0 } }

        func pass(_ value: Int64) throws -> Int64 {
            guard value == 13 else { return value }
            calls.withLock { $0 += 1 }
            let fails = failuresLeft.withLock { left in
                left -= 1
                return left >= 0
            }
            if fails { throw Refused() }
            return value
        }
    }

    private struct Refused: DeadLetterReason, CustomStringConvertible {
        var description: String { "the bank said no" }
        var deadLetterReason: String { "payment" }
    }

    private static let input = Topic("in", key: .utf8, value: .int64)
    private static let output = Topic("out", key: .utf8, value: .int64)
    /// Where the virtual clock begins: older records would fall to the topic's retention.
    private static let time = Timestamp(1_767_225_600_000)
    private static let retry = Retry.exponential(from: .milliseconds(100), attempts: 4)

    /// The operator behind a source, or behind an aggregation whose state it would spoil.
    private func driver(
        _ flaky: Flaky,
        _ policy: ErrorPolicy,
        sums: Bool = false,
        partitions: Int32 = 1
    ) throws -> TopologyDriver {
        try TopologyDriver(
            inputs: [("in", partitions)],
            configuration: StreamsConfiguration(),
            seed: 11
        ) {
            let source = Job().stream(Self.input)
            let values =
                sums
                ? source.groupByKey().reduce(store: "sums") { old, new -> Int64 in old + new }
                    .toStream().mapValues { value -> Int64 in value ?? 0 }
                : source
            let passed = values.mapValues(to: Int64.self) { try flaky.pass($0) }.onError(policy)
            return try Topology(job: "retry", statements: [passed.to(Self.output)])
        }
    }

    private struct Job: StreamJob {
        static let name = "retry"
        var topology: [Statement] { [] }
    }

    private func send(
        _ values: [Int64],
        key: String = "a",
        to driver: TopologyDriver,
        partition: Int32 = 0
    ) throws {
        for value in values {
            try driver.send(
                topic: "in",
                key: Array(key.utf8),
                value: withUnsafeBytes(of: value.bigEndian) { Array($0) },
                timestamp: Self.time,
                partition: PartitionIndex(partition)
            )
        }
    }

    private func values(_ topic: String, of driver: TopologyDriver) throws -> [UInt8] {
        try driver.read(topic).map { $0.value?.last ?? 0 }
    }

    @Test func `a record waits for its next try, what is behind it waits, other partitions go on`()
        throws
    {
        let flaky = Flaky(failures: 2)
        let driver = try driver(flaky, .fail(after: Self.retry), partitions: 2)
        try send([1, 13, 2], to: driver)
        try send([7], to: driver, partition: 1)
        try driver.runUntilIdle()
        #expect(try values("out", of: driver).sorted() == [1, 7])
        #expect(flaky.callCount == 1)
        try driver.advance(milliseconds: 99)
        #expect(flaky.callCount == 1)
        try send([8], to: driver, partition: 1)
        try driver.advance(milliseconds: 1)
        #expect(try values("out", of: driver) == [8])
        #expect(flaky.callCount == 2)
        try driver.advance(milliseconds: 200)
        #expect(flaky.callCount == 3)
        #expect(try values("out", of: driver).sorted() == [2, 13])
    }

    @Test(arguments: [false, true])
    func `a record that had its tries is a dead letter once, through crashes`(sums: Bool) throws {
        let flaky = Flaky(failures: 1_000)
        let driver = try driver(flaky, .deadLetter(retry: Self.retry), sums: sums)
        try driver.advance(milliseconds: 1_000)
        let start = driver.time.wallTime().rawValue
        try send([13, 2], to: driver)
        try driver.advance(milliseconds: 100)
        try driver.advance(milliseconds: 200)
        #expect(try values("out", of: driver).isEmpty)
        try driver.advance(milliseconds: 400)
        #expect(flaky.callCount == 4)
        let letters = try driver.read("retry-dead-letters")
        let letter = try #require(letters.first)
        #expect(letters.count == 1 && letter.value?.last == 13 && letter.timestamp == Self.time)
        let headers = Dictionary(
            uniqueKeysWithValues: letter.headers.map {
                ($0.name, String(decoding: $0.value ?? [], as: UTF8.self))
            }
        )
        #expect(headers[DeadLetterHeader.attempts] == "4")
        #expect(headers[DeadLetterHeader.reason] == "payment")
        #expect(headers[DeadLetterHeader.exception] == "Refused")
        #expect(headers[DeadLetterHeader.message] == "the bank said no")
        #expect(headers[DeadLetterHeader.firstFailedAt] == "\(start)")
        #expect(headers[DeadLetterHeader.lastFailedAt] == "\(start + 700)")
        #expect(headers[DeadLetterHeader.topic] == "in")
        #expect(headers[DeadLetterHeader.offset] == "0")
        #expect(headers[DeadLetterHeader.operatorName]?.hasSuffix("mapValues") == true)
        #expect(try values("out", of: driver) == [sums ? 15 : 2])
        try driver.crash()
        try driver.advance(milliseconds: 5_000)
        #expect(try driver.read("retry-dead-letters").isEmpty)
        #expect(try driver.read("out").isEmpty)
    }

    @Test func `a crash while a record waits loses nothing and counts its tries anew`() throws {
        let flaky = Flaky(failures: 1_000)
        let driver = try driver(flaky, .skip(after: Self.retry), sums: true)
        try send([1, 12, 2], to: driver)
        try driver.advance(milliseconds: 100)
        try driver.crash()
        try driver.runUntilIdle()
        #expect(try values("out", of: driver) == [1])
        for wait: Int64 in [100, 200, 400] { try driver.advance(milliseconds: wait) }
        #expect(flaky.callCount == 2 + 4)
        // The aggregate keeps what the record did before its error, as without a retry.
        #expect(try values("out", of: driver) == [15])
        #expect(driver.counters.recordsSkipped == 1)
    }

    @Test func `a success after a retry leaves an aggregate as if it had been the first try`()
        throws
    {
        let flaky = Flaky(failures: 3)
        let driver = try driver(flaky, .fail(after: Self.retry), sums: true)
        try send([6, 7, 8], to: driver)
        for wait: Int64 in [100, 200, 400] { try driver.advance(milliseconds: wait) }
        #expect(try values("out", of: driver) == [6, 13, 21])
        #expect(driver.counters.recordsIn == 3)
    }

    @Test func `delays double up to the longest`() throws {
        let flaky = Flaky(failures: 1_000)
        let retry = Retry.exponential(from: .seconds(1), attempts: 70, upTo: .seconds(4))
        let driver = try driver(flaky, .skip(after: retry))
        try send([13], to: driver)
        for (index, wait) in ([1, 2, 4, 4, 4] as [Int64]).enumerated() {
            try driver.advance(milliseconds: wait * 1_000 - 1)
            #expect(flaky.callCount == index + 1)
            try driver.advance(milliseconds: 1)
            #expect(flaky.callCount == index + 2)
        }
    }
}

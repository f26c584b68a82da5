import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Synchronization
import Testing

/// Calls in flight: ordered, bounded, part of the transaction of their records, ended by a stop.
@Suite struct MapAsyncTests {
    private static let input = Topic("in", key: .utf8, value: .int64)
    private static let output = Topic("out", key: .utf8, value: .int64)
    private static let counts = Topic("counts", key: .utf8, value: .int64)

    /// What calls do while they are watched.
    private final class Calls: Sendable {
        struct State {
            var running: [String: Int] = [:]
            var count = 0
            var peak = 0
            var overlapsOfKey = 0
        }
        let state = Mutex(State())

        func begin(_ key: String) {
            state.withLock { state in
                state.count += 1
                state.running[key, default: 0] += 1
                if state.running[key] ?? 0 > 1 { state.overlapsOfKey += 1 }
                state.peak = max(state.peak, state.running.values.reduce(0, +))
            }
        }

        func end(_ key: String) { state.withLock { $0.running[key, default: 1] -= 1 } }
    }

    /// Waits for a task of its own, which runs where the call runs: `Task.yield` would need a
    /// thread of the pool, and tests that block it may have them all.
    private static func letOthersGoOn() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {}
            await group.waitForAll()
        }
    }

    private struct Job: StreamJob {
        static let name = "calls"
        var calls = Calls()
        var policy = ErrorPolicy.fail
        var work: @Sendable (String, Int64) async throws -> Int64 = { _, value in value }

        var topology: [Statement] {
            let (calls, work) = (calls, work)
            let results = stream(MapAsyncTests.input)
                .mapAsync(maxInFlight: 4) { (key: String, value: Int64) async throws -> Int64 in
                    calls.begin(key)
                    defer { calls.end(key) }
                    // Later calls are ready before earlier ones.
                    for _ in 0..<(8 - value % 8) * 20 { await MapAsyncTests.letOthersGoOn() }
                    return try await work(key, value)
                }
                .onError(policy)
            results.to(MapAsyncTests.output)
            results.groupByKey().count(store: "counts").to(MapAsyncTests.counts)
        }
    }

    private func driver(_ job: Job, seed: UInt64 = 1) throws -> TopologyDriver {
        try TopologyDriver(
            inputs: [("in", 1)],
            configuration: StreamsConfiguration(),
            seed: seed
        ) { try Topology(of: job) }
    }

    private func send(_ values: some Sequence<Int64>, to driver: TopologyDriver) throws {
        for value in values {
            try driver.send(
                topic: "in",
                key: Array("k\(value % 3)".utf8),
                value: withUnsafeBytes(of: value.bigEndian) { Array($0) },
                timestamp: Timestamp(1_000 + value),
                headers: [("number", Array("\(value)".utf8))]
            )
        }
    }

    private func number(_ record: TestRecord) -> Int64 {
        (record.value ?? []).reduce(0) { $0 << 8 | Int64($1) }
    }

    @Test func `results have the order, times and headers of their records, and no more wait`()
        throws
    {
        let job = Job()
        let driver = try driver(job)
        try send(0..<100, to: driver)
        try driver.runUntilIdle()
        let records = try driver.read("out")
        #expect(records.map(number) == Array(0..<100))
        #expect(records.map(\.timestamp.rawValue) == Array(1_000..<1_100))
        #expect(
            records.map { String(decoding: $0.headers.first?.value ?? [], as: UTF8.self) }
                == (0..<100).map { "\($0)" }
        )
        let state = job.calls.state.withLock { $0 }
        #expect(state.count == 100 && state.peak > 1 && state.peak <= 4)
        #expect(state.overlapsOfKey == 0, "calls for one key follow one another")
    }

    @Test(arguments: 0..<6)
    func `a crash anywhere leaves each result once`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let driver = try driver(Job(), seed: seed)
        var found: [Int64] = []
        for round in 0..<12 as Range<Int64> {
            try send(round * 10..<round * 10 + 10, to: driver)
            _ = try driver.step()
            switch Int.random(in: 0..<4, using: &random) {
            case 0: try driver.crash()
            case 1: try driver.kill()
            case 2: try driver.commit()
            default: break
            }
        }
        try driver.runUntilIdle()
        found += try driver.read("out").map(number)
        #expect(found == Array(0..<120))
        #expect(try driver.read("counts").map(number).max() == 40)
    }

    @Test func `an error goes to the policy with its own record, whatever is at hand by then`()
        throws
    {
        var job = Job()
        job.policy = .deadLetter()
        job.work = { _, value in
            if value % 10 == 3 { throw SerdeError("three") }
            return value
        }
        let driver = try driver(job)
        try send(0..<20, to: driver)
        try driver.runUntilIdle()
        #expect(try driver.read("out").map(number) == (0..<20).filter { $0 % 10 != 3 })
        let letters = try driver.read("calls-dead-letters")
        #expect(letters.map(number) == [3, 13])
        #expect(letters.map(\.timestamp.rawValue) == [1_003, 1_013])
        let offsets = letters.map { letter in
            letter.headers.last { $0.name == DeadLetterHeader.offset }?.value
        }
        #expect(offsets == [Array("3".utf8), Array("13".utf8)])
    }

    @Test func `a record that is tried again takes the transaction back, and comes in its place`()
        throws
    {
        var job = Job()
        job.policy = .skip(after: .fixed(.milliseconds(50), attempts: 3))
        let failures = Failures()
        job.work = { _, value in
            if value == 5, failures.next() < 2 { throw SerdeError("not yet") }
            return value
        }
        let driver = try driver(job)
        try send(0..<12, to: driver)
        for _ in 0..<4 {
            try driver.runUntilIdle()
            driver.time.advance(milliseconds: 60)
        }
        try driver.runUntilIdle()
        #expect(try driver.read("out").map(number) == Array(0..<12))
        #expect(driver.counters.recordsSkipped == 0)
        #expect(driver.rewindCount == 2)
    }

    @Test func `a call that does not end for long is told with its record`() throws {
        var job = Job()
        job.policy = .skip
        job.work = { _, value in
            if value == 1 { try await Task.sleep(for: .milliseconds(10_500)) }
            return value
        }
        let driver = try driver(job)
        try send(0..<10, to: driver)
        try driver.runUntilIdle()
        #expect(try driver.read("out").map(number) == Array(0..<10))
        #expect(
            driver.told == [
                "a call of mapAsync has not ended for 10 seconds, and its task waits for it "
                    + "(in-0, offset 1): give each call a time limit of its own"
            ]
        )
    }

    private struct Sibling: StreamJob {
        static let name = "calls"
        var failures = Failures()
        var topology: [Statement] {
            let failures = failures
            let source = stream(MapAsyncTests.input)
            source.mapAsync(maxInFlight: 4) { (_: String, value: Int64) async throws -> Int64 in
                for _ in 0..<20 { await MapAsyncTests.letOthersGoOn() }
                return value
            }
            .to(MapAsyncTests.output)
            source.mapValues { (value: Int64) throws -> Int64 in
                if value == 2, failures.next() < 1 { throw SerdeError("not yet") }
                return value
            }
            .onError(.skip(after: .fixed(.milliseconds(50), attempts: 3)))
            .to(MapAsyncTests.counts)
        }
    }

    /// A call in flight has written nothing yet, and is an effect of its record all the same.
    @Test func `a record that is tried again elsewhere has one result`() throws {
        let job = Sibling(failures: Failures())
        let driver = try TopologyDriver(
            inputs: [("in", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: job) }
        try send(0..<4, to: driver)
        for _ in 0..<4 {
            try driver.runUntilIdle()
            driver.time.advance(milliseconds: 60)
        }
        try driver.runUntilIdle()
        #expect(try driver.read("out").map(number) == [0, 1, 2, 3])
        #expect(try driver.read("counts").map(number) == [0, 1, 2, 3])
    }

    /// Counts how often it was asked.
    private final class Failures: Sendable {
        private let count = Mutex(0)
        func next() -> Int {
            count.withLock { count in
                defer { count += 1 }
                return count
            }
        }
    }

    @Test func `an error that stops the job names the record`() throws {
        var job = Job()
        job.work = { _, value in
            if value == 2 { throw SerdeError("two") }
            return value
        }
        let driver = try driver(job)
        try send(0..<10, to: driver)
        let error = #expect(throws: StreamsError.self) { try driver.runUntilIdle() }
        #expect(error?.message.contains("topic in, partition 0, offset 2") == true)
        #expect(error?.message.contains("two") == true)
        #expect(try driver.read("out").isEmpty)
    }

    @Test func `a stop cancels calls that do not end, and their records come again`() throws {
        var job = Job()
        let gate = Failures()
        job.work = { _, value in
            if value == 1, gate.next() == 0 {
                // Ends only because it is cancelled.
                try await Task.sleep(for: .seconds(3_600))
            }
            return value
        }
        let driver = try driver(job)
        try send(0..<3, to: driver)
        _ = try driver.step()
        driver.requestStop()
        try driver.restartCleanly()
        try driver.runUntilIdle()
        #expect(try driver.read("out").map(number) == [0, 1, 2])
    }
}

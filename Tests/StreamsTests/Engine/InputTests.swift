import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// What jobs make of inputs that are not as one expects them.
@Suite struct InputTests {
    private struct Pass: StreamJob {
        static let name = "pass"
        var topology: [Statement] {
            stream(Topic("in", key: .utf8, value: .utf8))
                .to(Topic("out", key: .utf8, value: .utf8))
        }
    }

    private struct Count: StreamJob {
        static let name = "count"
        var topology: [Statement] {
            stream(Topic("in", key: .utf8, value: .utf8))
                .groupByKey()
                .count(store: "counts")
                .to(Topic("out", key: .utf8, value: .int64))
        }
    }

    private func driver(_ job: some StreamJob) throws -> TopologyDriver {
        try TopologyDriver(
            inputs: [("in", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: job) }
    }

    private func send(
        _ driver: TopologyDriver,
        times: [Int64],
        areImported: Bool = false
    ) throws {
        for time in times {
            try driver.send(
                topic: "in",
                key: Array("k".utf8),
                value: Array("v".utf8),
                timestamp: Timestamp(time),
                isImported: areImported
            )
        }
    }

    // MARK: Timestamps

    @Test(arguments: [
        [Int64.min, 5], [5, .min], [.min, .max], [.max, .min, 0], [-1, .min, -1, .max],
    ])
    func `records of any timestamps go through a job unchanged`(times: [Int64]) throws {
        let driver = try driver(Pass())
        try send(driver, times: times, areImported: true)
        try driver.runUntilIdle()
        let found = try driver.read("out").map(\.timestamp.rawValue)
        #expect(found == times)
        try driver.kill()
        try send(driver, times: times, areImported: true)
        try driver.runUntilIdle()
        let again = try driver.read("out").map(\.timestamp.rawValue)
        #expect(again == times)
    }

    @Test(arguments: [[Int64.min, 5, .max], [.max, .min, 0]])
    func `records of any timestamps are counted, also after a restore`(times: [Int64]) throws {
        let driver = try driver(Count())
        try send(driver, times: times, areImported: true)
        try driver.runUntilIdle()
        try driver.crash()
        try send(driver, times: times, areImported: true)
        try driver.runUntilIdle()
        let counts = try driver.read("out").map { record in
            record.value?.reduce(0) { $0 << 8 | Int64($1) }
        }
        #expect(counts == [1, 2, 3, 4, 5, 6])
    }

    // MARK: Deleted records

    private func counts(_ driver: TopologyDriver) throws -> [Int64] {
        try driver.read("out").map { record in
            (record.value ?? []).reduce(0) { $0 << 8 | Int64($1) }
        }
    }

    @Test func `a job goes on at what is left when records before it were deleted`() throws {
        let driver = try driver(Count())
        try send(driver, times: [1, 2, 3])
        try driver.runUntilIdle()
        #expect(try counts(driver) == [1, 2, 3])
        try send(driver, times: [4, 5, 6, 7, 8])
        try driver.deleteRecords(of: "in", before: Offset(6))
        try driver.runUntilIdle()
        #expect(try counts(driver) == [4, 5])
        #expect(driver.lostCount == 3)
    }

    @Test func `a job starts at what is left when records behind its position were deleted`() throws
    {
        let driver = try driver(Count())
        try send(driver, times: [1, 2, 3])
        try driver.runUntilIdle()
        try send(driver, times: [4, 5, 6, 7])
        try driver.deleteRecords(of: "in", before: Offset(7))
        try driver.restartCleanly()
        try driver.runUntilIdle()
        #expect(try counts(driver) == [1, 2, 3])
        try send(driver, times: [8])
        try driver.runUntilIdle()
        #expect(try counts(driver) == [4])
        // What was passed over is committed with the rest.
        try driver.restartCleanly()
        try driver.runUntilIdle()
        #expect(driver.lostCount == 0)
    }

    // MARK: Times of transactions

    private static let timeouts: [(interval: Int64, timeout: Int64)] = [
        (1, 60_000), (100, 60_000), (30_000, 60_000), (70_000, 140_000), (450_000, 900_000),
        (840_000, 900_000), (.max, 900_000),
    ]

    @Test(arguments: timeouts)
    func `a transaction may stay open for longer than a commit interval`(
        interval: Int64,
        timeout: Int64
    ) {
        var configuration = StreamsConfiguration()
        configuration.commitIntervalMilliseconds = interval
        #expect(configuration.transactionTimeoutMilliseconds == timeout)
    }
}

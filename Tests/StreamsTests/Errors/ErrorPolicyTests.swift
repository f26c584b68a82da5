import Broker
import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// Policies of operators, dead letters, held keys, and the words of an error that stops the job.
@Suite struct ErrorPolicyTests {
    private struct Boom: Error, CustomStringConvertible {
        var description: String { "boom" }
    }

    private struct Job: StreamJob {
        static let name = "errors"
        var topology: [Statement] { [] }
    }

    private static let input = Topic("in", key: .utf8, value: .int64)
    private static let output = Topic("out", key: .utf8, value: .int64)

    private static let windowed = Topic(
        "windows",
        key: .windowed(.optional(.utf8), size: .milliseconds(10)),
        value: .optional(.int64)
    )

    @Sendable private static func refuse13(_ value: Int64) throws -> Int64 {
        if value == 13 { throw Boom() }
        return value
    }

    private func driver(
        policies: ErrorPolicies = ErrorPolicies(),
        partitions: Int32 = 1,
        _ statements: @escaping (Stream<String, Int64>) -> [Statement]
    ) throws -> TopologyDriver {
        try TopologyDriver(
            inputs: [("in", partitions)],
            configuration: StreamsConfiguration(),
            seed: 5
        ) {
            try Topology(
                job: "errors",
                statements: statements(Job().stream(Self.input)),
                errors: policies
            )
        }
    }

    private func send(
        _ value: Int64,
        key: String? = "a",
        to driver: TopologyDriver,
        at time: Int64 = 0,
        headers: [(name: String, value: [UInt8]?)] = []
    ) throws {
        try driver.send(
            topic: "in",
            key: key.map { Array($0.utf8) },
            value: withUnsafeBytes(of: value.bigEndian) { Array($0) },
            timestamp: Timestamp(time),
            headers: headers
        )
    }

    private func values(_ topic: String, of driver: TopologyDriver) throws -> [UInt8] {
        try driver.read(topic).map { $0.value?.last ?? 0 }
    }

    private func header(_ name: String, of record: TestRecord) -> String? {
        record.headers.last { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `an error that stops the job names topic, offset, operator and store`() throws {
        let driver = try driver { stream in
            let sums = stream.groupByKey().reduce(store: "sums") { old, new -> Int64 in
                _ = try Self.refuse13(new)
                return old + new
            }
            return [sums.to(Self.output)]
        }
        try send(1, to: driver)
        try send(13, to: driver)
        let error = #expect(throws: (any Error).self) { try driver.runUntilIdle() }
        #expect(
            error.map { "\($0)" }
                == "topic in, partition 0, offset 1, operator 1, reduce in sums: boom"
        )
    }

    @Test func `an operator's own policy comes before the job's`() throws {
        let driver = try driver(policies: ErrorPolicies(process: .deadLetter)) { stream in
            let skipping = stream.mapValues(to: Int64.self, Self.refuse13).onError(.skip)
            let lettered = stream.mapValues(to: Int64.self, Self.refuse13)
            return [skipping.to(Self.output), lettered.to(Self.output)]
        }
        for value: Int64 in [1, 13, 2] { try send(value, to: driver) }
        try driver.crash()
        try driver.runUntilIdle()
        #expect(try values("out", of: driver) == [1, 1, 2, 2])
        #expect(driver.counters.recordsSkipped == 1)
        #expect(driver.counters.recordsDeadLettered == 1)
        let letters = try driver.read("errors-dead-letters")
        #expect(letters.map(\.value?.last) == [13])
    }

    @Test func `a dead letter keeps its headers and not those of an earlier failure`() throws {
        let policy = ErrorPolicy.deadLetter(topic: "dlq")
        let driver = try driver(policies: ErrorPolicies(decode: policy)) {
            [$0.mapValues(to: Int64.self, Self.refuse13).to(Self.output)]
        }
        let headers: [(name: String, value: [UInt8]?)] = [
            ("trace", [1, 2]), (DeadLetterHeader.attempts, [57]), ("none", nil),
        ]
        try send(13, key: nil, to: driver, at: 77, headers: headers)
        try driver.runUntilIdle()
        let letter = try #require(try driver.read("dlq").first)
        #expect(letter.key == nil && letter.timestamp == Timestamp(77))
        #expect(letter.headers.prefix(2).map(\.name) == ["trace", "none"])
        #expect(letter.headers.filter { $0.name == DeadLetterHeader.attempts }.count == 1)
        #expect(header(DeadLetterHeader.attempts, of: letter) == "1")
    }

    @Test(
        arguments: [
            ("dlq/0/7", "4", "5", "5", "5"), ("dlq/0/7", "-4", "x", "1", nil),
            ("dlq/0/7", "9223372036854775807", "5", "9223372036854775807", "5"),
            // What another topic's dead letters have been through is none of this one's.
            ("other/0/7", "4", "5", "1", nil), ("", "4", "5", "1", nil),
        ] as [(String, String, String, String, String?)]
    )
    func `a replayed record that fails again counts on`(
        letter: String,
        attempts: String,
        firstFailedAt: String,
        expectedAttempts: String,
        expectedTime: String?
    ) throws {
        let driver = try driver(policies: ErrorPolicies(process: .deadLetter(topic: "dlq"))) {
            [$0.mapValues(to: Int64.self, Self.refuse13).to(Self.output)]
        }
        let headers = [
            (DeadLetterHeader.replayID, "r-1"), (DeadLetterHeader.replayedLetter, letter),
            (DeadLetterHeader.replayedAttempts, attempts),
            (DeadLetterHeader.replayedFirstFailedAt, firstFailedAt),
        ]
        try send(13, to: driver, headers: headers.map { ($0.0, Array($0.1.utf8)) })
        try driver.runUntilIdle()
        let found = try #require(try driver.read("dlq").first)
        #expect(header(DeadLetterHeader.replayID, of: found) == "r-1")
        #expect(header(DeadLetterHeader.replayedLetter, of: found) == letter)
        #expect(header(DeadLetterHeader.attempts, of: found) == expectedAttempts)
        let time = header(DeadLetterHeader.firstFailedAt, of: found)
        let last = header(DeadLetterHeader.lastFailedAt, of: found)
        #expect(time == expectedTime ?? last)
    }

    @Test func `the records of a held key follow its dead letter until it is released`() throws {
        let policy = ErrorPolicy.deadLetter(ordering: .holdKey, topic: "dlq")
        let driver = try driver(partitions: 2) {
            [$0.mapValues(to: Int64.self, Self.refuse13).onError(policy).to(Self.output)]
        }
        for (key, value) in [("a", 1), ("a", 13), ("b", 2), ("a", 3)] as [(String, Int64)] {
            try send(value, key: key, to: driver)
        }
        try driver.runUntilIdle()
        #expect(try values("out", of: driver).sorted() == [1, 2])
        var letters = try driver.read("dlq")
        #expect(letters.map(\.value?.last) == [13, 3])
        #expect(letters.map { header(DeadLetterHeader.reason, of: $0) } == ["process", "held"])
        try driver.crash()
        let hold = { (word: String) in [(DeadLetterHeader.hold, Array(word.utf8) as [UInt8]?)] }
        try send(4, key: "a", to: driver)
        try send(5, key: "a", to: driver, headers: hold("pass"))
        try send(6, key: "a", to: driver)
        try send(7, key: "a", to: driver, headers: hold("release"))
        try send(8, key: "a", to: driver)
        try driver.runUntilIdle()
        letters = try driver.read("dlq")
        #expect(letters.map(\.value?.last) == [4, 6])
        #expect(try values("out", of: driver) == [5, 7, 8])
        #expect(try driver.contents(ofStore: "in-held").isEmpty)
        try driver.crash()
        try send(9, key: "a", to: driver)
        try driver.runUntilIdle()
        #expect(try values("out", of: driver) == [9])
    }

    @Test func `a result that fails behind a timer has no record to keep`() throws {
        let driver = try driver(policies: ErrorPolicies(process: .deadLetter(topic: "dlq"))) {
            let counts = $0.groupByKey()
                .windowed(by: .tumbling(.seconds(10)))
                .reduce(
                    store: "counts",
                    value: .int64,
                    emit: .onClose(idleAfter: .seconds(1))
                ) { old, new -> Int64 in old + new }
            let passed = counts.toStream()
                .map { key, value -> (String, Int64) in (key.key, try Self.refuse13(value ?? 0)) }
            return [passed.to(Self.output)]
        }
        try send(13, to: driver, at: driver.time.wallTime().rawValue)
        try driver.advance(milliseconds: 60_000)
        try driver.advance(milliseconds: 60_000)
        let letter = try #require(try driver.read("dlq").first)
        #expect(letter.key == nil && letter.value == nil)
        #expect(header(DeadLetterHeader.message, of: letter) == "boom")
        #expect(header(DeadLetterHeader.topic, of: letter) == nil)
    }

    @Test func `a sink refuses a topic that is not there, and takes one that has come`() throws {
        let driver = try driver(policies: ErrorPolicies(produce: .deadLetter(topic: "dlq"))) {
            let sink = $0.to(among: ["known"], key: .utf8, value: .int64) { _, value -> String in
                switch value {
                case 1: "known"
                case 2: "later"
                default: "errors-sums-changelog"
                }
            }
            return [sink]
        }
        for value: Int64 in [1, 2, 3] { try send(value, to: driver) }
        try driver.runUntilIdle()
        #expect(try values("known", of: driver) == [1])
        var letters = try driver.read("dlq")
        #expect(letters.map(\.value?.last) == [2, 3])
        let words = letters.compactMap { header(DeadLetterHeader.message, of: $0) }
        #expect(words.first?.contains("there is no topic \"later\"") == true)
        #expect(words.last?.contains("the job's own") == true)
        try driver.broker.createTopic("later", partitionCount: 3)
        try send(2, to: driver)
        try driver.runUntilIdle()
        letters = try driver.read("dlq")
        #expect(letters.isEmpty)
        #expect(try values("later", of: driver) == [2])
    }

    @Test func `drops are counted by their reason`() throws {
        let driver = try TopologyDriver(
            inputs: [("in", 1)],
            configuration: StreamsConfiguration(),
            seed: 5
        ) {
            let nullable = Topic("in", key: .optional(.utf8), value: .optional(.int64))
            let grouped = Job().stream(nullable).groupByKey()
            let windows = grouped.windowed(by: .tumbling(.milliseconds(10)))
            return try Topology(
                job: "errors",
                statements: [
                    grouped.count(store: "all").to(
                        Topic("out", key: .optional(.utf8), value: .int64)
                    ),
                    windows.count(store: "windows").toStream().to(Self.windowed),
                ]
            )
        }
        try send(1, key: nil, to: driver, at: 100)
        try send(1, to: driver, at: 100)
        try send(1, to: driver, at: 5)
        try driver.runUntilIdle()
        let drops = driver.counters.drops
        #expect(drops[.nullKey] == 2 && drops[.late] == 1)
        #expect(driver.counters.recordsDropped == 3 && drops.text == "null-key 2, late 1")
    }

    @Test func `dead letters do not come back to the job, and their topic is told`() throws {
        let refuse = ErrorPolicy.deadLetter(topic: "in")
        #expect(throws: TopologyError.self) {
            try driver { [$0.onError(refuse).to(Self.output)] }
        }
        let hold = ErrorPolicy.deadLetter(ordering: .holdKey)
        let stream = Job().stream(Self.input).onError(hold)
        let topology = try Topology(job: "errors", statements: [stream.to(Self.output)])
        let text = topology.specification.text()
        #expect(text.contains("dead letters to errors-dead-letters"))
        #expect(text.contains("store in-held, changelog errors-in-held-changelog"))
    }
}

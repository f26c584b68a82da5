import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// Which keys are held: those of records that failed, where a store can take them.
@Suite struct HeldKeyTests {
    private static let policy = ErrorPolicy.deadLetter(ordering: .holdKey)

    @Sendable private static func refuseBad(_ value: String) throws -> String {
        if value.hasPrefix("bad") { throw Failing.Boom() }
        return value
    }

    private struct Plain: StreamJob {
        static let name = "plain"
        var topology: [Statement] {
            stream(Failing.a).mapValues(to: String.self, HeldKeyTests.refuseBad).onError(
                HeldKeyTests.policy
            )
            .to(Failing.out)
        }
    }

    @Test func `a key that no store takes is not held, and its record is a dead letter`() throws {
        let engine = try TestEngine(Plain(), partitions: 1)
        let long = String(repeating: "k", count: 70_000)
        for (value, key) in [
            ("bad", long), ("fine", long), ("bad", "k"), ("good", long), ("x", "k"),
        ] {
            try engine.send(value, key: key, to: Failing.a, at: Failing.time(1))
        }
        try engine.run()
        try engine.kill()
        try engine.send("last", key: long, to: Failing.a, at: Failing.time(2))
        try engine.run()
        #expect(try engine.read(Failing.out).map(\.value) == ["fine", "good", "last"])
        let letters = try engine.readDeadLetters()
        #expect(
            letters.map { $0.headers[DeadLetterHeader.reason] } == ["process", "process", "held"]
        )
        #expect(letters.map { $0.key?.count } == [70_000, 1, 1])
    }

    private struct Windows: StreamJob {
        static let name = "windows"
        var topology: [Statement] {
            stream(Failing.a).groupByKey(key: .utf8)
                .windowed(by: .tumbling(.milliseconds(10)))
                .aggregate(store: "w", initial: "", value: .utf8, emit: .onClose) {
                    (sum: inout String, value: String) in sum += value
                }
                .toStream()
                .map { (key: Windowed<String>, value: String?) throws -> (String, String) in
                    (key.key, try HeldKeyTests.refuseBad(value ?? ""))
                }
                .onError(HeldKeyTests.policy)
                .to(Failing.out)
        }
    }

    private struct Suppressed: StreamJob {
        static let name = "suppressed"
        var topology: [Statement] {
            table(Failing.a, store: "rows")
                .suppressed(
                    .untilTimeLimit(.milliseconds(10)),
                    store: "held-back",
                    key: .utf8,
                    value: .utf8
                )
                .toStream()
                .mapValues { (value: String?) throws -> String in
                    try HeldKeyTests.refuseBad(value ?? "")
                }
                .onError(HeldKeyTests.policy)
                .to(Failing.out)
        }
    }

    /// A failure of what record "bad" led to, let go by "good": nothing of "good" is held.
    private func check(_ engine: TestEngine<some StreamJob>, resultCount: Int) throws {
        for (key, time) in [("bad", 1), ("good", 20), ("good", 40), ("good", 60)]
            as [(String, Int64)]
        {
            try engine.send(key, key: key, to: Failing.a, at: Failing.time(time))
            try engine.run()
        }
        #expect(
            try engine.read(Failing.out).map(\.value)
                == Array(repeating: "good", count: resultCount)
        )
        let letters = try engine.readDeadLetters()
        #expect(letters.map { $0.headers[DeadLetterHeader.reason] } == ["process"])
        #expect(letters.map(\.key) == [nil])
    }

    @Test func `what a window fails with when it closes holds no key of the record at hand`() throws
    {
        try check(TestEngine(Windows(), partitions: 1), resultCount: 2)
    }

    @Test func `what was held back and fails holds no key of the record at hand`() throws {
        try check(TestEngine(Suppressed(), partitions: 1), resultCount: 1)
    }

    private struct Clash: StreamJob {
        static let name = "clash"
        let usesRepartition: Bool
        init() { self.init(usesRepartition: true) }
        init(usesRepartition: Bool) { self.usesRepartition = usesRepartition }
        var errorPolicies: ErrorPolicies { ErrorPolicies(process: HeldKeyTests.policy) }
        var topology: [Statement] {
            let input = stream(Failing.a)
            if usesRepartition {
                input.groupBy({ $0 }, via: "a", key: .utf8).count(store: "n").to(Failing.counts)
            } else {
                input.groupByKey().count(store: "a-held").to(Failing.counts)
            }
        }
    }

    @Test func `two names that meet in a store of held keys are told as they were given`() {
        let both = #expect(throws: TopologyError.self) { try Topology(of: Clash()) }
        #expect(
            both?.message
                == "the held keys of the topic \"a\" and those of the repartition \"a\" (via:) "
                + "would lie in one store, \"a-held\": give the repartition another name"
        )
        let own = #expect(throws: TopologyError.self) {
            try Topology(of: Clash(usesRepartition: false))
        }
        #expect(
            own?.message
                == "the held keys of the topic \"a\" lie in the store \"a-held\", and an operator "
                + "keeps its own in a store of that name: give the operator's store another name"
        )
    }

    @Test func `a job that begins to hold keys is not told of records that it would not count`()
        throws
    {
        let holds = Fuse(1)
        let driver = try TopologyDriver(
            inputs: [("a", 1)],
            configuration: StreamsConfiguration(),
            seed: 2
        ) {
            let stream = Plain().stream(Failing.a).mapValues(to: String.self, Self.refuseBad)
            // The first start, without a policy of the operator's own.
            let policy: ErrorPolicy
            do {
                try holds.burn()
                policy = Self.policy
            } catch { policy = .skip }
            return try Topology(job: "plain", statements: [stream.onError(policy).to(Failing.out)])
        }
        try driver.send(topic: "a", key: [1], value: [65], timestamp: driver.time.wallTime())
        try driver.runUntilIdle()
        try driver.restartCleanly()
        #expect(!driver.told.contains { $0.contains("a-held") }, "\(driver.told)")
    }
}

import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// State that leaves as fast as it comes costs the same however long a transaction is.
@Suite struct LeavingStateTests {
    enum Operator: CaseIterable { case dedup, suppress, tumbling, leftJoin }

    private struct Job: StreamJob {
        static let name = "leaving"
        static let input = Topic("in", key: .utf8, value: .utf8)
        static let other = Topic("other", key: .utf8, value: .utf8)
        static let output = Topic("out", key: .utf8, value: .utf8)
        var kind = Operator.dedup

        var topology: [Statement] {
            let records = stream(Self.input)
            switch kind {
            case .dedup:
                records.deduplicated(
                    by: { (value: String) in value },
                    within: .milliseconds(100),
                    store: "state",
                    id: .utf8
                )
                .to(Self.output)
            case .suppress:
                records.groupByKey(key: .utf8)
                    .reduce(store: "rows", value: .utf8, expiry: .after(.milliseconds(100))) {
                        (_: String, new: String) in new
                    }
                    .suppressed(
                        .untilTimeLimit(.milliseconds(50)),
                        store: "state",
                        key: .utf8,
                        value: .utf8
                    )
                    .toStream()
                    .mapValues { (value: String?) in value ?? "" }
                    .to(Self.output)
            case .tumbling:
                records.groupByKey(key: .utf8)
                    .windowed(by: .tumbling(.milliseconds(20), grace: .zero))
                    .count(store: "state", emit: .onClose)
                    .to(Topic("out", key: .windowed(.utf8, size: .milliseconds(20)), value: .int64))
            case .leftJoin:
                records.leftJoin(
                    stream(Self.other),
                    within: .within(.milliseconds(20), grace: .zero),
                    store: "state",
                    key: .utf8,
                    left: .utf8,
                    right: .utf8
                ) { (left: String, right: String?) in "\(left) \(right ?? "-")" }
                .to(Self.output)
            }
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Operator.allCases)
    func `what has left is not walked again before a commit`(kind: Operator) throws {
        var configuration = StreamsConfiguration()
        configuration.commitIntervalMilliseconds = 3_600_000
        configuration.commitRecordLimit = .max
        let driver = try TopologyDriver(
            inputs: [("in", 1), ("other", 1)],
            configuration: configuration,
            seed: 1
        ) { try Topology(of: Job(kind: kind)) }
        let count: Int64 = 20_000
        for number in 0..<count {
            try driver.send(
                topic: "in",
                key: Array("k\(number)".utf8),
                value: Array("v\(number)".utf8),
                timestamp: Timestamp(1_000_000 + number)
            )
        }
        while try driver.step() {}
        try driver.commit()
        #expect(try driver.read("out").count > Int(count) - 200)
    }
}

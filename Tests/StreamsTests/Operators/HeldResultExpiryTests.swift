import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// Results that an operator has held, in front of tables that keep rows for a time.
@Suite struct HeldResultExpiryTests {
    enum Held: CaseIterable { case tumbling, sliding, session, suppressed, leftJoin, tableJoin }

    private struct Job: StreamJob {
        static let name = "held"
        static let input = Topic("in", key: .utf8, value: .utf8)
        static let other = Topic("other", key: .utf8, value: .utf8)
        static let output = Topic("out", key: .utf8, value: .utf8)
        static let minute = Duration.seconds(60)
        static let life = Expiry.after(.seconds(600))
        var held = Held.tumbling

        var topology: [Statement] {
            let records = stream(Self.input)
            let grouped = records.groupByKey(key: .utf8)
            switch held {
            case .tumbling:
                Self.words(
                    grouped.windowed(by: .tumbling(Self.minute, grace: .zero))
                        .count(store: "counts", emit: .onClose)
                        .materialized(
                            store: "rows",
                            key: .windowed(.utf8, size: Self.minute),
                            value: .int64,
                            expiry: Self.life
                        )
                )
            case .sliding:
                Self.words(
                    grouped.windowed(by: .sliding(Self.minute, grace: .zero))
                        .count(store: "counts", emit: .onClose)
                        .materialized(
                            store: "rows",
                            key: .windowed(.utf8, size: Self.minute),
                            value: .int64,
                            expiry: Self.life
                        )
                )
            case .session:
                Self.words(
                    grouped.windowed(by: .session(gap: Self.minute, grace: .zero))
                        .count(store: "counts", emit: .onClose)
                        .materialized(
                            store: "rows",
                            key: .session(.utf8),
                            value: .int64,
                            expiry: Self.life
                        )
                )
            case .suppressed:
                Self.words(
                    grouped.count(store: "counts")
                        .suppressed(
                            .untilTimeLimit(Self.minute),
                            store: "held",
                            key: .utf8,
                            value: .int64
                        )
                        .materialized(store: "rows", key: .utf8, value: .int64, expiry: Self.life)
                )
            case .leftJoin:
                Self.words(
                    records.leftJoin(
                        stream(Self.other),
                        within: .within(Self.minute),
                        store: "join",
                        key: .utf8,
                        left: .utf8,
                        right: .utf8
                    ) { (left: String, right: String?) in right ?? left }
                    .groupByKey(key: .utf8).count(store: "rows", expiry: Self.life)
                )
            case .tableJoin:
                Self.words(
                    records.leftJoin(
                        table(Self.other, store: "others", history: .seconds(600)),
                        grace: Self.minute,
                        store: "held",
                        key: .utf8,
                        value: .utf8
                    ) { (left: String, right: String?) in right ?? left }
                    .groupByKey(key: .utf8).count(store: "rows", expiry: Self.life)
                )
            }
        }

        private static func words<Key>(_ counts: Table<Key, Int64>) -> Statement {
            counts.toStream()
                .map { (key: Key, count: Int64?) in
                    ((key as? Windowed<String>)?.key ?? "\(key)", count.map { "\($0)" } ?? "gone")
                }
                .to(output)
        }
    }

    @Test(arguments: Held.allCases)
    func `a result that a jump of time lets go appears, and then ends`(held: Held) throws {
        let driver = try TopologyDriver(
            inputs: [("in", 1), ("other", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: Job(held: held)) }
        // A busy minute, a quiet quarter of an hour, and the key of the beginning once more.
        for (key, second) in [
            ("a", 0), ("b", 10), ("c", 900), ("a", 1000), ("d", 3000), ("e", 4000),
        ] as [(String, Int64)] {
            try driver.send(
                topic: "in",
                key: Array(key.utf8),
                value: Array("v".utf8),
                timestamp: Timestamp(1_700_000_000_000 / 60_000 * 60_000 + second * 1000)
            )
            try driver.runUntilIdle()
        }
        let found = try driver.read("out").map { record in
            "\(String(decoding: record.key ?? [], as: UTF8.self)) "
                + String(decoding: record.value ?? [], as: UTF8.self)
        }
        // The second record closes the sliding window of the first.
        let first = held == .sliding ? ["a gone", "b 1"] : ["b 1", "a gone"]
        // What is suppressed is a count for ever.
        let again = held == .suppressed ? "a 2" : "a 1"
        #expect(
            found == ["a 1"] + first
                + ["b gone", "c 1", "c gone", again, "a gone", "d 1", "d gone"]
        )
        #expect(driver.counters.drops[.late] == 0)
    }
}

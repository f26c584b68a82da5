import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// A row of a table that a policy leaves out: it takes back what it replaces, and nothing else.
@Suite struct TableErrorTests {
    enum Place: CaseIterable { case groupBy, mapValues, filter, top, join }

    private struct Refused: Error {}

    private struct Job: StreamJob {
        static let name = "rows"
        static let input = Topic("in", key: .utf8, value: .utf8)
        static let other = Topic("other", key: .utf8, value: .utf8)
        static let output = Topic("out", key: .utf8, value: .utf8)
        var place = Place.groupBy

        private static func number(_ text: String) throws -> Int64 {
            guard let number = Int64(text) else { throw Refused() }
            return number
        }

        private static func sum(
            of rows: Table<String, Int64>
        ) -> Table<String, Int64> {
            rows.groupBy(via: "all", key: .utf8, value: .int64) { (_: String, row: Int64) in
                ("all", row)
            }
            .aggregate(
                store: "sums",
                initial: 0,
                value: .int64,
                add: { (sum: inout Int64, row: Int64) in sum += row },
                subtract: { (sum: inout Int64, row: Int64) in sum -= row }
            )
        }

        private static func texts(_ sums: Table<String, Int64>) -> Statement {
            sums.toStream().mapValues { (sum: Int64?) in "\(sum ?? -1)" }.to(output)
        }

        var topology: [Statement] {
            let rows = table(Self.input, store: "rows")
            switch place {
            case .groupBy:
                Self.texts(
                    rows.groupBy(via: "all", key: .utf8, value: .int64) {
                        (_: String, row: String) throws in ("all", try Self.number(row))
                    }
                    .aggregate(
                        store: "sums",
                        initial: 0,
                        value: .int64,
                        add: { (sum: inout Int64, row: Int64) in sum += row },
                        subtract: { (sum: inout Int64, row: Int64) in sum -= row }
                    )
                    .onError(.skip)
                )
            case .mapValues:
                Self.texts(
                    Self.sum(
                        of: rows.mapValues { (row: String) throws in try Self.number(row) }
                            .onError(.skip)
                    )
                )
            case .filter:
                Self.texts(
                    Self.sum(
                        of: rows.filter { (row: String) throws in try Self.number(row) > 0 }
                            .onError(.skip)
                            .mapValues { (row: String) in Int64(row) ?? 0 }
                    )
                )
            case .top:
                rows.groupBy(via: "all", key: .utf8, value: .utf8) { (_: String, row: String) in
                    ("all", row)
                }
                .top(2, by: { (row: String) throws in try Self.number(row) }, store: "top")
                .onError(.skip)
                .toStream()
                .mapValues { (list: [String]?) in (list ?? []).joined(separator: " ") }
                .to(Self.output)
            case .join:
                Self.texts(
                    Self.sum(
                        of: rows.leftJoin(table(Self.other, store: "other")) {
                            (row: String, _: String?) throws in try Self.number(row)
                        }
                        .onError(.skip)
                    )
                )
            }
        }
    }

    @Test(arguments: Place.allCases)
    func `a bad row takes back what it replaces, and the next good one counts`(
        place: Place
    ) throws {
        let driver = try TopologyDriver(
            inputs: [("in", 1), ("other", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: Job(place: place)) }
        for value in ["10", "bad", "worse", "20", "30"] {
            try driver.send(
                topic: "in",
                key: Array("k".utf8),
                value: Array(value.utf8),
                timestamp: Timestamp(1_000)
            )
            try driver.runUntilIdle()
        }
        let last = try driver.read("out").last?.value ?? []
        #expect(String(decoding: last, as: UTF8.self) == "30")
        #expect(driver.counters.recordsSkipped == 2)
    }
}

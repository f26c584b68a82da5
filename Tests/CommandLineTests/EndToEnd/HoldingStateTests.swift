import Foundation
import LogModel
import Streams
import Terminal
import Testing

@testable import JobRunner

extension EndToEnd {
    /// The stores of joins, of what is held back and of global tables, read by `millrace state`.
    @Suite(.serialized) struct HoldingStateTests: DirectorySuite {
        /// A job with each of them.
        private struct Holding: StreamJob {
            static let name = "holding"

            private static func topic(_ name: String) -> Topic<UTF8Serde, UTF8Serde> {
                Topic(name, key: .utf8, value: .utf8)
            }

            static let inputs = ["clicks", "views", "rates", "sales", "customers", "orders"]
            static let results = topic("results")

            var topology: [Statement] {
                let clicks = stream(Self.topic("clicks"))
                clicks.outerJoin(
                    stream(Self.topic("views")),
                    within: .within(
                        before: .seconds(5),
                        after: .seconds(5),
                        grace: .seconds(60)
                    ),
                    store: "pairs",
                    key: .utf8,
                    left: .utf8,
                    right: .utf8
                ) { (click: String?, view: String?) in "\(click ?? "-") \(view ?? "-")" }
                .to(Self.results)

                stream(Self.topic("sales"))
                    .join(
                        table(Self.topic("rates"), store: "rates", history: .seconds(3600)),
                        grace: .seconds(60),
                        store: "held-sales",
                        key: .utf8,
                        value: .utf8
                    ) { (sale: String, rate: String) in "\(sale) \(rate)" }
                    .to(Self.results)

                clicks.groupByKey().windowed(by: .tumbling(.seconds(60)))
                    .count(store: "minutes", retention: .seconds(3600))
                    .suppressedUntilClosed(
                        store: "open-minutes",
                        key: .windowed(.utf8, size: .seconds(60)),
                        value: .int64
                    )
                    .to(
                        Topic(
                            "final-minutes",
                            key: .windowed(.utf8, size: .seconds(60)),
                            value: .int64
                        )
                    )

                let customers = table(Self.topic("customers"), store: "customers")
                customers.suppressed(
                    .untilTimeLimit(.seconds(3600)),
                    store: "quiet-customers",
                    key: .utf8,
                    value: .utf8
                )
                .to(Self.results)
                table(Self.topic("orders"), store: "orders")
                    .join(
                        customers,
                        foreignKey: { (order: String) -> String? in order },
                        via: "order-customer",
                        key: .utf8,
                        otherKey: .utf8,
                        otherValue: .utf8
                    ) { (order: String, customer: String) in "\(order) \(customer)" }
                    .to(Self.results)

                let countries = globalTable(Self.topic("countries"), store: "countries")
                clicks.join(countries, key: { (_: String, click: String) -> String? in click }) {
                    (click: String, country: String) in "\(click) \(country)"
                }
                .to(Self.results)
            }
        }

        let folder: TemporaryFolder

        init() throws {
            folder = try TemporaryFolder()
            let topics = Holding.inputs + ["results", "final-minutes", "countries"]
            try succeed(["topic", "create"] + topics)
            try send("countries", ("de", "Germany", 0), ("nl\u{0}", "Netherlands", 0))
            try send("clicks", ("a", "c1", 1000), ("d", "c2", 4000))
            try send("views", ("a", "v1", 2000), ("b", "v2", 3000))
            try send("rates", ("usd", "1.5", 1000))
            try send("sales", ("usd", "10", 150_000))
            try send("customers", ("c-1", "Ada", 5000), ("c-1", "Ada L.", 6000))
            try send("orders", ("o-1", "c-1", 5000), ("o-2", "c-9", 5000))
            let program = JobProgram(
                makeTopology: { () throws(TopologyError) in try Topology(of: Holding()) }
            )
            let words = ["run", "--data", data, "--until-caught-up", "--json"]
            #expect(program.program(named: "job").run(words) == .done)
        }

        private func send(
            _ topic: String,
            _ records: (key: String, value: String, time: Int)...
        ) throws {
            let lines = records.map { record in
                let key = record.key.replacing("\u{0}", with: "\\u0000")
                return #"{"key":"\#(key)","value":"\#(record.value)","timestamp":\#(record.time)}"#
            }
            try succeed(
                ["produce", topic, "--input", "json"],
                input: lines.map { "\($0)\n" }.joined()
            )
        }

        private func time(_ seconds: String) -> String { "1970-01-01T00:\(seconds).000Z" }

        @Test func `the sides of a join of streams have times and values`() throws {
            let left = try succeed("state", "get", "pairs-left", "a").lines
            #expect(left == ["\(time("00:01"))\tc1"])
            #expect(
                try succeed("state", "scan", "pairs-right").lines == [
                    "a\t\(time("00:02"))\tv1", "b\t\(time("00:03"))\tv2",
                ]
            )
            #expect(
                try succeed("state", "scan", "pairs-right", "--prefix", "b", "--json").lines == [
                    #"{"job":"holding","store":"pairs-right","partition":0,"key":"b","#
                        + #""timestamp":"\#(time("00:03"))","value":"v2"}"#
                ]
            )
        }

        @Test func `those that have no partner yet say of which side they are`() throws {
            #expect(
                try succeed("state", "scan", "pairs-waiting").lines == [
                    "b\t\(time("00:03"))\tv2", "d\t\(time("00:04"))\tc2",
                ]
            )
            let lines = try succeed("state", "scan", "pairs-waiting", "--json").lines
            #expect(lines.map { $0.contains(#""side":"right","value":"v2""#) } == [true, false])
            #expect(lines.map { $0.contains(#""side":"left","value":"c2""#) } == [false, true])
            #expect(try run(["state", "get", "pairs-waiting", "a"]).status == 1)
        }

        @Test func `what a join with a history holds back has its time and its value`() throws {
            #expect(
                try succeed("state", "get", "held-sales", "usd").lines == ["\(time("02:30"))\t10"]
            )
            #expect(try succeed("state", "scan", "held-sales", "--to", "usd").lines == [])
        }

        @Test func `changes that are held back are shown as changes`() throws {
            let (start, end) = (time("00:00"), time("01:00"))
            #expect(
                try succeed("state", "scan", "open-minutes").lines == [
                    "a \(start)/\(end)\t\(end)\t" + #"{"new":1,"old":null}"#,
                    "d \(start)/\(end)\t\(end)\t" + #"{"new":1,"old":null}"#,
                ]
            )
            #expect(
                try succeed("state", "get", "quiet-customers", "c-1").lines == [
                    "\(time("00:05"))\t" + #"{"new":"Ada L.","old":null}"#
                ]
            )
        }

        @Test func `a foreign-key join has the key that each row asks for`() throws {
            let store = "order-customer-foreign-keys"
            #expect(try succeed("state", "get", store, "o-1").lines == ["c-1"])
            #expect(try succeed("state", "scan", store).lines == ["o-1\tc-1", "o-2\tc-9"])
        }

        @Test func `a global table is a copy whose rows are shown`() throws {
            #expect(try succeed("state", "get", "countries", "de").lines == ["Germany"])
            #expect(
                try succeed("state", "scan", "countries").lines == [
                    "de\tGermany", "nl\\u{0}\tNetherlands",
                ]
            )
            let list = try succeed("state", "list", "--count", "--json").lines
            let row = try #require(list.first { $0.contains(#""store":"countries""#) })
            #expect(row.contains(#""partition":null,"thread":0,"kind":"global","key":"utf8""#))
            #expect(row.contains(#""entries":2,"entries_counted":true"#))
        }

        @Test func `entries are counted without what stores keep for themselves`() throws {
            let list = try succeed("state", "list", "--count", "--json").lines
            let counts = [
                "pairs-left": 2, "pairs-right": 2, "pairs-waiting": 2, "held-sales": 1,
                "open-minutes": 2, "quiet-customers": 1, "order-customer-foreign-keys": 2,
                "countries": 2,
            ]
            for (store, count) in counts.sorted(by: { $0.key < $1.key }) {
                let row = list.first { $0.contains("\"store\":\"\(store)\"") } ?? ""
                #expect(row.contains("\"entries\":\(count),"), "\(store): \(row)")
            }
        }
    }
}

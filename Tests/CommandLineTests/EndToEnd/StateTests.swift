import Foundation
import LogModel
import Streams
import Terminal
import Testing

@testable import JobRunner

extension EndToEnd {
    /// The stores of a stopped job, read by `millrace state`.
    @Suite(.serialized) struct StateTests {
        private struct Sum: Codable, Sendable {
            var last: String
            var count: Int64
        }

        private struct Keeping: Processor {
            let store: KeyValueStore<UTF8Serde, UTF8Serde>
            mutating func process(
                _ key: String,
                _ value: String,
                _ context: inout ProcessorContext<String, String>
            ) throws { try store.put(key, value) }
        }

        /// A store of every kind that a person may ask for. A record's value is its time.
        private struct Shown: StreamJob {
            static let name = "shown"
            static let fleeting = Store.keyValue("fleeting", key: .utf8, value: .utf8).inMemory

            var topology: [Statement] {
                let input = stream(
                    Topic("lines", key: .utf8, value: .utf8),
                    timestamps: .value { (text: String) -> Timestamp in
                        Timestamp(Int64(text) ?? 0)
                    }
                )
                let grouped = input.groupByKey()
                grouped.count(store: "counts")
                grouped.count(store: "recent", expiry: .after(.seconds(30)))
                grouped.windowed(by: .tumbling(.seconds(60))).count(
                    store: "by-minute",
                    retention: .seconds(3600)
                )
                grouped.windowed(by: .sliding(.seconds(1))).count(
                    store: "sliding",
                    retention: .seconds(3600)
                )
                grouped.windowed(by: .session(gap: .seconds(10))).count(
                    store: "visits",
                    retention: .seconds(3600)
                )
                grouped.aggregate(
                    store: "sums",
                    initial: Sum(last: "", count: 0),
                    value: .json(Sum.self)
                ) { (sum: inout Sum, text: String) in
                    sum = Sum(last: text, count: sum.count + 1)
                }
                grouped.top(
                    2,
                    by: { (text: String) -> Int64 in Int64(text) ?? 0 },
                    store: "largest",
                    value: .utf8
                )
                input.distinct(within: .seconds(3600), store: "seen")
                    .to(Topic("first", key: .utf8, value: .utf8))
                input.mapValues { (text: String) -> String? in text }
                    .toTable(store: "prices", key: .utf8, value: .utf8, history: .seconds(3600))
                input.selectKey { (text: String) -> Int64 in 70_000 - (Int64(text) ?? 0) }
                    .repartition("by-number").groupByKey().count(store: "numbers")
                input.process(stores: [Self.fleeting]) { stores -> Keeping in
                    Keeping(store: try stores.open(Self.fleeting))
                }.to(Topic("first", key: .utf8, value: .utf8))
            }
        }

        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws {
            folder = try TemporaryFolder()
            for topic in ["lines", "first"] {
                try Millrace.succeed("topic", "create", topic, "--data", data)
            }
            let input = try folder.write("input", "a|1000\nab|1500\nb|2000\na|61000\na|65000\n")
            let words = ["produce", "lines", "--key-separator", "|", "--data", data]
            let produced = try Millrace.tool(Millrace.executable, words, input: input)
            #expect(produced.status == 0, "\(produced.errors)")
            #expect(run() == .done)
        }

        private func run() -> Terminal.ExitStatus {
            JobProgram(makeTopology: { () throws(TopologyError) in try Topology(of: Shown()) })
                .program(named: "job")
                .run(["run", "--data", data, "--until-caught-up", "--json"])
        }

        private func state(_ words: String...) throws -> Millrace.Outcome {
            try Millrace.tool(
                Millrace.executable,
                ["state"] + words + ["--data", data],
                input: nil
            )
        }

        /// Every file of the data directory: its bytes and when it was changed.
        private func files() throws -> [String: [String]] {
            let manager = FileManager.default
            return try manager.subpathsOfDirectory(atPath: data).reduce(into: [:]) { found, name in
                let path = "\(data)/\(name)"
                let date = try manager.attributesOfItem(atPath: path)[.modificationDate]
                let content = manager.contents(atPath: path)?.base64EncodedString()
                found[name] = ["\(date ?? "")", content ?? "a folder"]
            }
        }

        // MARK: What a store has

        @Test(
            arguments: [
                ("counts", ["3"]),
                ("recent", ["2"]),
                ("sums", [#"{"last":"65000","count":3}"#]),
                ("largest", [#"["65000","61000"]"#]),
                (
                    "by-minute",
                    [
                        "1970-01-01T00:00:00.000Z\t1970-01-01T00:01:00.000Z\t1",
                        "1970-01-01T00:01:00.000Z\t1970-01-01T00:02:00.000Z\t2",
                    ]
                ),
                (
                    "visits",
                    [
                        "1970-01-01T00:00:01.000Z\t1970-01-01T00:00:01.000Z\t1",
                        "1970-01-01T00:01:01.000Z\t1970-01-01T00:01:05.000Z\t2",
                    ]
                ),
                (
                    "prices",
                    [
                        "1970-01-01T00:00:01.000Z\t1970-01-01T00:01:01.000Z\t1000",
                        "1970-01-01T00:01:01.000Z\t1970-01-01T00:01:05.000Z\t61000",
                        "1970-01-01T00:01:05.000Z\t-\t65000",
                    ]
                ),
                ("seen", ["1970-01-01T00:00:01.000Z\tseen"]),
            ]
        )
        func `a key's values are shown as the store's format says`(
            store: String,
            lines: [String]
        ) throws {
            let outcome = try state("get", store, "a")
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.lines == lines)
        }

        @Test func `sliding windows end with the last moment inside`() throws {
            let found = try state("get", "sliding", "ab").lines
            #expect(
                found.contains("1970-01-01T00:00:00.500Z\t1970-01-01T00:00:01.500Z\t1"),
                "\(found)"
            )
        }

        @Test func `a scan keeps to prefix, range and number of entries`() throws {
            #expect(try state("scan", "counts").lines == ["a\t3", "ab\t1", "b\t1"])
            #expect(try state("scan", "counts", "--prefix", "a").lines == ["a\t3", "ab\t1"])
            #expect(try state("scan", "counts", "--from", "ab").lines == ["ab\t1", "b\t1"])
            #expect(try state("scan", "counts", "--to", "ab").lines == ["a\t3"])
            #expect(try state("scan", "counts", "--max", "1").lines == ["a\t3"])
            let visits = try state("scan", "visits", "--prefix", "ab").lines
            #expect(visits == ["ab\t1970-01-01T00:00:01.500Z\t1970-01-01T00:00:01.500Z\t1"])
            #expect(try state("scan", "by-minute", "--prefix", "b").lines.count == 1)
        }

        @Test func `keys that are numbers are taken and ranged as such`() throws {
            #expect(try state("get", "numbers", "9000").lines == ["1"])
            let below = try state("scan", "numbers", "--from", "5000", "--to", "68001")
            #expect(Set(below.lines) == ["5000\t1", "9000\t1", "68000\t1"])
            #expect(try state("scan", "numbers", "--prefix", "9").status == 64)
            #expect(try state("get", "numbers", "nine").status == 64)
        }

        @Test func `JSON has keys and values of their kinds, and times in UTC`() throws {
            #expect(
                try state("get", "sums", "ab", "--json").lines == [
                    #"{"job":"shown","store":"sums","partition":0,"key":"ab","#
                        + #""timestamp":"1970-01-01T00:00:01.500Z","#
                        + #""value":{"last":"1500","count":1}}"#
                ]
            )
            #expect(
                try state("scan", "prices", "--prefix", "b", "--json").lines == [
                    #"{"job":"shown","store":"prices","partition":0,"key":"b","#
                        + #""valid_from":"1970-01-01T00:00:02.000Z","valid_to":null,"#
                        + #""value":"2000"}"#
                ]
            )
        }

        // MARK: list

        @Test func `every store is listed with format, entries and position`() throws {
            let outcome = try state("list", "--count", "--json")
            #expect(outcome.status == 0, "\(outcome.errors)")
            let rows = try outcome.lines.map { line in
                try #require(
                    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                )
            }
            let byName = Dictionary(
                grouping: rows,
                by: { $0["store"] as? String ?? "" }
            ).mapValues { $0[0] }
            #expect(byName.count == 11)
            let counts = try #require(byName["counts"])
            #expect(counts["entries"] as? Int == 3 && counts["entries_counted"] as? Bool == true)
            #expect(counts["kind"] as? String == "key-value" && counts["key"] as? String == "utf8")
            #expect(counts["value"] as? String == "int64" && counts["behind"] as? Int == 1)
            #expect(counts["changelog"] as? String == "shown-counts-changelog-0")
            #expect((counts["bytes"] as? Int ?? 0) > 0)
            #expect(byName["by-minute"]?["window_ms"] as? Int == 60_000)
            #expect(byName["visits"]?["entries"] as? Int == 4)
            let note = byName["fleeting"]?["note"] as? String
            #expect(note == "kept in memory: nothing on disk")
            let table = try state("list", "--job", "shown").lines
            #expect(table.count == 12 && table.contains { $0.contains(" ~") }, "\(table)")
        }

        @Test func `nothing is written, and the job goes on from its stores`() throws {
            let before = try files()
            _ = try state("list", "--count")
            _ = try state("get", "counts", "a")
            _ = try state("scan", "by-minute")
            let after = try files()
            let changed = Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }
            #expect(changed.isEmpty)
            #expect(run() == .done)
            #expect(try state("get", "counts", "a").lines == ["3"])
        }

        // MARK: What is refused

        @Test func `stores are not read beside the owner of their directory`() throws {
            let owner = try OwnerProcess.serve(data, folder)
            let outcome = try state("list")
            #expect(outcome.status == 1 && outcome.output.isEmpty)
            #expect(outcome.errors.contains("error: the stores are in use"))
            #expect(outcome.errors.contains("millrace consume"))
            withExtendedLifetime(owner) {}
        }

        @Test func `what is not there is named with what is meant`() throws {
            let store = try state("get", "count", "a")
            #expect(store.status == 1 && store.errors.contains("did you mean 'counts'?"))
            let key = try state("get", "counts", "zzz")
            #expect(key.status == 1 && key.errors.contains("has no key 'zzz'"))
            let memory = try state("get", "fleeting", "a")
            #expect(memory.status == 1 && memory.errors.contains("keeps it in memory alone"))
            #expect(memory.errors.contains("millrace consume shown-fleeting-changelog"))
            for job in [
                try state("list", "--job", "other"),
                try state("scan", "counts", "--job", "other"),
                try state("get", "counts", "a", "--job", "other"),
            ] {
                #expect(job.status == 1)
                #expect(job.errors.contains("the job 'other' has no stores here"), "\(job.errors)")
                #expect(job.errors.contains("1 job left stores here: shown"), "\(job.errors)")
            }
            #expect(try state("scan", "counts", "--partition", "7").status == 1)
            let usage = try state("scan", "counts", "--prefix", "a", "--from", "b")
            #expect(usage.status == 64)
        }

        @Test func `a store that is damaged is told, and the others are listed`() throws {
            let path = folder.path("data/.millrace/state/shown/counts-0")
            let current = try String(contentsOfFile: "\(path)/CURRENT", encoding: .utf8)
            let manifest = "\(path)/\(current.trimmingCharacters(in: .newlines))"
            try Data("no manifest".utf8).write(to: URL(filePath: manifest))
            let list = try state("list")
            #expect(list.status == 1 && list.lines.count == 12)
            #expect(list.output.contains("it cannot be read: Corruption"), "\(list.output)")
            let get = try state("get", "counts", "a")
            #expect(get.status == 1)
            #expect(get.errors.contains("makes it anew of its changelog"), "\(get.errors)")
        }
    }
}

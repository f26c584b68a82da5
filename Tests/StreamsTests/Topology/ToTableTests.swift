import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// A stream read as a table.
@Suite struct ToTableTests {
    private static let input = Topic("in", key: .utf8, value: .utf8)
    private static let output = Topic("out", key: .utf8, value: .utf8)

    private struct Job: StreamJob {
        static let name = "newest"
        var topology: [Statement] {
            let records = stream(ToTableTests.input)
            let newest = records.toTable(store: "newest", key: .utf8, value: .utf8)
            newest.toStream().mapValues { (value: String?) in "newest \(value ?? "-")" }
                .to(ToTableTests.output)
            records.join(newest) { (value: String, row: String) in "\(value) meets \(row)" }
                .to(ToTableTests.output)
        }
    }

    private struct Twice: StreamJob {
        static let name = "twice"
        var topology: [Statement] {
            stream(ToTableTests.input).to(ToTableTests.output)
            table(ToTableTests.input, store: "rows").to(ToTableTests.output)
        }
    }

    @Test func `the newest value of each key is its row`() throws {
        let driver = try TopologyDriver(
            inputs: [("in", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: Job()) }
        for value in ["x", "y"] {
            try driver.send(
                topic: "in",
                key: Array("k".utf8),
                value: Array(value.utf8),
                timestamp: Timestamp(1_000)
            )
        }
        try driver.runUntilIdle()
        let found = try driver.read("out").map { String(decoding: $0.value ?? [], as: UTF8.self) }
        #expect(found == ["newest x", "x meets x", "newest y", "y meets y"])
    }

    @Test func `a topic that two sources read is refused with the way on`() {
        let error = #expect(throws: TopologyError.self) { try Topology(of: Twice()) }
        #expect(error?.message.contains("the topic in is read by two sources") == true)
        #expect(error?.message.contains("stream.toTable(store:key:value:)") == true)
    }
}

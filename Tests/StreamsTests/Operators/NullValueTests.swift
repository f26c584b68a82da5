import LogModel
import MillraceTestKit
import Streams
import Testing

/// Null values in what is gathered by key: dropped and counted, however the key's serde is named.
@Suite struct NullValueTests {
    private struct Name: Codable, Hashable, Sendable { var text: String }

    private static let texts = Topic("texts", key: .utf8, value: .optional(.utf8))
    private static let rows = Topic("rows", key: .utf8, value: .utf8)
    private static let nullableRows = Topic("rows", key: .utf8, value: .optional(.utf8))
    private static let named = Topic("named", key: .json(Name.self), value: .optional(.utf8))
    private static let counts = Topic("counts", key: .utf8, value: .int64)
    private static let changes = Topic("changes", key: .utf8, value: .int64)
    private static let namedCounts = Topic("named-counts", key: .json(Name.self), value: .int64)

    private struct Counts: StreamJob {
        static let name = "counts"
        var topology: [Statement] {
            stream(texts).groupByKey().count(store: "by-default").to(counts)
            stream(named).groupByKey().count(store: "by-json").to(namedCounts)
            table(rows, store: "rows").toStream().groupByKey().count(store: "changes").to(changes)
        }
    }

    @Test func `null values are not counted, whatever serde the key has by default`() throws {
        let engine = try TestEngine(Counts(), partitions: 1)
        let time = Duration.seconds(1_767_225_600)
        for value in [nil, "x", nil, "y"] as [String?] {
            try engine.send(value, key: "k", to: Self.texts, at: time)
            try engine.send(value, key: Name(text: "k"), to: Self.named, at: time)
        }
        try engine.run()
        #expect(try engine.read(Self.counts).map(\.value) == [1, 2])
        #expect(try engine.read(Self.namedCounts).map(\.value) == [1, 2])
        #expect(engine.droppedCount(.nullValue) == 4)
        for value in ["x", nil, "y"] as [String?] {
            try engine.send(value, key: "k", to: Self.nullableRows, at: time)
        }
        try engine.run()
        #expect(try engine.read(Self.changes).map(\.value) == [1, 2])
        #expect(engine.droppedCount(.nullValue) == 5)
    }
}

import Streams
import Testing

/// What a topic keeps of the format of its records.
@Suite struct RecordFormatTests {
    @Test(arguments: [
        RecordFormat("keyValue", .utf8, .int64),
        RecordFormat("window", .utf8, .json([String: Int].self), windowSize: 60_000),
        RecordFormat("keyValue", .windowed(.utf8, size: .seconds(1)), .double),
        RecordFormat("record", Odd(), Odd()),
    ])
    func `a word has no blanks and stands for one format`(format: RecordFormat) {
        #expect(format.word.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F })
        #expect(RecordFormat(word: format.word) == format)
    }

    @Test(arguments: ["", "a;b", "a;b;c;d", "a;b;%4", "a;b;%zz", "a;b;%FF", "a;b;c;1;2"])
    func `a word that is no format is none`(word: String) {
        #expect(RecordFormat(word: word) == nil)
    }

    @Test func `people read the layout in words`() {
        #expect(RecordFormat("keyValue", .utf8, .int64).kind == "key-value")
        #expect(
            RecordFormat("expiringRow", .utf8, .int64).description
                == "expiring-row, key utf8, value int64"
        )
        #expect(RecordFormat("session by start", .utf8, .int64).kind == "session by start")
    }

    @Test func `what differs is said, and nothing else`() {
        let old = RecordFormat("window", .utf8, .int64, windowSize: 1_000)
        let new = RecordFormat("window", .utf8, .double, windowSize: 2_000)
        #expect(
            new.differences(fromWord: old.word)
                == "its values were int64 and are now double, "
                + "its windows were 1000 ms long and are now 2000 ms long"
        )
        #expect(new.differences(fromWord: "x").contains("of the form x"))
    }

    /// A serde whose name has every byte that a word may not have as it is.
    private struct Odd: Serde {
        static var name: String { "a b;c%d\u{7F}\n ä" }
        func decode(_ bytes: UnsafeRawBufferPointer) throws -> Int64 { 0 }
        func encode(_ value: Int64, into sink: inout ByteSink) {}
    }
}

import LogModel
import Streams
import Testing

@testable import ClientCommands
@testable import DirectoryAccess

@Suite struct LetterGroupTests {
    private static let now = Timestamp(1_767_225_600_000)

    @Test func `dead letters are counted by kind, state and age`() throws {
        var batch = LetterBatch()
        for (reason, minutes) in [("refused", 10), ("refused", 90), ("decode", 300)] {
            batch.add([
                (DeadLetterHeader.reason, reason), (DeadLetterHeader.topic, "orders"),
                (DeadLetterHeader.firstFailedAt, "\(Self.now.rawValue - Int64(minutes) * 120_000)"),
                (DeadLetterHeader.lastFailedAt, "\(Self.now.rawValue - Int64(minutes) * 60_000)"),
            ])
        }
        var groups = LetterGroups(by: [.reason, .topic], now: Self.now)
        try batch.forEachLetter { letter in
            groups.add(letter, letter.place.offset.rawValue == 1 ? .replayed : .open)
        }
        let sorted = groups.sorted
        #expect(sorted.map(\.names) == [["decode", "orders"], ["refused", "orders"]])
        #expect(sorted.map { $0.counts } == [[1, 0, 0, 0], [1, 1, 0, 0]])
        #expect(sorted.map(\.recentCount) == [0, 1])
        #expect(
            sorted.map { $0.oldestOpen.map { Self.now.rawValue - $0.rawValue } }
                == [36_000_000, 1_200_000]
        )
    }

    @Test func `hours and partitions are kinds too`() throws {
        var batch = LetterBatch()
        batch.add([], at: 3_600_000 * 10 - 1)
        batch.add([], at: 3_600_000 * 10)
        var groups = LetterGroups(by: [.hour, .partition], now: Self.now)
        try batch.forEachLetter { groups.add($0, .open) }
        #expect(groups.sorted.map(\.names) == [["1970-01-01T09", "0"], ["1970-01-01T10", "0"]])
    }

    @Test func `kinds without end are counted together`() throws {
        var batch = LetterBatch()
        for number in 0..<(LetterGroups.groupLimit + 5) {
            batch.add([(DeadLetterHeader.reason, "r\(number)")])
        }
        var groups = LetterGroups(by: [.reason], now: Self.now)
        try batch.forEachLetter { groups.add($0, .open) }
        #expect(groups.groups.count == LetterGroups.groupLimit + 1)
        #expect(groups.groups.last?.names == ["(others)"])
        #expect(groups.groups.last?.openCount == 5)
    }

    /// Headers that nobody sensible would write.
    @Test func `hostile headers are shown, and break nothing`() throws {
        var batch = LetterBatch()
        let odd: [[UInt8]?] = [
            nil, [], [0xFF, 0xFE], Array("\u{1B}[2Jx\u{202E}y\n".utf8),
            [UInt8](repeating: UInt8(ascii: "z"), count: 100_000),
            Array("9223372036854775807".utf8), Array("-9223372036854775808".utf8),
        ]
        for value in odd {
            batch.addBytes(
                DeadLetterView.allHeaders.map { ($0, value) },
                key: value,
                value: value,
                at: Int64.min
            )
        }
        var groups = LetterGroups(by: LetterGrouping.allCases, now: Self.now)
        try batch.forEachLetter { letter in
            groups.add(letter, .open)
            let shown = ShownLetter(
                letter: letter,
                state: .open,
                source: .unknown,
                keyFormat: .int64,
                valueFormat: nil,
                now: Self.now
            )
            #expect(!shown.text.contains("\u{1B}") && !shown.text.contains("\u{202E}"))
            #expect(shown.text.utf8.count < 100_000)
            #expect(shown.json.hasSuffix("}\n"))
            _ = RecordHeaderBlock(replaying: letter, own: letter.headers, id: "x", hold: .pass)
        }
        for name in groups.sorted.flatMap(\.names) {
            #expect(!name.unicodeScalars.contains { $0.value < 32 } && name.count <= 90)
        }
    }

    @Test(arguments: [
        ("plain", 10, "plain"), ("plain", 3, "pla…"), ("a\nb", 10, "a\\u{a}b"), ("ä€", 1, "ä…"),
    ])
    func `text is shown without control characters`(text: String, limit: Int, shown: String) {
        let bytes = Array(text.utf8)
        #expect(bytes.withUnsafeBytes { LetterText.shown($0, limit: limit) } == shown)
    }
}

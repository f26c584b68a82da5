import LogModel
import Terminal
import Testing

@testable import DirectoryCommands

/// Which segments and offsets a dump looks at.
@Suite struct DumpRangeTests {
    private static let files = [0, 10, 20].map { base in
        "data/t-0/" + String(repeating: "0", count: base == 0 ? 19 : 18) + "\(base).log"
    }

    @Test(
        arguments: [
            (nil, nil, [0, 1, 2]), (0, 10, [0]), (9, 11, [0, 1]), (10, nil, [1, 2]), (25, nil, [2]),
            (nil, 20, [0, 1]), (19, 20, [1]),
        ] as [(Int?, Int?, [Int])]
    )
    func `segments that can have nothing of the range are left out`(
        start: Int?,
        stop: Int?,
        expected: [Int]
    ) throws {
        let range = try DumpRange(from: start, until: stop)
        #expect(range.files(among: Self.files) == expected.map { Self.files[$0] })
    }

    @Test func `a file of another name is looked into`() throws {
        let range = try DumpRange(from: 25, until: nil)
        #expect(range.files(among: ["t-0/old.log", Self.files[2]]).count == 2)
    }

    @Test func `the first offset is shown and the last is not`() throws {
        let range = try DumpRange(from: 3, until: 5)
        #expect((0..<7).filter { range.holds(Offset(Int64($0))) } == [3, 4])
    }

    @Test(arguments: [(5, 5), (6, 5)])
    func `a range of nothing is refused`(start: Int, stop: Int) {
        #expect(throws: UsageError.self) { try DumpRange(from: start, until: stop) }
    }
}

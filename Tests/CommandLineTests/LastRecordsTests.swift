import LogModel
import Testing

@testable import ClientCommands

/// Where the last records of a partition begin.
@Suite struct LastRecordsTests {
    /// Finds the last `count` of the records at `offsets`; how many offsets were looked at.
    private static func find(
        _ count: Int64,
        among offsets: [Int64],
        from logStart: Int64 = 0,
        to end: Int64
    ) -> (begin: Int64, excess: Int64, spans: [Range<Int64>]) {
        var last = LastRecords(count, from: Offset(logStart), to: Offset(end))
        var spans: [Range<Int64>] = []
        while let span = last.span {
            let numbers = span.lowerBound.rawValue..<span.upperBound.rawValue
            spans.append(numbers)
            last.note(Int64(offsets.count { numbers.contains($0) }))
        }
        return (last.begin.rawValue, last.excess, spans)
    }

    @Test func `without gaps they lie so many offsets before the end`() {
        let found = Self.find(3, among: Array(0..<100), to: 100)
        #expect(found.begin == 97)
        #expect(found.excess == 0)
        #expect(found.spans == [97..<100])
    }

    @Test func `gaps are stepped over in spans that double, and what is too much is known`() {
        let found = Self.find(2, among: [10, 20, 30, 40], to: 1_000)
        #expect(found.spans == [998..<1_000, 934..<998, 868..<934, 736..<868, 472..<736, 0..<472])
        #expect(found.begin == 0)
        #expect(found.excess == 2)
    }

    @Test(arguments: [0, 1, 7] as [Int64])
    func `where there are fewer, all of them count`(logStart: Int64) {
        let found = Self.find(.max, among: [8, 9], from: logStart, to: 12)
        #expect(found.begin == logStart)
        #expect(found.excess == 0)
        #expect(found.spans == [logStart..<12])
    }

    @Test func `an empty partition is not looked at`() {
        #expect(Self.find(1, among: [], from: 5, to: 5).spans == [])
        #expect(Self.find(1, among: [], from: 5, to: 3).begin == 5)
    }

    @Test(arguments: [0, 1, 17, 98, 99] as [Int64])
    func `of what cannot be counted all behind it is found`(damaged: Int64) {
        var last = LastRecords(1, from: .zero, to: Offset(101))
        last.note(0)
        var spanCount = 0
        while let span = last.span {
            spanCount += 1
            if span.contains(Offset(damaged)) { last.noteUncountable() } else { last.note(0) }
        }
        #expect(last.begin == Offset(damaged + 1))
        #expect(!last.isEnough)
        #expect(spanCount <= 2 * 7)
    }

    @Test func `what is enough behind it is enough`() {
        var last = LastRecords(2, from: .zero, to: Offset(10))
        last.note(1)
        last.noteUncountable()
        #expect(last.span == Offset(4)..<Offset(8))
        last.note(3)
        #expect(last.isEnough && last.span == nil)
        #expect(last.begin == Offset(4) && last.excess == 2)
    }
}

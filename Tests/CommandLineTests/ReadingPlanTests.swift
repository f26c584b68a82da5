import LogClient
import LogModel
import Terminal
import Testing

@testable import ClientCommands

/// Where reading ends, and when a group's positions are noted.
@Suite struct ReadingPlanTests {
    @Test(arguments: [
        ("0", ReadingPlan.Stop.offset(.zero)), ("12", .offset(Offset(12))),
        ("1970-01-01T00:00:01Z", .time(Timestamp(1_000))),
    ])
    func `an end is an offset or a time`(text: String, expected: ReadingPlan.Stop) {
        #expect(ReadingPlan.Stop.kind.parse(text) == expected)
    }

    @Test(arguments: ["", "end", "beginning", "-1", "12h"])
    func `what is no end is refused`(text: String) {
        #expect(ReadingPlan.Stop.kind.parse(text) == nil)
    }

    @Test func `the record at the end is behind it`() {
        let offset = ReadingPlan.Stop.offset(Offset(5))
        #expect(!offset.isReached(at: Offset(4), Timestamp(99)))
        #expect(offset.isReached(at: Offset(5), Timestamp(0)))
        let time = ReadingPlan.Stop.time(Timestamp(5))
        #expect(!time.isReached(at: Offset(99), Timestamp(4)))
        #expect(time.isReached(at: Offset(0), Timestamp(5)))
    }

    @Test func `positions are due after the interval, and those that moved are news`() {
        let first = TopicPartition("a", PartitionIndex(0))
        let second = TopicPartition("a", PartitionIndex(1))
        let interval = UInt64(GroupProgress.interval.components.seconds) * 1_000_000_000
        var progress = GroupProgress(at: 100)
        #expect(!progress.isDue(at: 99))
        #expect(!progress.isDue(at: 99 + interval))
        #expect(progress.isDue(at: 100 + interval))
        #expect(progress.news(in: [first: .zero]) == [first: .zero])
        progress.note([first: .zero, second: .zero], at: 100 + interval)
        #expect(!progress.isDue(at: 100 + interval))
        #expect(progress.news(in: [first: .zero, second: Offset(1)]) == [second: Offset(1)])
    }

    @Test func `a position that somebody else moved is none to write over`() {
        let first = TopicPartition("a", PartitionIndex(0))
        let second = TopicPartition("a", PartitionIndex(1))
        var progress = GroupProgress(at: 0)
        progress.begin(with: [first: Offset(3)], at: 0)
        let news = [first: Offset(5), second: Offset(1)]
        #expect(progress.move(in: [first: Offset(3)], to: news, at: 1) == nil)
        // An attempt whose answer was lost has noted it.
        let noted = [first: Offset(5), second: Offset(1)]
        #expect(progress.move(in: noted, to: news, at: 1) == nil)
        #expect(
            progress.move(in: [:], to: news, at: 1)
                == .init(partition: first, left: Offset(3), found: nil)
        )
        // Positions of groups that are quiet for long expire.
        let minute: UInt64 = 60_000_000_000
        #expect(progress.move(in: [:], to: news, at: minute) == nil)
        progress.note(news, at: 1)
        let other = [first: Offset(5), second: Offset(0)]
        #expect(
            progress.move(in: other, to: [second: Offset(2)], at: minute)
                == .init(partition: second, left: Offset(1), found: .zero)
        )
    }
}

/// When a reader is told of what open transactions hold up.
@Suite struct HeldUpRecordsTests {
    private static let partition = TopicPartition("a", PartitionIndex(0))
    private static let second: UInt64 = 1_000_000_000

    private static func bounds(_ stable: Int64, _ end: Int64) -> PartitionBounds {
        PartitionBounds(
            logStart: .zero,
            highWatermark: Offset(end),
            lastStableOffset: Offset(stable)
        )
    }

    @Test func `what is held up for three seconds is told once`() {
        var held = HeldUpRecords()
        held.note(Self.partition, Self.bounds(4, 6), at: Self.second)
        #expect(held.takeDue(at: 3 * Self.second) == [])
        held.note(Self.partition, Self.bounds(4, 9), at: 3 * Self.second)
        #expect(held.all == [.init(partition: Self.partition, count: 5)])
        #expect(held.takeDue(at: 4 * Self.second) == [.init(partition: Self.partition, count: 5)])
        #expect(held.takeDue(at: 9 * Self.second) == [])
    }

    @Test func `one that ends in time is not told, and the next one waits anew`() {
        var held = HeldUpRecords()
        held.note(Self.partition, Self.bounds(4, 6), at: 0)
        held.note(Self.partition, Self.bounds(6, 6), at: 2 * Self.second)
        #expect(held.all == [])
        held.note(Self.partition, Self.bounds(6, 7), at: 3 * Self.second)
        #expect(held.takeDue(at: 5 * Self.second) == [])
        // Of a producer of many transactions there is always one open, and never for long.
        for count in 1..<9 {
            let stable = Int64(6 + count)
            let time = UInt64(3 + count) * Self.second
            held.note(Self.partition, Self.bounds(stable, stable + 3), at: time)
            #expect(held.takeDue(at: time) == [])
        }
        #expect(held.takeDue(at: 14 * Self.second).map(\.count) == [3])
    }
}

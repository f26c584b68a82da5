import LogModel
import MillraceTestKit
import Testing

@testable import BrokerAPI

/// What becomes due of fetches that wait, by values.
struct FetchWaitsTests {
    private typealias Waits = FetchWaits<String, Int>

    /// A partition of which a fetch has found nothing, at offset 10 of a log with 1000 bytes.
    private func part(
        found: Int = 0,
        wanted: Int = 1 << 20,
        start: Int64? = 1000
    ) -> FetchedPart {
        FetchedPart(
            offset: Offset(10),
            end: Offset(10),
            start: start,
            found: found,
            wanted: wanted,
            brought: 8 << 20
        )
    }

    private func look(_ end: Int64, _ byteCount: Int64?, logStart: Int64 = 0) -> FetchedPart.Look {
        FetchedPart.Look(logStart: Offset(logStart), end: Offset(end), byteCount: byteCount)
    }

    @Test func `changes add up over partitions until there is enough`() {
        var waits = Waits()
        waits.add(7, leastByteCount: 300, until: 50, [("a", part()), ("b", part())])
        #expect(waits.note(look(11, 1100), of: "a").isEmpty)
        // The same again is no more.
        #expect(waits.note(look(11, 1100), of: "a").isEmpty)
        #expect(waits.note(look(11, 1150), of: "b").isEmpty)
        waits.checkInvariants()
        let due = waits.note(look(12, 1160), of: "a")
        #expect(due.map(\.waiter) == [7])
        #expect(due.map(\.byteCount) == [310])
        #expect(due.map(\.isLast) == [false])
        #expect(waits.count == 0)
        #expect(!waits.isWatched("a") && !waits.isWatched("b"))
    }

    @Test func `no more counts of a partition than the client takes of it`() {
        var waits = Waits()
        waits.add(1, leastByteCount: 150, until: 50, [("a", part(wanted: 100)), ("b", part())])
        #expect(waits.note(look(99, 90_000), of: "a").isEmpty)
        #expect(waits.note(look(11, 1049), of: "b").isEmpty)
        #expect(waits.note(look(12, 1050), of: "b").count == 1)
    }

    @Test(arguments: [
        nil,
        FetchedPart.Look(logStart: Offset(11), end: Offset(12), byteCount: 1001),
        FetchedPart.Look(logStart: Offset(0), end: Offset(9), byteCount: 990),
        FetchedPart.Look(logStart: Offset(0), end: Offset(11), byteCount: nil),
        FetchedPart.Look(logStart: Offset(0), end: Offset(11), byteCount: 999),
        FetchedPart.Look(logStart: Offset(0), end: Offset(11), byteCount: 1000 + 9 << 20),
    ]) func `what only reading tells is due`(_ look: FetchedPart.Look?) {
        var waits = Waits()
        waits.add(1, leastByteCount: 40 << 20, until: 50, [("a", part(wanted: 50 << 20))])
        #expect(waits.note(look, of: "a").count == 1)
    }

    @Test func `one that was not open is due when it moves, and not before`() {
        var waits = Waits()
        waits.add(1, leastByteCount: 40 << 20, until: 50, [("a", part(start: nil))])
        #expect(waits.note(look(10, nil), of: "a").isEmpty)
        #expect(waits.note(look(11, 1100), of: "a").count == 1)
    }

    @Test func `a fetch that names a partition twice counts both`() {
        var waits = Waits()
        waits.add(1, leastByteCount: 200, until: 50, [("a", part()), ("a", part())])
        #expect(waits.note(look(11, 1099), of: "a").isEmpty)
        waits.checkInvariants()
        #expect(waits.note(look(12, 1100), of: "a").count == 1)
        waits.checkInvariants()
    }

    @Test func `a fetch that comes is looked at alone`() {
        var waits = Waits()
        waits.add(1, leastByteCount: 1, until: 50, [("a", part())])
        let number = waits.add(2, leastByteCount: 1, until: 50, [("b", part()), ("a", part())])
        #expect(waits.note([look(10, 1000), look(10, 1000)], of: number) == nil)
        #expect(waits.note([look(10, 1000), look(11, 1001)], of: number)?.waiter == 2)
        #expect(waits.note([look(11, 1001), nil], of: number) == nil)
        #expect(waits.count == 1)
        // The other one is for whoever names the partition.
        #expect(waits.note(look(11, 1001), of: "a").map(\.waiter) == [1])
        waits.checkInvariants()
    }

    @Test func `time and a lost connection end the waiting`() {
        var waits = Waits()
        waits.add(1, leastByteCount: 9, until: 50, [("a", part())])
        waits.add(2, leastByteCount: 9, until: 20, [("a", part())])
        waits.add(3, leastByteCount: 9, until: 30, [("a", part())])
        #expect(waits.nearestDeadline == 20)
        #expect(waits.expire(now: 19).isEmpty)
        waits.drop { $0 == 3 }
        let over = waits.expire(now: 40)
        #expect(over.map(\.waiter) == [2])
        #expect(over.map(\.isLast) == [true])
        #expect(waits.nearestDeadline == 50)
        #expect(waits.takeAll().map(\.isLast) == [true])
        waits.checkInvariants()
    }

    /// A client that asks often and waits long must not fill the memory.
    @Test func `deadlines of fetches that are over do not pile up`() {
        var heap = DeadlineHeap()
        var random = SeededGenerator(seed: 7)
        var deadlines: [UInt64] = []
        for number in UInt64(0)..<500 {
            let deadline = random.next() % 1000
            deadlines.append(deadline)
            heap.add(number, at: deadline)
        }
        heap.keep { $0 % 2 == 0 }
        var taken: [UInt64] = []
        while let number = heap.take(now: 900) { taken.append(deadlines[Int(number)]) }
        let expected = deadlines.enumerated().filter { $0.offset % 2 == 0 && $0.element <= 900 }
        #expect(taken == expected.map(\.element).sorted())
        var waits = Waits()
        for number in 0..<10_000 {
            waits.add(number, leastByteCount: 1, until: .max, [("a", part())])
            #expect(waits.note(look(11, 1001), of: "a").count == 1)
        }
        #expect(waits.deadlineCount < 200)
    }
}

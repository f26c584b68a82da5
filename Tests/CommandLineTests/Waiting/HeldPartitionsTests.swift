import LogModel
import Testing

@testable import JobRunner

/// Which inputs a run says that it waits for.
@Suite struct HeldPartitionsTests {
    private func look(
        _ position: Int64,
        _ stable: Int64,
        _ target: Int64 = 100
    )
        -> HeldPartitions.Look
    {
        HeldPartitions.Look(
            partition: TopicPartition("in", PartitionIndex(0)),
            position: Offset(position),
            target: Offset(target),
            lastStable: Offset(stable)
        )
    }

    private func second(_ number: UInt64) -> UInt64 { number * 1_000_000_000 }

    @Test func `an input that is held for long is told of once`() {
        var held = HeldPartitions()
        #expect(held.look([look(40, 40)], at: second(0)).isEmpty)
        #expect(held.look([look(40, 40)], at: second(2)).isEmpty)
        #expect(held.look([look(40, 40)], at: second(3)).map(\.lastStable) == [Offset(40)])
        #expect(held.look([look(40, 40)], at: second(60)).isEmpty)
        // Another transaction behind it.
        #expect(held.look([look(70, 70)], at: second(61)).isEmpty)
        #expect(held.look([look(70, 70)], at: second(64)).map(\.lastStable) == [Offset(70)])
    }

    @Test func `work that goes on, and transactions that end, are not told of`() {
        var held = HeldPartitions()
        for number in 0..<20 {
            let position = Int64(number)
            #expect(held.look([look(position, 40)], at: second(UInt64(number))).isEmpty)
        }
        for number in 20..<40 {
            let stable = Int64(number * 2)
            #expect(held.look([look(stable, stable)], at: second(UInt64(number))).isEmpty)
        }
        #expect(held.look([look(100, 100)], at: second(50)).isEmpty)
    }
}

import Telemetry
import Testing

@testable import Streams
@testable import StreamsRuntime

@Suite struct CommitTimesTests {
    @Test func `a commit is measured from its flush to the end of its transaction`() {
        var times = CommitTimes()
        times.noteTurn(since: 0, at: 1_000_000_000)
        times.begin(.flushOutput, at: 1_000_000_000)
        times.end(.flushOutput, at: 1_002_000_000)
        times.begin(.addOffsets, at: 1_002_000_000)
        times.end(.addOffsets, at: 1_003_000_000)
        times.begin(.endTransaction, at: 1_003_000_000)
        times.end(.endTransaction, at: 1_010_000_000)
        times.begin(.applyToStores, at: 1_010_000_000)
        times.end(.applyToStores, at: 1_011_000_000)
        #expect(times.seconds(in: .process) == 1)
        #expect(times.seconds(in: .flushOutput) == 0.002)
        #expect(times.seconds(in: .addOffsets) == 0.001)
        #expect(times.seconds(in: .endTransaction) == 0.007)
        #expect(times.seconds(in: .applyToStores) == 0.001)
        #expect(times.commits.count == 1)
        #expect(times.commits.sum == 0.01)
    }

    @Test func `a step that is tried again belongs to its commit`() {
        var times = CommitTimes()
        times.begin(.flushOutput, at: 1_000_000_000)
        times.begin(.retry(.flushOutput), at: 1_500_000_000)
        times.begin(.flushOutput, at: 2_000_000_000)
        times.end(.flushOutput, at: 2_000_000_000)
        times.begin(.endTransaction, at: 2_000_000_000)
        times.end(.endTransaction, at: 2_000_000_000)
        #expect(times.commits.sum == 1)
    }

    @Test func `a commit that came to nothing is none, and its way back is told`() {
        var times = CommitTimes()
        times.begin(.flushOutput, at: 1_000_000_000)
        times.begin(.abortTransaction, at: 2_000_000_000)
        times.end(.abortTransaction, at: 2_500_000_000)
        times.begin(.rewind, at: 2_500_000_000)
        times.end(.rewind, at: 3_000_000_000)
        #expect(times.commits.count == 0)
        #expect(times.seconds(in: .rewind) == 1)
        // The next one begins anew.
        times.begin(.flushOutput, at: 9_000_000_000)
        times.end(.flushOutput, at: 9_000_000_000)
        times.begin(.endTransaction, at: 9_000_000_000)
        times.end(.endTransaction, at: 9_000_000_000)
        #expect(times.commits.count == 1)
        #expect(times.commits.sum == 0)
    }

    @Test func `reasons of dead letters are told apart up to a limit`() {
        var counters = TaskCounters()
        for index in 0..<40 { counters.countDeadLetter("reason-\(index)") }
        counters.countDeadLetter("reason-3")
        #expect(counters.deadLetters.count == 33)
        #expect(counters.deadLetters["reason-3"] == 2)
        #expect(counters.deadLetters["other"] == 8)
        #expect(counters.recordsDeadLettered == 41)
        var sum = TaskCounters()
        sum.add(counters)
        sum.add(counters)
        #expect(sum.recordsDeadLettered == 82)
        #expect(sum.deadLetters["reason-3"] == 4)
    }
}

import LogClient
import LogModel
import Testing

@testable import StreamsRuntime

@Suite struct CommitCycleTests {
    private static func cycle(
        interval: UInt64 = 100,
        records: Int64 = .max,
        bytes: Int64 = .max,
        attempts: Int = 3
    ) -> CommitCycle {
        CommitCycle(
            policy: CommitCycle.Policy(
                intervalNanoseconds: interval,
                recordLimit: records,
                byteLimit: bytes,
                attemptLimit: attempts
            )
        )
    }

    /// A cycle in the middle of `step`.
    private static func committing(_ step: CommitCycle.Step) -> CommitCycle {
        var cycle = cycle()
        _ = cycle.next(.processed(records: 1, bytes: 10, at: 0))
        _ = cycle.next(.commitRequested)
        for done in CommitCycle.Step.allCases where done != step {
            guard case .committing(let current, _) = cycle.state, current != step else { break }
            _ = cycle.next(.succeeded)
        }
        return cycle
    }

    @Test func `a commit flushes, adds offsets, ends the transaction, then applies to the stores`()
    {
        var cycle = Self.cycle()
        #expect(cycle.next(.processed(records: 1, bytes: 10, at: 0)) == .none)
        #expect(cycle.next(.ticked(at: 99)) == .none)
        #expect(cycle.next(.ticked(at: 100)) == .flushOutput)
        #expect(cycle.next(.succeeded) == .addOffsets)
        #expect(cycle.next(.succeeded) == .endTransaction)
        #expect(cycle.next(.succeeded) == .applyToStores)
        #expect(cycle.hasUncommittedWork)
        #expect(cycle.next(.succeeded) == .none)
        #expect(!cycle.hasUncommittedWork)
    }

    @Test func `nothing processed means nothing to commit`() {
        var cycle = Self.cycle()
        #expect(cycle.next(.ticked(at: 1_000)) == .none)
        #expect(cycle.next(.commitRequested) == .none)
    }

    @Test func `records and bytes make a commit due before the time does`() {
        var byRecords = Self.cycle(records: 10)
        #expect(byRecords.next(.processed(records: 9, bytes: 0, at: 0)) == .none)
        #expect(byRecords.next(.processed(records: 1, bytes: 0, at: 1)) == .flushOutput)
        var byBytes = Self.cycle(bytes: 100)
        #expect(byBytes.next(.processed(records: 1, bytes: 100, at: 0)) == .flushOutput)
    }

    @Test(arguments: CommitCycle.Step.allCases)
    func `fencing stops the thread in every step without another write`(step: CommitCycle.Step) {
        var cycle = Self.committing(step)
        #expect(cycle.next(.failed(.fenced("epoch 3"))) == .stop(.fenced("epoch 3")))
        #expect(cycle.state == .stopped(.fenced("epoch 3")))
    }

    @Test(arguments: [CommitCycle.Step.flushOutput, .addOffsets])
    func `an abortable error before the end aborts and goes back to what is committed`(
        step: CommitCycle.Step
    ) {
        var cycle = Self.committing(step)
        #expect(cycle.next(.failed(.abortable("x"))) == .abortTransaction)
        #expect(cycle.next(.succeeded) == .rewind)
        #expect(cycle.next(.succeeded) == .none)
        #expect(cycle.state == .idle)
    }

    @Test func `an end with an unknown outcome is settled by a new producer, never by an abort`() {
        var cycle = Self.committing(.endTransaction)
        #expect(cycle.next(.failed(.retriable("timeout"))) == .retry(.endTransaction))
        #expect(cycle.next(.failed(.retriable("timeout"))) == .retry(.endTransaction))
        #expect(cycle.next(.failed(.retriable("timeout"))) == .replaceProducer)
        #expect(cycle.next(.succeeded) == .rewind)
        #expect(cycle.next(.succeeded) == .none)
        var aborted = Self.committing(.endTransaction)
        #expect(aborted.next(.failed(.abortable("x"))) == .replaceProducer)
    }

    @Test(arguments: CommitCycle.Step.allCases)
    func `a producer of no more use is replaced and the work done again`(step: CommitCycle.Step) {
        var cycle = Self.committing(step)
        #expect(cycle.next(.failed(.producerInvalid("unknown id"))) == .replaceProducer)
        #expect(cycle.next(.succeeded) == .rewind)
    }

    @Test(arguments: [
        LogClientError.fatal("x"), .corrupt("x"), .invalid("x"), .topicExists("x"),
        .unknownTopicOrPartition(TopicPartition("t", PartitionIndex(0))),
    ])
    func `an error that no retry mends stops the thread`(error: LogClientError) {
        for step in CommitCycle.Step.allCases {
            var cycle = Self.committing(step)
            #expect(cycle.next(.failed(error)) == .stop(.failed(error)))
        }
    }

    @Test func `a full disk while records are handed over aborts and goes back`() {
        var cycle = Self.cycle()
        _ = cycle.next(.processed(records: 1, bytes: 1, at: 0))
        #expect(cycle.next(.failed(.full("no space"))) == .abortTransaction)
        #expect(cycle.next(.succeeded) == .rewind)
        #expect(cycle.next(.failed(.retriable("busy"))) == .retry(.rewind))
        #expect(cycle.next(.succeeded) == .hold(nanoseconds: 20_000_000, then: .none))
        #expect(cycle.state == .idle)
    }

    @Test func `a full disk is waited for longer each time, until a commit succeeds`() {
        var cycle = Self.cycle()
        var waits: [UInt64] = []
        for _ in 0..<8 {
            _ = cycle.next(.processed(records: 1, bytes: 1, at: 0))
            _ = cycle.next(.failed(.full("no space")))
            _ = cycle.next(.succeeded)
            guard case .hold(let nanoseconds, .none) = cycle.next(.succeeded) else { break }
            waits.append(nanoseconds / 1_000_000)
            #expect(cycle.backoff.cause == .full("no space"))
        }
        #expect(waits == [20, 40, 80, 160, 320, 640, 1_000, 1_000])
        _ = cycle.next(.processed(records: 1, bytes: 1, at: 0))
        for event in [CommitCycle.Event.commitRequested, .succeeded, .succeeded, .succeeded] {
            _ = cycle.next(event)
        }
        #expect(cycle.next(.succeeded) == .none)
        #expect(cycle.backoff == Backoff())
    }

    @Test func `a full disk on the way back is waited for in its place, for as long as it lasts`() {
        var cycle = Self.committing(.endTransaction)
        #expect(cycle.next(.failed(.full("x"))) == .replaceProducer)
        for _ in 0..<50 {
            guard case .hold(_, .replaceProducer) = cycle.next(.failed(.full("x"))) else {
                Issue.record("the new producer is not waited for")
                return
            }
        }
        #expect(cycle.next(.succeeded) == .rewind)
        guard case .hold(_, .rewind) = cycle.next(.failed(.full("x"))) else {
            Issue.record("the way back is not waited for")
            return
        }
        guard case .hold(_, .none) = cycle.next(.succeeded) else {
            Issue.record("nothing holds the thread back")
            return
        }
        #expect(!cycle.hasUncommittedWork)
        var aborting = Self.committing(.flushOutput)
        _ = aborting.next(.failed(.abortable("x")))
        guard case .hold(_, .abortTransaction) = aborting.next(.failed(.full("x"))) else {
            Issue.record("the abort is not waited for")
            return
        }
    }

    @Test func `a failure is tried again at once, the same one again only after a wait`() {
        var cycle = Self.cycle()
        for expected in [CommitCycle.Action.none, .hold(nanoseconds: 20_000_000, then: .none)] {
            _ = cycle.next(.processed(records: 1, bytes: 1, at: 0))
            #expect(cycle.next(.failed(.retriable("no marker"))) == .abortTransaction)
            #expect(cycle.next(.succeeded) == .rewind)
            #expect(cycle.next(.succeeded) == expected)
        }
        #expect(cycle.backoff.cause == .retriable("no marker"))
    }

    @Test func `what is taken back is no failure that is waited for`() {
        var cycle = Self.cycle()
        for _ in 0..<5 {
            _ = cycle.next(.processed(records: 1, bytes: 1, at: 0))
            #expect(cycle.next(.takenBack) == .abortTransaction)
            #expect(cycle.next(.succeeded) == .rewind)
            #expect(cycle.next(.succeeded) == .none)
        }
        #expect(cycle.next(.takenBack) == .abortTransaction)
        #expect(cycle.backoff == Backoff())
    }

    @Test func `retries of an abort end with a new producer`() {
        var cycle = Self.committing(.flushOutput)
        #expect(cycle.next(.failed(.abortable("x"))) == .abortTransaction)
        #expect(cycle.next(.failed(.retriable("y"))) == .retry(.abortTransaction))
        #expect(cycle.next(.failed(.retriable("y"))) == .retry(.abortTransaction))
        #expect(cycle.next(.failed(.retriable("y"))) == .replaceProducer)
    }
}

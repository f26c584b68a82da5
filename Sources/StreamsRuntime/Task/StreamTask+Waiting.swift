import LogClient
import LogModel
import StateStores
import Streams

/// What a task does around a commit, and how it comes back to a record that is to be tried again.
extension StreamTask {
    /// Lets operators write what belongs to the transaction that is about to be committed.
    func willCommit(at now: UInt64) throws {
        trapPlace.enter()
        defer { trapPlace.leave() }
        do {
            try binding.hooks.willCommit()
            try binding.throwCaught()
            for owned in stores { if let failure = owned.store.failure { throw failure } }
        } catch let later as RetryLater {
            try wait(later, of: 0, offset: binding.record.pointee.offset, since: now)
        } catch let failure as HeldRecordFailure {
            throw StreamsError.ofRecord(failure, at: queues.pointee.partition, offset: .zero)
        } catch let failure as TimerFailure {
            throw timerFailure(failure, at: now)
        } catch LogClientError.retriable(let text) {
            // A result may have been on its way: only the flush itself can be tried again.
            throw LogClientError.abortable(text)
        }
    }

    /// Removes rows of tables that have ended, so many of them; true if there are more, which go
    /// before any record does.
    func removeEndedRows(_ turn: Turn) throws -> Bool {
        guard binding.expiry.isDue else { return false }
        do {
            try binding.hooks.finishCalls()
            let areMore = try binding.expiry.removeEnded()
            try binding.throwCaught()
            return areMore
        } catch {
            throw timerFailure(error, at: turn.startedAt)
        }
    }

    /// Takes note of whether the task had records in a turn: one that waits is there, too, and so
    /// is one in flight.
    func noteArrival(of count: Int, _ turn: Turn) {
        let areWaiting = waiting != nil || binding.hooks.hasCalls
        guard count > 0 || areWaiting else { return }
        binding.record.pointee.lastArrival = turn.wallTime
        if areWaiting { binding.record.pointee.lastWaiting = turn.wallTime }
    }

    /// What a timer's failure is: a record's that an operator had kept, the engine's, or one for
    /// people.
    func timerFailure(_ error: any Error, at now: UInt64) -> any Error {
        switch (error as? TimerFailure)?.cause ?? error {
        case is LogClientError, is StoreError, is StreamsError, is TransactionTakenBack:
            return error
        case let later as RetryLater where later.place != nil:
            do { try wait(later, of: 0, offset: binding.record.pointee.offset, since: now) } catch {
                return error
            }
            return TransactionTakenBack()
        case let failure as HeldRecordFailure:
            return StreamsError.ofRecord(failure, at: queues.pointee.partition, offset: .zero)
        default:
            return StreamsError(
                code: .processing,
                message: "a timer in partition \(id.partition.rawValue): \(error)"
            )
        }
    }

    /// Where the part of each changelog ends that no start needs any more.
    var purgeableChangelogs: [(changelog: TopicPartition, end: Offset)] {
        stores.compactMap { owned in
            guard let end = binding.hooks.purgeable[owned.name],
                let needed = owned.store.checkpointedOffset
            else { return nil }
            return (owned.changelog, min(end, needed))
        }
    }

    /// Goes back to a record that is to be tried again later; throws every other error. Where the
    /// record has changed something already, the transaction is aborted: that is the one way to
    /// take it back.
    @inline(never)
    func wait(
        after error: any Error,
        of index: Int,
        offset: Offset,
        _ turn: Turn
    ) throws {
        if let failure = error as? TimerFailure {
            throw timerFailure(failure, at: turn.startedAt)
        }
        guard let later = error as? RetryLater else {
            let partition = (queues + index).pointee.partition
            throw StreamsError.ofRecord(error, at: partition, offset: offset)
        }
        binding.output.pointee.forgetFailure()
        try wait(later, of: index, offset: offset, since: turn.startedAt)
    }

    private func wait(
        _ later: RetryLater,
        of index: Int,
        offset: Offset,
        since now: UInt64
    ) throws {
        let dueAt = now &+ UInt64(later.delayMilliseconds) &* 1_000_000
        if let place = later.place {
            // The way back to what is committed leads there.
            let known = (0..<queueCount).first {
                (queues + $0).pointee.partition.topic == place.topic
            }
            waiting = WaitingRecord(queue: known ?? index, offset: place.offset, dueAt: dueAt)
            throw TransactionTakenBack()
        }
        let queue = queues + index
        queue.pointee.seek(to: queue.pointee.inputPosition(at: offset))
        waiting = WaitingRecord(queue: index, offset: offset, dueAt: dueAt)
        guard later.hasEffects else { return }
        throw TransactionTakenBack()
    }
}

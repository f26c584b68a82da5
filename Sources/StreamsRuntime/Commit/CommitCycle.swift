package import LogClient

/// Decides when a thread commits and what follows when a step of it fails. A value: events in,
/// actions out; the stream thread performs them and reports back.
///
/// The order of a commit is what exactly-once rests on: flush output and changelog records, add
/// the input offsets, end the transaction, and only then apply the changes to the stores. Every
/// other way out drops the uncommitted changes and goes back to the committed offsets.
package struct CommitCycle: Sendable {
    /// When a commit is due, whichever comes first.
    package struct Policy: Equatable, Sendable {
        package var intervalNanoseconds: UInt64
        package var recordLimit: Int64
        package var byteLimit: Int64
        /// Tries of one step before a retriable error counts as abortable.
        package var attemptLimit: Int
        package init(
            intervalNanoseconds: UInt64 = 100_000_000,
            recordLimit: Int64 = .max,
            byteLimit: Int64 = 256 << 20,
            attemptLimit: Int = 10
        ) {
            self.intervalNanoseconds = intervalNanoseconds
            self.recordLimit = recordLimit
            self.byteLimit = byteLimit
            self.attemptLimit = attemptLimit
        }
    }

    /// The steps of a commit, in their order.
    package enum Step: Equatable, Sendable, CaseIterable {
        case flushOutput
        case addOffsets
        case endTransaction
    }

    package enum State: Equatable, Sendable {
        /// Nothing was processed since the last commit. → open
        case idle
        /// Records were processed and are not committed. → committing, aborting, stopped
        case open(since: UInt64, records: Int64, bytes: Int64)
        /// A step of the commit is under way. → next step, applying, aborting, replacing, stopped
        case committing(Step, attempts: Int)
        /// The transaction is durable; stores take over its changes. → idle, stopped
        case applying
        /// The transaction is being aborted. → rewinding, replacing, stopped
        case aborting(attempts: Int)
        /// The producer is of no more use; a new one is being made. → rewinding, stopped
        case replacing(attempts: Int)
        /// Stores and positions go back to what is committed. → idle, stopped
        case rewinding(attempts: Int)
        /// The end.
        case stopped(Stop)
    }

    package enum Event: Equatable, Sendable {
        /// Records were processed, their results are in the output.
        case processed(records: Int64, bytes: Int64, at: UInt64)
        /// Time passed.
        case ticked(at: UInt64)
        /// Somebody wants a commit now: a clean stop, a rebalance.
        case commitRequested
        /// What was processed since the last commit is to be processed again.
        case takenBack
        /// The last action was done.
        case succeeded
        /// The last action, or handing records to the log in between, failed.
        case failed(LogClientError)
    }

    package enum Action: Equatable, Sendable {
        case none
        case flushOutput
        case addOffsets
        case endTransaction
        case applyToStores
        case abortTransaction
        /// Drop the uncommitted changes, read the committed offsets again, catch the stores up.
        case rewind
        case replaceProducer
        /// Wait a moment, then do this.
        indirect case retry(Action)
        /// Let so many nanoseconds pass, process nothing, look whether a stop is asked for, then do
        /// this; `none` is to go on with processing.
        indirect case hold(nanoseconds: UInt64, then: Action)
        case stop(Stop)
    }

    package enum Stop: Equatable, Sendable {
        /// A newer owner exists: nothing may be written any more, not even an abort.
        case fenced(String)
        case failed(LogClientError)
    }

    package private(set) var state = State.idle
    /// What the thread waits for, and how long, since the last commit.
    package private(set) var backoff = Backoff()
    private let policy: Policy

    package init(policy: Policy) { self.policy = policy }

    /// Whether something was processed and is not committed.
    package var hasUncommittedWork: Bool { state != .idle }

    /// Takes note of an event and says what to do now.
    package mutating func next(_ event: Event) -> Action {
        switch event {
        case .processed(let records, let bytes, let now):
            return noteProcessed(records: records, bytes: bytes, now: now)
        case .ticked(let now):
            guard case .open(let since, _, _) = state else { return .none }
            return now &- since >= policy.intervalNanoseconds ? begin(.flushOutput) : .none
        case .commitRequested:
            guard case .open = state else { return .none }
            return begin(.flushOutput)
        case .takenBack:
            switch state {
            // Operators may hand on what they held back until the output is flushed.
            case .idle, .open, .committing(.flushOutput, _):
                state = .aborting(attempts: 1)
                return .abortTransaction
            case .rewinding:
                // Operators that begin anew may hand on more than fits, and the job is to stop.
                return stop(.failed(.fatal("the job was stopped on its way back")))
            case .committing, .applying, .aborting, .replacing, .stopped:
                preconditionFailure("nothing is processed during \(state)")
            }
        case .succeeded: return advance()
        case .failed(let error): return fail(error)
        }
    }

    private mutating func noteProcessed(records: Int64, bytes: Int64, now: UInt64) -> Action {
        switch state {
        case .idle: state = .open(since: now, records: records, bytes: bytes)
        case .open(let since, let oldRecords, let oldBytes):
            state = .open(since: since, records: oldRecords + records, bytes: oldBytes + bytes)
        case .committing, .applying, .aborting, .replacing, .rewinding, .stopped:
            preconditionFailure("records are not processed during \(state)")
        }
        guard case .open(let since, let records, let bytes) = state else { return .none }
        let isDue =
            now &- since >= policy.intervalNanoseconds || records >= policy.recordLimit
            || bytes >= policy.byteLimit
        return isDue ? begin(.flushOutput) : .none
    }

    private mutating func begin(_ step: Step) -> Action {
        state = .committing(step, attempts: 1)
        return action(for: step)
    }

    private func action(for step: Step) -> Action {
        switch step {
        case .flushOutput: .flushOutput
        case .addOffsets: .addOffsets
        case .endTransaction: .endTransaction
        }
    }

    private mutating func advance() -> Action {
        switch state {
        case .committing(.flushOutput, _): return begin(.addOffsets)
        case .committing(.addOffsets, _): return begin(.endTransaction)
        case .committing(.endTransaction, _):
            state = .applying
            backoff.reset()
            return .applyToStores
        case .applying:
            state = .idle
            return .none
        case .rewinding:
            state = .idle
            guard backoff.nanoseconds > 0 else { return .none }
            return .hold(nanoseconds: backoff.nanoseconds, then: .none)
        case .aborting, .replacing:
            state = .rewinding(attempts: 1)
            return .rewind
        case .idle, .open, .stopped:
            preconditionFailure("nothing was under way in \(state)")
        }
    }

    /// The error table: what each error means in each state.
    private mutating func fail(_ error: LogClientError) -> Action {
        switch error {
        case .fenced(let text): return stop(.fenced(text))
        case .fatal, .corrupt, .invalid, .unknownTopicOrPartition, .topicReplaced, .topicExists,
            .offsetOutOfRange:
            return stop(.failed(error))
        case .producerInvalid: return replaceProducer(after: error)
        case .abortable: return abort(after: error)
        case .full: return waitForRoom(after: error)
        case .retriable: return retry(after: error)
        }
    }

    /// A full disk costs the transaction, not the job: what leads back to the committed state is
    /// tried until there is room for it.
    private mutating func waitForRoom(after error: LogClientError) -> Action {
        let again: Action
        switch state {
        case .aborting: again = .abortTransaction
        case .replacing: again = .replaceProducer
        case .rewinding: again = .rewind
        case .idle, .open, .committing, .applying, .stopped: return abort(after: error)
        }
        backoff.note(error)
        return .hold(nanoseconds: backoff.nanoseconds, then: again)
    }

    private mutating func retry(after error: LogClientError) -> Action {
        switch state {
        case .committing(let step, let attempts) where attempts < policy.attemptLimit:
            state = .committing(step, attempts: attempts + 1)
            return .retry(action(for: step))
        case .aborting(let attempts) where attempts < policy.attemptLimit:
            state = .aborting(attempts: attempts + 1)
            return .retry(.abortTransaction)
        case .replacing(let attempts) where attempts < policy.attemptLimit:
            state = .replacing(attempts: attempts + 1)
            return .retry(.replaceProducer)
        case .rewinding(let attempts) where attempts < policy.attemptLimit:
            state = .rewinding(attempts: attempts + 1)
            return .retry(.rewind)
        // The outcome of an unanswered end is unknown: a new producer fences the old transaction,
        // and the committed offsets then tell which way it went.
        case .committing(.endTransaction, _), .aborting: return replaceProducer(after: error)
        case .committing, .open, .idle: return abort(after: error)
        case .applying, .replacing, .rewinding, .stopped: return stop(.failed(error))
        }
    }

    private mutating func abort(after error: LogClientError) -> Action {
        switch state {
        case .idle, .open, .committing(.flushOutput, _), .committing(.addOffsets, _):
            backoff.note(error)
            state = .aborting(attempts: 1)
            return .abortTransaction
        case .committing(.endTransaction, _), .aborting: return replaceProducer(after: error)
        case .applying, .replacing, .rewinding, .stopped: return stop(.failed(error))
        }
    }

    private mutating func replaceProducer(after error: LogClientError) -> Action {
        switch state {
        case .idle, .open, .committing, .aborting:
            backoff.note(error)
            state = .replacing(attempts: 1)
            return .replaceProducer
        case .applying, .replacing, .rewinding, .stopped: return stop(.failed(error))
        }
    }

    private mutating func stop(_ reason: Stop) -> Action {
        state = .stopped(reason)
        return .stop(reason)
    }
}

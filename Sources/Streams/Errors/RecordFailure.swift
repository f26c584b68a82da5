package import LogModel

/// Where in its way a record failed.
public enum ErrorKind: String, Sendable {
    /// A source could not read its key or value.
    case decode
    /// An operator threw.
    case process
    /// A sink could not write a result.
    case produce
}

/// An error of one record that stops the job: which operator it met, and what that said.
public struct RecordFailure: Error, CustomStringConvertible {
    /// Where in its way the record failed.
    public let kind: ErrorKind
    /// The operator as the topology's description shows it, with its stores.
    public let operatorName: String
    /// What it said.
    public let message: String
    /// How often the record was tried.
    public let attempts: Int

    /// One sentence.
    public var description: String {
        let tries = attempts > 1 ? " (tried \(attempts) times)" : ""
        return "\(operatorName): \(message)\(tries)"
    }
}

/// Where the errors of one operator go in a task.
@usableFromInline
struct ErrorSite {
    @usableFromInline let errors: TaskErrors
    @usableFromInline let node: Int

    @inlinable
    init(_ errors: TaskErrors, node: Int) {
        self.errors = errors
        self.node = node
    }

    /// What `body` gives; nil where it throws and the operator's policy leaves the record out.
    @inlinable @inline(__always)
    func attempt<Result>(_ body: () throws -> Result) throws -> Result? {
        do { return try body() } catch {
            try settle(error)
            return nil
        }
    }

    /// Applies the operator's policy to an error of it: returns where the record is left out.
    @inlinable
    func settle(_ error: any Error) throws { try errors.settle(error, at: node) }

    /// Whether an error from behind the operator says that the record will come again.
    @usableFromInline
    func triesAgain(after error: any Error) -> Bool { error is RetryLater }
}

/// A record is to be tried again later: its task goes back to it, and waits.
package struct RetryLater: Error {
    package let delayMilliseconds: Int64
    /// Whether the record has changed a store or written something before it failed.
    package let hasEffects: Bool
    /// Which record it is, where that is not the one at hand.
    package var place: (topic: String?, offset: Offset)?
    /// Whether it waits for rows to go that have ended by its own time: stream time stays there.
    package var isMakingWay = false

    /// The same where an operator's own code has caught it, and may have gone on.
    var afterEffects: RetryLater {
        RetryLater(delayMilliseconds: delayMilliseconds, hasEffects: true, place: place)
    }

    /// The same of a record that is not the one at hand: others have been handled since.
    func of(_ topic: String?, _ offset: Offset) -> RetryLater {
        RetryLater(
            delayMilliseconds: delayMilliseconds,
            hasEffects: true,
            place: (topic, offset)
        )
    }
}

/// What the open transaction holds has to be taken back: no failure, so nothing is waited for.
package struct TransactionTakenBack: EngineFailure {
    package init() {}
}

/// An error of the engine or the log, which no record is to blame for: no policy applies.
package protocol EngineFailure: Error {}

/// An error that has a reason of its own, by which dead letters are grouped.
///
///     extension PaymentRefused: DeadLetterReason { var deadLetterReason: String { "payment" } }
public protocol DeadLetterReason: Error {
    /// A short word with hyphens, such as `unsupported-version`.
    var deadLetterReason: String { get }
}

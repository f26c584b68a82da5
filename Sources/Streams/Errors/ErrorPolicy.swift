import LogModel

/// What becomes of a record that an operator cannot handle.
///
///     orders
///         .mapValues(to: Receipt.self) { try charge($0) }
///         .onError(.deadLetter(retry: .exponential(from: .milliseconds(100), attempts: 4)))
public struct ErrorPolicy: Equatable, Sendable {
    enum Action: Equatable, Sendable {
        case fail
        case skip
        case deadLetter(topic: String?, ordering: DeadLetterOrdering)
    }

    let action: Action
    let retry: Retry?

    /// The job stops and names the record; nothing of its transaction is seen. The default.
    public static let fail = ErrorPolicy(action: .fail, retry: nil)

    /// What the record would have led to behind the operator is left out and counted.
    public static let skip = ErrorPolicy(action: .skip, retry: nil)

    /// The record is tried again, then the job stops.
    public static func fail(after retry: Retry) -> ErrorPolicy {
        ErrorPolicy(action: .fail, retry: retry)
    }

    /// The record is tried again, then left out and counted.
    public static func skip(after retry: Retry) -> ErrorPolicy {
        ErrorPolicy(action: .skip, retry: retry)
    }

    /// The record as it came goes to a topic of dead letters with the reason in its headers
    /// (`DeadLetterHeader`), in the transaction of its other results and its offset.
    ///
    /// - Parameters:
    ///   - retry: how often the record is tried first; once if nil.
    ///   - ordering: what becomes of later records of its key.
    ///   - topic: the topic; the job's own, `<job>-dead-letters`, if nil. If it is not there, it is
    ///     created, with as many partitions as the widest source and without an end of retention.
    public static func deadLetter(
        retry: Retry? = nil,
        ordering: DeadLetterOrdering = .unordered,
        topic: String? = nil
    ) -> ErrorPolicy {
        ErrorPolicy(action: .deadLetter(topic: topic, ordering: ordering), retry: retry)
    }

    /// `deadLetter` with its defaults.
    public static let deadLetter = ErrorPolicy.deadLetter()

    /// Whether later records of a dead letter's key follow it.
    var holdsKeys: Bool {
        if case .deadLetter(_, .holdKey) = action { return true }
        return false
    }
}

/// What becomes of the later records of a key that has a dead letter.
public enum DeadLetterOrdering: Sendable {
    /// They are processed, without the one that is missing.
    case unordered
    /// They follow it to the dead letters, unprocessed and in their order, until the key is
    /// released (`DeadLetterHeader.hold`). Which keys are held is kept in a store of the source,
    /// `<topic>-held`. A key longer than a store takes, 65,535 bytes, is not held.
    case holdKey
}

/// How often a record is tried, and how long to wait in between.
///
/// While a record waits, its task waits: the records behind it in its partition are processed
/// after it, other partitions go on, and what was processed before it is committed. Waiting holds
/// no transaction open. A restart of the job counts anew.
public struct Retry: Equatable, Sendable {
    /// Tries in all, the first one included; at least 1.
    public let attempts: Int
    private let first: Duration
    private let factor: Int
    private let longest: Duration

    /// Waits `delay` after the first try and twice as long after each further one.
    ///
    /// - Parameters:
    ///   - attempts: tries in all.
    ///   - longest: the longest wait; a minute.
    public static func exponential(
        from delay: Duration,
        attempts: Int,
        upTo longest: Duration = .seconds(60)
    ) -> Retry {
        Retry(attempts: max(1, attempts), first: delay, factor: 2, longest: longest)
    }

    /// Waits `delay` after each try.
    public static func fixed(_ delay: Duration, attempts: Int) -> Retry {
        Retry(attempts: max(1, attempts), first: delay, factor: 1, longest: delay)
    }

    /// The wait after so many tries; at least a millisecond.
    func delayMilliseconds(after tries: Int) -> Int64 {
        let limit = max(1, longest.wholeMilliseconds)
        var delay = max(1, first.wholeMilliseconds)
        guard factor > 1 else { return min(delay, limit) }
        for _ in 1..<max(tries, 1) {
            guard delay < limit else { break }
            let next = delay.multipliedReportingOverflow(by: Int64(factor))
            delay = next.overflow ? limit : next.partialValue
        }
        return min(delay, limit)
    }
}

/// A job's policies where an operator has none of its own (`onError(_:)`), one for each kind of
/// error.
///
///     var errorPolicies: ErrorPolicies { ErrorPolicies(decode: .deadLetter, process: .skip) }
public struct ErrorPolicies: Equatable, Sendable {
    /// A key or value that a source cannot read.
    public var decode: ErrorPolicy
    /// An operator that throws.
    public var process: ErrorPolicy
    /// A result that a sink cannot write.
    public var produce: ErrorPolicy

    /// Policies for the three kinds.
    public init(
        decode: ErrorPolicy = .fail,
        process: ErrorPolicy = .fail,
        produce: ErrorPolicy = .fail
    ) {
        self.decode = decode
        self.process = process
        self.produce = produce
    }
}

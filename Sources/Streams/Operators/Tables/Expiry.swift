import LogModel

/// When a row of a table ends that is not updated any more.
///
///     .count(store: "clicks", expiry: .after(.seconds(86_400), idleAfter: .seconds(60)))
///
/// A row lives for a time from its newest record on: a record with an earlier timestamp does not
/// shorten it. Time is the task's stream time, the largest timestamp that it has taken over all its
/// inputs. When that comes to a row's end, the row leaves the store, its changelog and what is
/// behind the table, in the transaction of the record that brought the time, and before that record
/// is handled: a record of the very moment begins a new row.
public struct Expiry: Hashable, Codable, Sendable {
    /// How long a row lives from its newest record on, in milliseconds.
    public let life: Int64
    /// Milliseconds of the wall clock after which time goes on without records.
    public let idleAfter: Int64?

    /// Rows end so long after their newest record, at least a millisecond.
    ///
    /// - Parameter idleAfter: stream time moves with records; where the task has none for so long,
    ///   rows end by the wall clock, so that those of a quiet partition do, too.
    public static func after(_ life: Duration, idleAfter: Duration? = nil) -> Expiry {
        Expiry(life: life.wholeMilliseconds, idleAfter: idleAfter?.wholeMilliseconds)
    }

    private init(life: Int64, idleAfter: Int64?) {
        self.life = life
        self.idleAfter = idleAfter
        requireDeclared(life > 0, "a row lives for a millisecond at least")
        requireDeclared(idleAfter.map { $0 >= 0 } ?? true, "times are not negative")
    }
}

extension Expiry: CustomStringConvertible {
    /// `rows end after 86400000 ms`.
    public var description: String {
        "rows end after \(life) ms" + (idleAfter.map { ", by the clock after \($0) ms idle" } ?? "")
    }
}

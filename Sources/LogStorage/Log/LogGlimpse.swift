import LogModel
import Threads

/// What can be seen of a partition by somebody who must not wait.
package struct LogGlimpse: Equatable, Sendable {
    /// What keeps it from being whole.
    package enum Trouble: Equatable, Sendable {
        case offline(String)
        case damaged(String)
        case readOnly(String)

        package var reason: String {
            switch self {
            case .offline(let reason), .damaged(let reason), .readOnly(let reason): reason
            }
        }
    }

    /// Nil where nobody knows them before it is opened.
    package var bounds: LogBounds?
    package var trouble: Trouble?
    /// Whether it was opened.
    package var isOpen: Bool
}

extension PartitionLog {
    /// How the partition is, without opening it and without waiting: nil while it is being opened,
    /// or somebody appends.
    package var glimpse: LogGlimpse? {
        let seen = waking.withLockIfAvailable { sleep -> LogGlimpse? in
            switch sleep {
            case .offline(let reason), .unreplayed(_, let reason):
                return LogGlimpse(bounds: nil, trouble: .offline(reason), isOpen: false)
            case .asleep(let facts):
                return LogGlimpse(bounds: facts.bounds, trouble: nil, isOpen: false)
            case .awake(let report):
                return state.withLockIfAvailable { state in
                    var trouble = state.readOnlyReason.map { LogGlimpse.Trouble.readOnly($0) }
                    if let damage = report.damage { trouble = .damaged(damage.reason) }
                    return LogGlimpse(bounds: state.bounds, trouble: trouble, isOpen: true)
                }
            }
        }
        return seen ?? nil
    }
}

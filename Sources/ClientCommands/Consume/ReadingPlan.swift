import LogModel
import Telemetry
import Terminal

/// What a reader is asked for, beside the partitions and how records are printed.
struct ReadingPlan {
    /// Where reading begins.
    enum Start: Sendable, Equatable {
        case beginning
        case end
        case offset(Offset)
        case time(Timestamp)
        /// So many records before the end of each partition.
        case last(Int64)

        static let kind = ValueKind<Start>(
            placeholder: "WHERE",
            expectation: "beginning, end, an offset, or a time such as 2013-01-31T05:00:00Z",
            choices: ["beginning", "end"]
        ) { text in
            switch text {
            case "beginning": .beginning
            case "end": .end
            default:
                switch Stop.kind.parse(text) {
                case .offset(let offset): .offset(offset)
                case .time(let time): .time(time)
                case nil: nil
                }
            }
        }
    }

    /// In front of what reading ends, in each partition.
    enum Stop: Sendable, Equatable {
        case offset(Offset)
        /// The first record of that time or later; where there is none, the end of what is there
        /// once that time has come.
        case time(Timestamp)

        static let kind = ValueKind<Stop>(
            placeholder: "WHERE",
            expectation: "an offset, or a time such as 2013-01-31T05:00:00Z"
        ) { text in
            if let number = Int64(text), number >= 0 { return .offset(Offset(number)) }
            return CalendarTime.milliseconds(from: text).map { .time(Timestamp($0)) }
        }

        /// Whether a record lies behind it.
        func isReached(at offset: Offset, _ time: Timestamp) -> Bool {
            switch self {
            case .offset(let stop): offset >= stop
            case .time(let stop): time >= stop
            }
        }
    }

    /// Nil where nothing is said.
    var start: Start?
    var isolation = IsolationLevel.readCommitted
    var group: String?
    /// End after so many records.
    var limit = Int.max
    var stop: Stop?
    /// End at what is there at the start.
    var endsAtEnd = false
    /// Read on behind damage, and tell what is left out.
    var skipsDamage = false
}

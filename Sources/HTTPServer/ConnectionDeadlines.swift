/// Until when each connection must be done with its request: who sends a byte now and then would
/// never be idle.
struct ConnectionDeadlines {
    private let timeoutNanoseconds: UInt64
    private var deadlines: [Int32: UInt64] = [:]

    init(timeoutNanoseconds: UInt64) { self.timeoutNanoseconds = timeoutNanoseconds }

    var count: Int { deadlines.count }

    /// A connection was made, or has taken an answer: its next request begins.
    mutating func begin(_ socket: Int32, at now: UInt64) {
        let (deadline, overflows) = now.addingReportingOverflow(timeoutNanoseconds)
        deadlines[socket] = overflows ? .max : deadline
    }

    mutating func end(_ socket: Int32) { deadlines[socket] = nil }

    /// Those that are late; each is told once.
    mutating func takeOverdue(at now: UInt64) -> [Int32] {
        let overdue = deadlines.filter { $0.value <= now }.keys.sorted()
        for socket in overdue { deadlines[socket] = nil }
        return overdue
    }
}

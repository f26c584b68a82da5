/// Until when each connection must be done with its request, for who sends a byte now and then
/// would never be idle; and which of them go where there are too many.
struct ConnectionDeadlines {
    private struct Connection {
        /// When its request began.
        var begin: UInt64
        /// Its request is there, and was answered: what is left is to take the answer.
        var isAnswered = false
    }

    private let timeoutNanoseconds: UInt64
    private var connections: [Int32: Connection] = [:]

    /// How long an answer is left to be taken, whoever else wants to come.
    private static let answerNanoseconds: UInt64 = 1_000_000_000

    init(timeoutNanoseconds: UInt64) { self.timeoutNanoseconds = timeoutNanoseconds }

    var count: Int { connections.count }

    /// A connection was made, or has taken an answer: its next request begins.
    mutating func begin(_ socket: Int32, at now: UInt64) {
        connections[socket] = Connection(begin: now)
    }

    /// Its request is whole.
    mutating func answer(_ socket: Int32) { connections[socket]?.isAnswered = true }

    mutating func end(_ socket: Int32) { connections[socket] = nil }

    /// Those that are late; each is told once.
    mutating func takeOverdue(at now: UInt64) -> [Int32] {
        let overdue = connections.filter { Self.age($0.value, at: now) >= timeoutNanoseconds }
        for socket in overdue.keys { connections[socket] = nil }
        return overdue.keys.sorted()
    }

    /// Those that have to go so that no more than `limit` are left, each told once: of those that
    /// wait for the rest of a request the ones that began first, then those that are slow to take
    /// an answer. None of which `hasSaid` that bytes lie there that nobody has looked at.
    mutating func takeExcess(
        above limit: Int,
        at now: UInt64,
        hasSaid: (Int32) -> Bool
    ) -> [Int32] {
        guard connections.count > limit else { return [] }
        let candidates = connections.filter { _, connection in
            !connection.isAnswered || Self.age(connection, at: now) >= Self.answerNanoseconds
        }
        let order = candidates.sorted { left, right in
            guard left.value.isAnswered == right.value.isAnswered else {
                return right.value.isAnswered
            }
            return (left.value.begin, left.key) < (right.value.begin, right.key)
        }
        var excess: [Int32] = []
        for (socket, _) in order where connections.count > limit && !hasSaid(socket) {
            connections[socket] = nil
            excess.append(socket)
        }
        return excess
    }

    private static func age(_ connection: Connection, at now: UInt64) -> UInt64 {
        now > connection.begin ? now - connection.begin : 0
    }
}

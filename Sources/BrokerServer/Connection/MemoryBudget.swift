/// What the requests of all connections may hold together. Who finds no room waits for his turn.
///
/// A request's memory is asked for as its bytes come, so that those who wait may hold some. So that
/// they do not wait for each other, one request at a time may go beyond the limit: the one that has
/// waited longest.
struct MemoryBudget: Sendable {
    private struct Waiter {
        var connection: UInt64
        var byteCount: Int
    }

    let byteCount: Int
    private(set) var usedByteCount = 0
    private var waiters: [Waiter] = []
    /// Whose request may go beyond the limit; nobody waits while there is none.
    private var exempt: UInt64?

    init(byteCount: Int) { self.byteCount = byteCount }

    /// Whether anybody waits.
    var isCrowded: Bool { !waiters.isEmpty }

    /// True if the bytes are the connection's now; otherwise `release` tells when.
    mutating func reserve(_ count: Int, for connection: UInt64) -> Bool {
        if connection != exempt, !waiters.isEmpty || !hasRoom(for: count) {
            guard exempt == nil else {
                waiters.append(Waiter(connection: connection, byteCount: count))
                return false
            }
            exempt = connection
        }
        usedByteCount += count
        return true
    }

    /// Gives bytes of a request that is over back; those whose turn it is now, with what they get.
    mutating func release(
        _ count: Int,
        of connection: UInt64
    ) -> [(connection: UInt64, byteCount: Int)] {
        precondition(count <= usedByteCount, "more memory given back than was taken")
        usedByteCount -= count
        if exempt == connection { exempt = nil }
        var granted: [(connection: UInt64, byteCount: Int)] = []
        while let first = waiters.first, exempt == nil || hasRoom(for: first.byteCount) {
            waiters.removeFirst()
            if !hasRoom(for: first.byteCount) { exempt = first.connection }
            usedByteCount += first.byteCount
            granted.append((first.connection, first.byteCount))
        }
        return granted
    }

    /// A connection that waits no more; what it holds is released next.
    mutating func forget(_ connection: UInt64) {
        waiters.removeAll { $0.connection == connection }
    }

    private func hasRoom(for count: Int) -> Bool {
        count <= byteCount - min(usedByteCount, byteCount)
    }
}

/// What the requests of all connections may hold together. Who finds no room waits for his turn.
struct MemoryBudget: Sendable {
    private struct Waiter {
        var connection: UInt64
        var byteCount: Int
    }

    let byteCount: Int
    private(set) var usedByteCount = 0
    private var waiters: [Waiter] = []

    init(byteCount: Int) { self.byteCount = byteCount }

    /// Whether anybody waits.
    var isCrowded: Bool { !waiters.isEmpty }

    /// True if the bytes are the connection's now; otherwise `release` tells when.
    mutating func reserve(_ count: Int, for connection: UInt64) -> Bool {
        guard waiters.isEmpty, hasRoom(for: count) else {
            waiters.append(Waiter(connection: connection, byteCount: count))
            return false
        }
        usedByteCount += count
        return true
    }

    /// Gives bytes back; those whose turn it is now, with what they get.
    mutating func release(_ count: Int) -> [(connection: UInt64, byteCount: Int)] {
        precondition(count <= usedByteCount, "more memory given back than was taken")
        usedByteCount -= count
        var granted: [(connection: UInt64, byteCount: Int)] = []
        while let first = waiters.first, hasRoom(for: first.byteCount) {
            waiters.removeFirst()
            usedByteCount += first.byteCount
            granted.append((first.connection, first.byteCount))
        }
        return granted
    }

    /// A connection that waits no more.
    mutating func forget(_ connection: UInt64) {
        waiters.removeAll { $0.connection == connection }
    }

    /// One that is larger than all of it gets through alone.
    private func hasRoom(for count: Int) -> Bool {
        usedByteCount == 0 || count <= byteCount - min(usedByteCount, byteCount)
    }
}

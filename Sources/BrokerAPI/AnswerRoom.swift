/// What answers hold that their readers have not taken yet, of all connections together, and which
/// fetches wait for room among it.
///
/// Answers are made before anybody knows whether they are read. So a fetch claims the memory of
/// what it brings before it reads it. Where there is not enough left for its first batch it waits,
/// and all that come behind it too: or those with small batches would leave no room for large ones.
/// One batch may go beyond the limit while next to nothing is held, so that each can be brought.
struct AnswerRoom: Sendable {
    private struct Waiter {
        var ticket: UInt64
        var byteCount: Int
    }

    let byteLimit: Int
    private(set) var usedByteCount = 0
    /// The eldest first.
    private var waiters: [Waiter] = []
    private var lastTicket: UInt64 = 0

    init(byteLimit: Int) { self.byteLimit = byteLimit }

    /// Whether a fetch may get nothing.
    var isFull: Bool { !waiters.isEmpty || usedByteCount >= byteLimit }

    /// Next to nothing: there are always some answers without records.
    private var fewByteCount: Int { min(1 << 20, byteLimit / 64) }

    /// Bytes that came, whether or not there is room.
    mutating func add(_ byteCount: Int) { usedByteCount += byteCount }

    /// What there is room for of so many bytes, which is the caller's now.
    mutating func claim(upTo byteCount: Int) -> Int {
        guard waiters.isEmpty else { return 0 }
        let claimed = max(0, min(byteCount, byteLimit - usedByteCount))
        usedByteCount += claimed
        return claimed
    }

    /// So many bytes beside those that the caller has claimed, or none.
    mutating func claim(all byteCount: Int, beside claimed: Int) -> Bool {
        guard waiters.isEmpty, hasRoom(for: byteCount, beside: claimed) else { return false }
        usedByteCount += byteCount
        return true
    }

    /// Stands in line for so many bytes; `grant` names the ticket when they are there.
    mutating func wait(for byteCount: Int) -> UInt64 {
        lastTicket += 1
        waiters.append(Waiter(ticket: lastTicket, byteCount: byteCount))
        return lastTicket
    }

    /// Leaves the line; false for whom it was granted before.
    mutating func forget(_ ticket: UInt64) -> Bool {
        guard let index = waiters.firstIndex(where: { $0.ticket == ticket }) else { return false }
        waiters.remove(at: index)
        return true
    }

    mutating func release(_ byteCount: Int) {
        precondition(byteCount <= usedByteCount, "more memory given back than was taken")
        usedByteCount -= byteCount
    }

    /// Those whose turn it is: what they waited for is theirs now.
    mutating func grant() -> [UInt64] {
        var granted: [UInt64] = []
        while let first = waiters.first, hasRoom(for: first.byteCount, beside: 0) {
            usedByteCount += first.byteCount
            granted.append(first.ticket)
            waiters.removeFirst()
        }
        return granted
    }

    private func hasRoom(for byteCount: Int, beside claimed: Int) -> Bool {
        usedByteCount + byteCount <= byteLimit || usedByteCount - claimed <= fewByteCount
    }
}

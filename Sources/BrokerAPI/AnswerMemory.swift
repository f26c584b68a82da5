import Threads

/// The room for answers (`AnswerRoom`), for many threads.
package final class AnswerMemory: Sendable {
    private struct State: Sendable {
        var room: AnswerRoom
        /// What is called for those who wait.
        var grants: [UInt64: @Sendable () -> Void] = [:]
    }

    private let state: Lock<State>

    package init(byteLimit: Int) { state = Lock(State(room: AnswerRoom(byteLimit: byteLimit))) }

    package var usedByteCount: Int { state.withLock { $0.room.usedByteCount } }

    /// Whether fetches get nothing: who has not read its last answer gets no other.
    package var isFull: Bool { state.withLock { $0.room.isFull } }

    /// Takes note of bytes that came, or went.
    package func change(by byteCount: Int) {
        if byteCount > 0 { state.withLock { $0.room.add(byteCount) } }
        if byteCount < 0 { release(-byteCount) }
    }

    func claim(upTo byteCount: Int) -> Int {
        state.withLock { $0.room.claim(upTo: byteCount) }
    }

    func claim(all byteCount: Int, beside claimed: Int) -> Bool {
        state.withLock { $0.room.claim(all: byteCount, beside: claimed) }
    }

    /// Gives back what was claimed or counted.
    func release(_ byteCount: Int) {
        guard byteCount > 0 else { return }
        tell { $0.room.release(byteCount) }
    }

    /// Has `granted` called when so many bytes are the caller's, by whoever gave them back: it must
    /// be short. The ticket leaves the line.
    func wait(for byteCount: Int, granted: @escaping @Sendable () -> Void) -> UInt64 {
        tell { state in
            let ticket = state.room.wait(for: byteCount)
            state.grants[ticket] = granted
            return ticket
        }
    }

    /// Leaves the line; false for whom it was granted before.
    func forget(_ ticket: UInt64) -> Bool {
        tell { state in
            state.grants[ticket] = nil
            return state.room.forget(ticket)
        }
    }

    private func tell<Result>(_ change: (inout State) -> Result) -> Result {
        let (result, grants) = state.withLock { state in
            let result = change(&state)
            let tickets = state.room.grant()
            return (result, tickets.compactMap { state.grants.removeValue(forKey: $0) })
        }
        for grant in grants { grant() }
        return result
    }
}

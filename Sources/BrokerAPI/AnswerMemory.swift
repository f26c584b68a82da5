import Synchronization

/// What answers hold that their readers have not taken yet, of all connections together.
///
/// Answers are made before anybody knows whether they are read. Above the limit a fetch brings what
/// a client needs to go on and no more, and who has not read its last answer gets no other.
package final class AnswerMemory: Sendable {
    private let byteLimit: Int
    private let used = Atomic<Int>(0)

    package init(byteLimit: Int) { self.byteLimit = byteLimit }

    package var usedByteCount: Int { used.load(ordering: .relaxed) }

    /// How many bytes more there is room for.
    package var room: Int { max(0, byteLimit - usedByteCount) }

    package var isFull: Bool { room == 0 }

    /// Takes note of bytes that came, or went.
    package func change(by byteCount: Int) { used.add(byteCount, ordering: .relaxed) }
}

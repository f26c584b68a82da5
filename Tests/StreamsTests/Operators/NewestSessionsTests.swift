import Testing

@testable import Streams

/// What a task remembers of its keys' newest sessions, and the memory that it tells of.
@Suite struct NewestSessionsTests {
    private final class Told { var byteCount = -1 }

    private func set(_ count: Int, in sessions: NewestSessions) {
        for index in 0..<count {
            let key = Array("key \(index)".utf8) + [0, 0]
            key.withUnsafeBytes { sessions.set(Int64(index), of: $0) }
        }
    }

    @Test func `memory is told by pages as keys come, and given back with them`() {
        let told = Told()
        let sessions = NewestSessions { told.byteCount = $0 }
        #expect(told.byteCount == -1)
        set(1, in: sessions)
        #expect(told.byteCount == 4_096)
        set(1, in: sessions)
        #expect(told.byteCount == 4_096)
        set(40, in: sessions)
        #expect((8_192...40 * 4_096).contains(told.byteCount) && told.byteCount % 4_096 == 0)
        // Every page has a key by then.
        set(50_000, in: sessions)
        #expect(told.byteCount == 1 << 20)
        sessions.removeAll()
        #expect(told.byteCount == 0)
        set(1, in: sessions)
        #expect(told.byteCount == 4_096)
    }
}

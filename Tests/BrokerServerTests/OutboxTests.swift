import Testing

@testable import BrokerServer

/// What waits to be sent, by values.
struct OutboxTests {
    @Test func `a piece counts as a whole until all of it is sent`() {
        var outbox = Outbox()
        outbox.add([[UInt8](repeating: 1, count: 100), [UInt8](repeating: 2, count: 50)])
        #expect(outbox.retainedByteCount == 0)
        outbox.drop(30)
        #expect(outbox.retainedByteCount == 30)
        outbox.drop(60)
        #expect(outbox.retainedByteCount == 90)
        outbox.drop(20)
        #expect(outbox.retainedByteCount == 10)
        outbox.drop(40)
        #expect(outbox.retainedByteCount == 0)
        #expect(outbox.isEmpty)
    }
}

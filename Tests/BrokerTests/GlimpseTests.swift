import Broker
import LogClient
import LogModel
import Testing
import Threads

@testable import LogStorage

@Suite struct GlimpseTests {
    private func glimpse(_ harness: LogHarness) throws -> LogGlimpse? {
        try #require(harness.broker.topic("t")?.partitions.first).log.glimpse
    }

    @Test func `a partition is seen without being opened`() throws {
        let harness = try LogHarness()
        try harness.broker.createTopic("t", partitionCount: 1)
        let producer = try harness.producer()
        try producer.send(["a", "b"], to: "t")
        try producer.commit()
        let open = try #require(try glimpse(harness))
        #expect(open.isOpen)
        #expect(open.trouble == nil)
        #expect(open.bounds?.highWatermark == Offset(3))
        let again = try harness.reopened()
        let asleep = try #require(try glimpse(again))
        #expect(!asleep.isOpen)
        #expect(asleep.bounds?.highWatermark == Offset(3))
    }

    @Test func `nobody waits for who changes a partition`() throws {
        let harness = try LogHarness()
        try harness.broker.createTopic("t", partitionCount: 1)
        let producer = try harness.producer()
        try producer.send(["a"], to: "t")
        try producer.commit()
        let log = try #require(harness.broker.topic("t")?.partitions.first).log
        let seen = log.state.withLock { _ in log.glimpse }
        #expect(seen == nil)
        #expect(log.glimpse != nil)
    }
}

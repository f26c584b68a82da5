import Broker
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// Partitions that take no markers, and those that are gone.
@Suite struct MarkerTests {
    private let log: LogHarness
    private let producer: any TransactionalProducer

    /// A transaction over two partitions and a group, the first of which refuses every write from
    /// here on.
    init() throws {
        log = try LogHarness()
        try log.broker.createTopic("in", partitionCount: 1)
        try log.broker.createTopic("out", partitionCount: 2)
        try log.broker.createTopic("other", partitionCount: 1)
        producer = try log.producer()
        try producer.send(["a"], to: "out", 0)
        try producer.send(["a"], to: "out", 1)
        try producer.addOffset(1, of: "in", group: "g")
        log.disk.inject(
            DiskFault(
                .operation(.write),
                onPathEnding: "/out-0/00000000000000000000.log",
                times: .max
            )
        )
    }

    private func end(_ partition: Int32) throws -> Offset {
        try log.broker.bounds(of: TopicPartition("out", PartitionIndex(partition))).logEnd
    }

    /// Lets so many seconds go by, one after the other.
    private func wait(seconds: Int) {
        for _ in 0..<seconds {
            log.time.advance(milliseconds: 1000)
            log.broker.housekeeping(now: log.time.wallTime())
        }
    }

    @Test func `a partition that refuses its marker holds up no other`() throws {
        try producer.commit()
        #expect(try log.values("out", 1) == ["a"])
        #expect(try log.offset("g", "in") == 1)
        #expect(try log.values("out", 0) == [])
        let refusals = log.broker.refusedMarkers()
        #expect(refusals.map(\.partition.name) == [TopicPartition("out", PartitionIndex(0))])
    }

    @Test func `a partition that refuses its marker gets one, and the others no second`() throws {
        try producer.commit()
        let other = try end(1)
        wait(seconds: 120)
        #expect(try end(1) == other)
        #expect(try log.values("out", 0) == [])
        log.disk.clearFaults()
        wait(seconds: 31)
        #expect(try log.values("out", 0) == ["a"])
        #expect(try end(0) == other)
        #expect(log.broker.refusedMarkers() == [])
        try producer.send(["b"], to: "out", 0)
        try producer.commit()
        #expect(try log.values("out", 0) == ["a", "b"])
    }

    @Test func `a restart writes the marker that is missing, and no other`() throws {
        try producer.commit()
        let other = try end(1)
        let next = try log.killed()
        #expect(try next.values("out", 0) == ["a"])
        #expect(try next.values("out", 1) == ["a"])
        for partition in Int32(0)..<2 {
            let name = TopicPartition("out", PartitionIndex(partition))
            #expect(try next.broker.bounds(of: name).logEnd == other)
        }
    }

    @Test func `a topic deleted before its markers frees the transactional id`() throws {
        try producer.commit()
        #expect(throws: LogClientError.self) { try producer.send(["early"], to: "other") }
        try log.broker.deleteTopic("out")
        #expect(log.broker.refusedMarkers() == [])
        try producer.send(["free"], to: "other")
        try producer.commit()
        #expect(try log.values("other") == ["free"])
        #expect(try log.killed().values("other") == ["free"])
    }

    @Test func `a topic deleted within a transaction lets the transaction end`() throws {
        try log.broker.deleteTopic("out")
        try producer.send(["b"], to: "other")
        try producer.commit()
        #expect(try log.values("other") == ["b"])
        #expect(try log.offset("g", "in") == 1)
        // One of the same name has nothing to do with it.
        try log.broker.createTopic("out", partitionCount: 2)
        #expect(try log.killed().values("out", 0, .readUncommitted) == [])
    }
}

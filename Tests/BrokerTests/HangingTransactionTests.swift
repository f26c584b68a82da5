import Broker
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// Transactions of the last process whose end found no room at the start.
@Suite struct HangingTransactionTests {
    private func out(_ index: Int32) -> TopicPartition {
        TopicPartition("out", PartitionIndex(index))
    }

    /// A start at which one write of this partition fails, behind the recovery's own.
    private func started(_ log: LogHarness, failing partition: String) throws -> LogHarness {
        let next = try log.killed { disk in
            disk.inject(
                DiskFault(
                    .operation(.write),
                    onPathEnding: "/\(partition)/00000000000000000000.log",
                    skipping: 1
                )
            )
        }
        next.disk.clearFaults()
        return next
    }

    /// The owner died with records in both partitions that others had made durable; the second one
    /// does not take the marker.
    private func afterFailedMarker() throws -> LogHarness {
        let log = try LogHarness()
        try log.broker.createTopic("out", partitionCount: 2)
        let producer = try log.producer()
        for partition in Int32(0)..<2 { try producer.send(["old"], to: "out", partition) }
        try log.broker.flush([out(0), out(1)])
        return try started(log, failing: "out-1")
    }

    /// Lets so many seconds go by, one after the other.
    private func wait(seconds: Int, _ log: LogHarness) {
        for _ in 0..<seconds {
            log.time.advance(milliseconds: 1000)
            log.broker.housekeeping(now: log.time.wallTime())
        }
    }

    @Test func `the next owner waits for it, is told why, and commits nothing of the dead one`()
        throws
    {
        let log = try afterFailedMarker()
        #expect(log.broker.refusedMarkers().map(\.partition.name) == [out(1)])
        let producer = try log.producer()
        try producer.send(["new"], to: "out", 0)
        let error = try #require(
            #expect(throws: LogClientError.self) { try producer.send(["new"], to: "out", 1) }
        )
        guard case .retriable(let words) = error else {
            Issue.record("it is not to be tried again: \(error)")
            return
        }
        #expect(words.contains("out-1 takes no marker"))
        wait(seconds: 1, log)
        try producer.send(["new"], to: "out", 1)
        try producer.commit()
        #expect(try log.values("out", 0) == ["new"])
        #expect(try log.values("out", 1) == ["new"])
    }

    @Test func `it is ended once there is room, and holds no reader up`() throws {
        let log = try afterFailedMarker()
        #expect(try log.broker.bounds(of: out(1)).lastStableOffset == .zero)
        wait(seconds: 1, log)
        #expect(log.broker.refusedMarkers() == [])
        let bounds = try log.broker.bounds(of: out(1))
        #expect(bounds.lastStableOffset == bounds.highWatermark)
        wait(seconds: 60, log)
        #expect(try log.broker.bounds(of: out(1)).logEnd == bounds.logEnd, "one marker")
        let other = try log.producer("other-0")
        try other.send(["other"], to: "out", 1)
        try other.commit()
        #expect(try log.values("out", 1) == ["other"])
    }

    @Test func `one that is not ended leaves the others of its partition their end`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("out", partitionCount: 2)
        let producers = try ["a-0", "b-0"].map { try log.producer($0) }
        for producer in producers { try producer.send(["old"], to: "out", 1) }
        try log.broker.flush([out(1)])
        let next = try started(log, failing: "out-1")
        #expect(next.broker.refusedMarkers().count == 1)
        let end = try next.broker.bounds(of: out(1)).logEnd
        #expect(end == Offset(3), "two batches and a marker")
    }

    /// Of a Kafka whose coordinators moved: its markers carry their epochs.
    @Test func `one that was imported is ended whatever the epoch of its last coordinator`() throws
    {
        let log = try LogHarness()
        try log.broker.createTopic("out", partitionCount: 1)
        var builder = RecordBatchBuilder()
        let end = EndTransactionMarker(result: .commit, coordinatorEpoch: 5).seal(
            in: &builder,
            timestamp: Timestamp(1),
            producerID: ProducerID(5),
            producerEpoch: ProducerEpoch(0),
            baseOffset: Offset(1)
        )
        let first = KafkaSegmentMaker.Producer(5, sequence: 0)
        let second = KafkaSegmentMaker.Producer(5, sequence: 1)
        for var batch in [
            KafkaSegmentMaker.batch(0, values: "committed", producer: first), Array(end),
            KafkaSegmentMaker.batch(2, values: "open", producer: second),
        ] {
            try batch.withUnsafeMutableBytes { try log.broker.importBatch($0, to: out(0)) }
        }
        try log.broker.flush([out(0)])
        let next = try log.reopened()
        let bounds = try next.broker.bounds(of: out(0))
        #expect(bounds.lastStableOffset == bounds.highWatermark && bounds.logEnd == Offset(4))
        #expect(next.broker.refusedMarkers().isEmpty)
        let producer = try next.producer()
        try producer.send(["new"], to: "out")
        try producer.commit()
        #expect(try next.values("out") == ["committed", "new"])
    }

    @Test func `a dead owner's offsets are not committed by the next one`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("in", partitionCount: 1)
        try log.broker.createTopic("out", partitionCount: 1)
        let producer = try log.producer()
        try producer.send(["old"], to: "out")
        try producer.addOffset(7, of: "in", group: "g")
        try log.broker.flush([out(0), TopicPartition("__consumer_offsets", PartitionIndex(0))])
        let next = try started(log, failing: "__consumer_offsets-0")
        let owner = try next.producer()
        #expect(throws: LogClientError.self) { try owner.addOffset(1, of: "out", group: "g") }
        wait(seconds: 1, next)
        #expect(try next.offset("g", "in") == nil)
        try owner.addOffset(1, of: "out", group: "g")
        try owner.commit()
        #expect(try next.offset("g", "in") == nil)
        #expect(try next.offset("g", "out") == 1)
    }
}

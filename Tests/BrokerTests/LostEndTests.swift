import Broker
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// A log that has lost its end: whoever had read further goes back to where it ends, before others
/// get the offsets.
@Suite struct LostEndTests {
    private let name = TopicPartition("t", PartitionIndex(0))

    private func produce(_ values: [String], _ harness: LogHarness) throws {
        let producer = try EmbeddedProducer(broker: harness.broker)
        var batch = RecordBatchBuilder()
        for value in values { batch.append(value) }
        try producer.append(&batch, to: name)
        try producer.flush()
    }

    @Test func `a position behind the end of a durable log is put back, and told`() throws {
        let harness = try LogHarness()
        try harness.broker.createTopic("t", partitionCount: 1)
        try produce(["0", "1"], harness)
        try harness.broker.close()
        let log = "\(LogHarness.directory)/t-0/00000000000000000000.log"
        let byteCount = try #require(try harness.disk.byteCount(of: log))
        let newer = try LogHarness(disk: harness.disk, time: harness.time)
        try produce(["2", "3", "4"], newer)
        try newer.broker.commitOffsets(
            group: "g",
            [name: CommittedOffset(offset: Offset(5), commitTime: newer.time.wallTime())]
        )
        try newer.broker.close()
        // The records are gone, and what the directory remembers of them.
        let disk = newer.disk
        try disk.open(log, .readWrite).truncate(to: byteCount)
        let own = "\(LogHarness.directory)/.millrace"
        let journal = try disk.list("\(own)/journal").map { "journal/\($0)" }
        for name in journal + ["checkpoint", "clean", "journal-files"] {
            try disk.remove("\(own)/\(name)")
        }
        disk.releaseLocks()
        let again = try LogHarness(disk: disk, time: harness.time)
        #expect(try again.offset("g", "t") == 2)
        #expect(again.broker.notes.contains { $0.contains("goes on at offset 2 of t-0") })
        try produce(["new"], again)
        #expect(try again.values("t") == ["0", "1", "new"])
    }
}

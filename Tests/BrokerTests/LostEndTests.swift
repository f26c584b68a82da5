import Broker
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing
import Threads

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

    @Test func `positions of a later time are put back, though the log is of none`() throws {
        let harness = try LogHarness()
        try harness.broker.createTopic("t", partitionCount: 1)
        func commit(_ offset: Int64, _ harness: LogHarness) throws {
            try harness.broker.commitOffsets(
                group: "g",
                [name: CommittedOffset(offset: Offset(offset), commitTime: harness.time.wallTime())]
            )
        }
        try produce(["0", "1"], harness)
        try commit(2, harness)
        try harness.broker.close()
        let older = harness.disk.copy()
        let newer = try LogHarness(disk: harness.disk, time: harness.time)
        try produce(["2", "3", "4"], newer)
        try commit(5, newer)
        try newer.broker.close()
        // The older copy is put back, but for the folder of positions.
        let folder = try older.list(LogHarness.directory).filter { $0.hasPrefix("__consumer") }
        for path in folder.map({ "\(LogHarness.directory)/\($0)" }) {
            for file in try older.list(path) where file.hasSuffix(".log") {
                let name = "\(path)/\(file)"
                try replace(name, with: content(of: name, on: newer.disk), on: older)
            }
        }
        let again = try LogHarness(disk: older, time: harness.time)
        #expect(again.broker.notes.contains { $0.contains("goes on at offset 2 of t-0") })
        try produce(["new"], again)
        #expect(try again.offset("g", "t") == 2)
    }

    @Test func `positions stay that an older table of topics has no name for`()
        throws
    {
        let harness = try LogHarness()
        try harness.broker.createTopic("other", partitionCount: 1)
        try harness.broker.commitOffsets(
            group: "g",
            [
                TopicPartition("other", PartitionIndex(0)): CommittedOffset(
                    offset: .zero,
                    commitTime: harness.time.wallTime()
                )
            ]
        )
        let table = "\(LogHarness.directory)/millrace.topics"
        let older = try content(of: table, on: harness.disk)
        try harness.broker.createTopic("t", partitionCount: 1)
        try produce(["0", "1"], harness)
        try harness.broker.commitOffsets(
            group: "g",
            [name: CommittedOffset(offset: Offset(2), commitTime: harness.time.wallTime())]
        )
        try harness.broker.close()
        let newer = try content(of: table, on: harness.disk)
        try replace(table, with: older, on: harness.disk)
        let with = try LogHarness(disk: harness.disk, time: harness.time)
        #expect(with.broker.topic("t") == nil)
        try with.broker.close()
        try replace(table, with: newer, on: harness.disk)
        let again = try LogHarness(disk: harness.disk, time: harness.time)
        #expect(try again.offset("g", "t") == 2)
    }

    @Test func `a decided transaction waits for a topic that the table does not name now`() throws {
        let harness = try LogHarness()
        try harness.broker.createTopic("other", partitionCount: 1)
        let table = "\(LogHarness.directory)/millrace.topics"
        let first = try harness.producer()
        try first.send(["x"], to: "other")
        try first.commit()
        let older = try content(of: table, on: harness.disk)
        try harness.broker.createTopic("t", partitionCount: 1)
        try produce(["plain"], harness)
        let newer = try content(of: table, on: harness.disk)
        // Killed between the decision and its markers: as the state log has it, and the topic.
        let hooked = HookedDisk(harness.disk.afterKill())
        let broker = try Broker.open(
            disk: hooked,
            directory: LogHarness.directory,
            configuration: harness.broker.configuration,
            time: harness.time
        )
        let producer = try EmbeddedClient(broker: broker).makeTransactionalProducer(
            transactionalID: "job-0",
            transactionTimeout: .seconds(60)
        )
        try producer.send(["mine"], to: "t")
        let marked = Lock(false)
        hooked.onFileOperation { operation, path in
            guard operation == .write, path.hasSuffix("t-0/00000000000000000000.log") else {
                return nil
            }
            marked.withLock { $0 = true }
            return .failed(operation: "write", path: path, errorNumber: 5, message: "planned")
        }
        try? producer.commit()
        try #require(marked.withLock { $0 })
        let left = hooked.disk.afterKill()
        try replace(table, with: older, on: left)
        let with = try LogHarness(disk: left, time: harness.time)
        try with.broker.close()
        try replace(table, with: newer, on: left)
        left.releaseLocks()
        let again = try LogHarness(disk: left, time: harness.time)
        #expect(try again.values("t") == ["plain", "mine"])
    }

    private func content(of path: String, on disk: SimulatedDisk) throws -> [UInt8] {
        let file = try disk.open(path, .read)
        var bytes = [UInt8](repeating: 0, count: Int(try file.byteCount()))
        _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        return bytes
    }

    private func replace(
        _ path: String,
        with bytes: [UInt8],
        on disk: SimulatedDisk
    ) throws {
        try disk.remove(path)
        try bytes.withUnsafeBytes { try disk.open(path, .create).write($0, at: 0) }
    }
}

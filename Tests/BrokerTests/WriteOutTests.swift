import Broker
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing
import Threads

/// The disk begins with much that is appended before somebody waits for its flush.
@Suite struct WriteOutTests {
    private func countWriteOuts(batches: Int, of byteCount: Int) throws -> (begun: Int, synced: Int)
    {
        var configuration = BrokerConfiguration.simulated
        configuration.writeOutByteCount = configuration.journal.bulkByteCount
        let log = try HookedLog(configuration)
        try log.broker.createTopic("out", partitionCount: 1)
        let begun = Lock(0)
        let synced = Lock(0)
        @Sendable func isSegment(_ path: String) -> Bool {
            path.hasSuffix("/out-0/00000000000000000000.log")
        }
        log.disk.onWriteOut { path in if isSegment(path) { begun.withLock { $0 += 1 } } }
        log.disk.onFileOperation { operation, path in
            if operation == .sync, isSegment(path) { synced.withLock { $0 += 1 } }
            return nil
        }
        let producer = try log.client.makeTransactionalProducer(
            transactionalID: "job-0",
            transactionTimeout: .seconds(60)
        )
        let value = String(repeating: "v", count: byteCount)
        for _ in 0..<batches {
            var batch = RecordBatchBuilder()
            batch.append(value)
            try producer.append(&batch, to: TopicPartition("out", PartitionIndex(0)))
        }
        let counts = (begun.withLock { $0 }, synced.withLock { $0 })
        try producer.commit()
        #expect(try log.killed().values("out").count == batches)
        return counts
    }

    @Test func `an open transaction is begun with as it grows, and nothing is flushed`() throws {
        let counts = try countWriteOuts(batches: 17, of: 2 << 10)
        #expect(counts.begun == 4)
        #expect(counts.synced == 0)
    }

    @Test func `what the journal will carry is not begun with`() throws {
        let counts = try countWriteOuts(batches: 3, of: 2 << 10)
        #expect(counts.begun == 0)
        #expect(counts.synced == 0)
    }
}

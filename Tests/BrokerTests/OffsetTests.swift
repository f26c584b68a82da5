import Broker
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing
import Threads

/// Committed offsets and the disk.
@Suite struct OffsetTests {
    private let input = TopicPartition("in", PartitionIndex(0))

    private func offset(_ group: String, _ log: HookedLog) throws -> Int64? {
        try log.client.committedOffsets(group: group, partitions: [input])[input]?.rawValue
    }

    @Test func `an offset that is committed while others are flushed is not told before its own`()
        throws
    {
        let log = try HookedLog()
        let (broker, disk, input) = (log.broker, log.disk, input)
        try broker.createTopic("in", partitionCount: 1)
        let producer = try log.client.makeTransactionalProducer(
            transactionalID: "job-0",
            transactionTimeout: .seconds(60)
        )
        // Something for the reader to flush.
        try producer.addOffset(1, of: "in", group: "other")
        let committer = Lock<OwnedThread?>(nil)
        disk.onFileOperation { operation, path in
            guard operation == .sync, path.hasSuffix(".journal") else { return nil }
            disk.failFlushes(of: ".journal")
            let thread = OwnedThread {
                // Its flush comes behind the reader's, and fails.
                _ = try? broker.commitOffsets(
                    group: "g",
                    [input: .init(offset: Offset(7), commitTime: Timestamp(1))]
                )
            }
            committer.withLock { $0 = thread }
            while !broker.groups().contains("g") {}
            return nil
        }
        #expect(try offset("g", log) == nil)
        committer.withLock { $0 }?.join()
    }

    @Test func `offsets expire a week after their commit, unless their group was asked for`() throws
    {
        let log = try LogHarness()
        try log.broker.createTopic("in", partitionCount: 1)
        for group in ["asked", "silent"] {
            try log.broker.commitOffsets(
                group: group,
                [input: .init(offset: Offset(7), commitTime: log.time.wallTime())]
            )
        }
        let week: Int64 = 7 * 24 * 3_600_000
        log.time.advance(milliseconds: week + 1)
        let next = try log.reopened()
        next.broker.housekeeping(now: next.time.wallTime())
        #expect(next.broker.groups().sorted() == ["asked", "silent"], "both may come to ask")
        #expect(
            try next.client.committedOffsets(group: "asked", partitions: [input])[input]
                == Offset(7)
        )
        next.time.advance(milliseconds: week)
        next.broker.housekeeping(now: next.time.wallTime())
        #expect(next.broker.groups() == ["asked"])
    }

    @Test func `a job's positions stay as long as its state, however long it is away`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("in", partitionCount: 1)
        let producer = try log.producer("my-job-0")
        try producer.addOffset(7, of: "in", group: "my-job")
        try producer.commit()
        // Another one has a store that says whose it is.
        try log.broker.createTopic(
            "other-s-changelog",
            partitionCount: 1,
            options: ["millrace.owner": "other/s"]
        )
        try log.broker.commitOffsets(
            group: "other",
            [input: .init(offset: Offset(7), commitTime: log.time.wallTime())]
        )
        for _ in 0..<3 {
            log.time.advance(milliseconds: 4 * 24 * 3_600_000)
            let next = try log.killed()
            next.time.advance(milliseconds: 3_600_000)
            next.broker.housekeeping(now: next.time.wallTime())
            #expect(next.broker.groups().sorted() == ["my-job", "other"])
        }
    }

    @Test func `a group that asked before there were any offsets is alive all the same`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("in", partitionCount: 1)
        #expect(try log.offset("g", "in") == nil)
        let producer = try log.producer()
        try producer.addOffset(7, of: "in", group: "g")
        try producer.commit()
        log.time.advance(milliseconds: 8 * 24 * 3_600_000)
        log.broker.housekeeping(now: log.time.wallTime())
        #expect(try log.offset("g", "in") == 7)
    }

    @Test func `an offset that is not durable is flushed before it is told`() throws {
        let log = try HookedLog()
        try log.broker.createTopic("in", partitionCount: 1)
        log.disk.fill(".journal")
        #expect(throws: BrokerError.self) {
            try log.broker.commitOffsets(
                group: "g",
                [input: .init(offset: Offset(7), commitTime: Timestamp(1))]
            )
        }
        #expect(throws: LogClientError.self) { try offset("g", log) }
        log.disk.onFileOperation(nil)
        #expect(try offset("g", log) == 7)
        #expect(try log.killed().offset("g", "in") == 7)
    }

    @Test func `offsets that come behind the end of their transaction open no other`() throws {
        let log = try HookedLog()
        try log.broker.createTopic("in", partitionCount: 1)
        let producer = try log.client.makeTransactionalProducer(
            transactionalID: "job-0",
            transactionTimeout: .seconds(60)
        )
        try producer.addOffset(1, of: "in", group: "g")
        try producer.abort()
        let offsets = try #require(log.broker.topic("__consumer_offsets")).partitions[0].log
        let owner = try #require(log.broker.describeTransaction("job-0"))
        var batch = RecordBatchBuilder()
        batch.append("late")
        // The end has raised the epoch, as it does not for clients of Kafka's version 1.
        let outcome = try offsets.append(
            batch.seal(
                attributes: BatchAttributes(isTransactional: true),
                producerID: owner.producerID,
                producerEpoch: owner.epoch,
                baseSequence: SequenceNumber(0)
            ),
            origin: .coordinator
        )
        guard case .refused(.invalidTransactionState, _) = outcome else {
            Issue.record("it was taken: \(outcome)")
            return
        }
        #expect(!offsets.mayHaveOpenTransactions)
    }
}

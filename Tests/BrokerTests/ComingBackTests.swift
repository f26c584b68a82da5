import Broker
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// What a start could not read for a reason that passes is used again by the same process, as the
/// next start would have found it.
@Suite struct ComingBackTests {
    private static let segment = "00000000000000000000.log"
    private let out = TopicPartition("out", PartitionIndex(0))

    /// A start at which nothing can be written into this partition.
    private struct Start {
        let disk: HookedDisk
        let time: ManualTimeSource
        let broker: Broker
        let client: EmbeddedClient

        init(after log: LogHarness, failing partition: String) throws {
            disk = HookedDisk(log.disk.afterKill())
            time = log.time
            let suffix = "/\(partition)/\(ComingBackTests.segment)"
            disk.onFileOperation { operation, path in
                guard operation == .write, path.hasSuffix(suffix) else { return nil }
                return .failed(operation: "open", path: path, errorNumber: 24, message: "planned")
            }
            broker = try Broker.open(
                disk: disk,
                directory: LogHarness.directory,
                configuration: .simulated,
                time: time
            )
            client = EmbeddedClient(broker: broker)
        }

        /// Lets the disk work again, and some seconds go by.
        func recover() {
            disk.onFileOperation(nil)
            for _ in 0..<10 {
                time.advance(milliseconds: 1000)
                broker.housekeeping(now: time.wallTime())
            }
        }

        func producer() throws -> any TransactionalProducer {
            try client.makeTransactionalProducer(
                transactionalID: "job-0",
                transactionTimeout: .seconds(60)
            )
        }

        func values(_ partition: TopicPartition) throws -> [String] {
            try LogReader(client: client).values(of: partition, isolation: .readCommitted)
        }

        func isStable(_ partition: TopicPartition) throws -> Bool {
            let bounds = try broker.bounds(of: partition)
            return bounds.lastStableOffset == bounds.logEnd
        }
    }

    /// A committed transaction, and an open one whose records are durable.
    private func killed() throws -> LogHarness {
        let log = try LogHarness()
        try log.broker.createTopic("out", partitionCount: 1)
        try log.broker.createTopic("in", partitionCount: 1)
        let producer = try log.producer()
        try producer.send(["committed"], to: "out")
        try producer.addOffset(5, of: "in", group: "job")
        try producer.commit()
        try producer.send(["open"], to: "out")
        try log.broker.flush([out])
        return log
    }

    @Test func `what the dead left open in a partition that comes back is aborted`() throws {
        let start = try Start(after: killed(), failing: "out-0")
        #expect(throws: (any Error).self) { try start.values(out) }
        start.recover()
        #expect(try start.values(out) == ["committed"])
        #expect(try start.isStable(out))
        let producer = try start.producer()
        try producer.send(["new"], to: "out")
        try producer.commit()
        #expect(try start.values(out) == ["committed", "new"])
        #expect(start.broker.notes.contains { $0.contains("out-0 is in use again") })
        try start.broker.close()
    }

    @Test func `a transaction coordinator comes back with its partition`() throws {
        let start = try Start(after: killed(), failing: "__transaction_state-0")
        #expect(throws: (any Error).self) { try start.producer() }
        // Nobody can tell yet what becomes of it.
        #expect(try start.values(out) == ["committed"])
        #expect(try !start.isStable(out))
        start.recover()
        #expect(try start.isStable(out))
        let producer = try start.producer()
        try producer.send(["new"], to: "out")
        try producer.commit()
        #expect(try start.values(out) == ["committed", "new"])
        try start.broker.close()
    }

    @Test func `positions of groups come back with their partition`() throws {
        let start = try Start(after: killed(), failing: "__consumer_offsets-0")
        let name = TopicPartition("in", PartitionIndex(0))
        #expect(throws: (any Error).self) {
            _ = try start.client.committedOffsets(group: "job", partitions: [name])
        }
        start.recover()
        let found = try start.client.committedOffsets(group: "job", partitions: [name])
        #expect(found[name] == Offset(5))
        try start.broker.close()
    }
}

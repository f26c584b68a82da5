import Broker
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing
import Threads

/// A disk that is full when a transaction is decided, for longer than anybody waits.
@Suite struct UndecidedTests {
    private let log: HookedLog
    private let producer: any TransactionalProducer

    init() throws {
        log = try HookedLog()
        try log.broker.createTopic("in", partitionCount: 1)
        try log.broker.createTopic("out", partitionCount: 2)
        producer = try Self.producer(log, "job-0")
    }

    private static func producer(
        _ log: HookedLog,
        _ id: String
    ) throws -> any TransactionalProducer {
        try log.client.makeTransactionalProducer(
            transactionalID: id,
            transactionTimeout: .seconds(60)
        )
    }

    /// Begins a transaction, and commits it while the journal has no room.
    private func commitWithoutRoom() throws {
        try producer.send(["a"], to: "out")
        try producer.addOffset(1, of: "in", group: "g")
        log.disk.fill(".journal")
        expectLater { try producer.commit() }
    }

    /// The call asks to be made again, and says why.
    private func expectLater(_ body: () throws -> Void) {
        let error = #expect(throws: LogClientError.self) { try body() }
        guard case .full(let words)? = error else {
            Issue.record("another error: \(String(describing: error))")
            return
        }
        #expect(words.contains("once that is over"))
    }

    private func offset() throws -> Int64? {
        let input = TopicPartition("in", PartitionIndex(0))
        return try log.client.committedOffsets(group: "g", partitions: [input])[input]?.rawValue
    }

    @Test func `a commit that found no room is decided once there is some, without a restart`()
        throws
    {
        try commitWithoutRoom()
        expectLater { try producer.commit() }
        log.housekeep(afterMilliseconds: 60_000)
        expectLater { try producer.commit() }
        log.disk.onFileOperation(nil)
        log.housekeep(afterMilliseconds: 1000)
        try producer.commit()
        #expect(log.broker.undecidedReason(of: "job-0") == nil)
        #expect(try log.values("out") == ["a"])
        #expect(try offset() == 1)
        try producer.send(["b"], to: "out")
        try producer.commit()
        #expect(try log.values("out") == ["a", "b"])
        #expect(log.broker.statistics.commitCount == 2)
    }

    @Test func `a new owner waits for the decision and finds the transaction committed`() throws {
        try commitWithoutRoom()
        expectLater { _ = try Self.producer(log, "job-0") }
        log.disk.onFileOperation(nil)
        log.housekeep(afterMilliseconds: 1000)
        let next = try Self.producer(log, "job-0")
        #expect(try log.values("out") == ["a"])
        #expect(try offset() == 1)
        try next.send(["b"], to: "out")
        try next.commit()
        #expect(try log.values("out") == ["a", "b"])
        #expect(throws: LogClientError.self) { try producer.commit() }
    }

    @Test func `the decision counts as soon as the group of another makes it durable`() throws {
        let other = try Self.producer(log, "job-1")
        try commitWithoutRoom()
        log.disk.onFileOperation(nil)
        try other.send(["x"], to: "out", 1)
        try other.commit()
        #expect(try log.killed().values("out") == ["a"])
        log.housekeep(afterMilliseconds: 1000)
        #expect(try log.values("out") == ["a"])
        try producer.commit()
        #expect(log.broker.statistics.commitCount == 2)
    }

    @Test func `a crash before there is room aborts`() throws {
        try commitWithoutRoom()
        let next = try log.killed()
        #expect(try next.values("out") == [])
        _ = try next.producer()
        #expect(try next.offset("g", "in") == nil)
    }

    @Test func `an owner that found no room gets its producer later`() throws {
        log.disk.fill(".journal")
        expectLater { _ = try Self.producer(log, "job-1") }
        log.disk.onFileOperation(nil)
        log.housekeep(afterMilliseconds: 1000)
        let producer = try Self.producer(log, "job-1")
        try producer.send(["a"], to: "out")
        try producer.commit()
        #expect(try log.values("out") == ["a"])
    }

    @Test func `a caller is sent away after some seconds, and the log goes on by itself`()
        throws
    {
        var configuration = BrokerConfiguration(execution: .threads(flushThreadCount: 1))
        configuration.internalPartitionCount = 1
        configuration.journal = .small
        configuration.housekeepingInterval = .milliseconds(5)
        let log = try HookedLog(configuration)
        let broker = log.broker
        try broker.createTopic("out", partitionCount: 1)
        let producer = try Self.producer(log, "job-0")
        try producer.send(["a"], to: "out")
        let owner = try #require(broker.describeTransaction("job-0"))
        let refusedCount = ConditionLock(0)
        log.disk.onFileOperation { operation, path in
            guard operation == .write, path.hasSuffix(".journal") else { return nil }
            refusedCount.update { $0 += 1 }
            return .full(path: path)
        }
        let outcome = Lock<BrokerError?>(nil)
        let caller = OwnedThread {
            do throws(BrokerError) {
                _ = try broker.endTransaction(
                    transactionalID: "job-0",
                    producerID: owner.producerID,
                    epoch: owner.epoch,
                    result: .commit
                )
            } catch { outcome.withLock { $0 = error } }
        }
        refusedCount.waitAndTake { $0 > 0 ? () : nil }
        log.time.advance(milliseconds: 3_100)
        caller.join()
        guard case .undecided? = outcome.withLock({ $0 }) else {
            Issue.record("another outcome: \(String(describing: outcome.withLock { $0 }))")
            return
        }
        log.disk.onFileOperation(nil)
        try producer.commit()
        var signal: UInt64 = 0
        while try log.values("out") != ["a"] {
            signal = broker.waitForChange(since: signal, timeout: .seconds(5))
        }
        try broker.close()
        #expect(broker.statistics.commitCount == 1)
    }
}

import Broker
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing
import Threads

/// A topic is its id: what was said of one is not said of another of the same name.
@Suite struct TopicIdentityTests {
    private static let input = TopicPartition("in", PartitionIndex(0))

    /// A log whose group has read ten records of `in`, outside and within transactions.
    private func read(_ disk: SimulatedDisk = SimulatedDisk()) throws -> LogHarness {
        let log = try LogHarness(disk: disk)
        try log.broker.createTopic("in", partitionCount: 1)
        let producer = try log.producer()
        try producer.send(["1", "2", "3"], to: "in")
        try producer.addOffset(3, of: "in", group: "transactions")
        try producer.commit()
        try log.broker.commitOffsets(
            group: "plain",
            [Self.input: .init(offset: Offset(3), commitTime: log.time.wallTime())]
        )
        return log
    }

    /// Kafka knows partitions by their names; a client of version 1 goes on in the new topic.
    @Test func `a topic made anew stays in the transaction that has written to it`() throws {
        var log = try LogHarness()
        try log.broker.createTopic("in", partitionCount: 1)
        let (producer, epoch) = try log.remoteProducer()
        func produce(_ sequence: Int32) throws -> KafkaErrorCode {
            var builder = RecordBatchBuilder()
            builder.append("\(sequence)")
            let outcome = try log.broker.produce(
                batch: builder.seal(
                    attributes: BatchAttributes(isTransactional: true),
                    producerID: producer,
                    producerEpoch: epoch,
                    baseSequence: SequenceNumber(sequence)
                ),
                to: Self.input,
                transactionalID: "remote",
                flush: true
            )
            if case .refused(let code, _) = outcome { return code }
            return .none
        }
        func end(_ result: TransactionResult) throws -> TransactionReply {
            try log.broker.endTransaction(
                transactionalID: "remote",
                producerID: producer,
                epoch: epoch,
                result: result,
                bumpsEpoch: false
            )
        }
        #expect(try produce(0) == .transactionAbortable)
        let added = try log.broker.addPartitions(
            transactionalID: "remote",
            producerID: producer,
            epoch: epoch,
            partitions: [Self.input]
        )
        #expect(added == .done)
        #expect(try produce(0) == .none)
        try log.broker.deleteTopic("in")
        try log.broker.createTopic("in", partitionCount: 1)
        #expect(try produce(1) == .none)
        #expect(try log.values("in") == [])
        // What it has written there is in it behind a crash as well.
        log = try log.killed()
        let id = try #require(log.broker.topic("in")).id
        let partitions = try #require(log.broker.describeTransaction("remote")).partitions
        #expect(partitions.contains { $0.topicID == id })
        #expect(try produce(2) == .none)
        #expect(try end(.commit) == .done)
        log.broker.housekeeping(now: log.time.wallTime())
        #expect(try log.values("in") == ["1", "2"])
        #expect(log.broker.describeTransaction("remote")?.state == .completeCommit)
        // It opens none.
        try log.broker.deleteTopic("in")
        try log.broker.createTopic("in", partitionCount: 1)
        #expect(try produce(3) == .transactionAbortable)
        #expect(log.broker.describeTransaction("remote")?.state == .completeCommit)
    }

    @Test func `committed offsets go with their topic`() throws {
        var log = try read()
        #expect(try log.offset("plain", "in") == 3)
        try log.broker.deleteTopic("in")
        for _ in 0..<2 {
            #expect(log.broker.groups() == [])
            log = try log.killed()
        }
        try log.broker.createTopic("in", partitionCount: 1)
        for _ in 0..<2 {
            #expect(try log.offset("plain", "in") == nil)
            #expect(try log.offset("transactions", "in") == nil)
            log = try log.reopened()
        }
    }

    @Test func `committed offsets go with their topic though a folder of it stays`() throws {
        let log = try read()
        let first = "in-0/00000000000000000000.log"
        log.disk.inject(DiskFault(.operation(.remove), onPathEnding: first))
        #expect(throws: BrokerError.self) { try log.broker.deleteTopic("in") }
        #expect(log.broker.topic("in") == nil)
        #expect(log.broker.groups() == [])
        try log.broker.createTopic("in", partitionCount: 1)
        #expect(try log.offset("plain", "in") == nil)
    }

    @Test func `no topic is made and no position noted on a full disk`() throws {
        var configuration = BrokerConfiguration.simulated
        configuration.reservedByteCount = 1 << 20
        let log = try LogHarness(configuration: configuration)
        try log.broker.createTopic("in", partitionCount: 1)
        let free = try log.disk.freeByteCount(at: LogHarness.directory)
        log.disk.setCapacity((1 << 40) - free + (1 << 19))
        #expect(throws: BrokerError.self) {
            try log.broker.createTopic("other", partitionCount: 1)
        }
        #expect(throws: BrokerError.self) {
            try log.broker.commitOffsets(
                group: "g",
                [Self.input: .init(offset: Offset(3), commitTime: log.time.wallTime())]
            )
        }
        log.disk.setCapacity(1 << 40)
        try log.broker.createTopic("other", partitionCount: 1)
    }

    @Test func `offsets in an open transaction do not outlive their topic either`() throws {
        var log = try read()
        let producer = try log.producer()
        try producer.addOffset(2, of: "in", group: "transactions")
        try log.broker.deleteTopic("in")
        try log.broker.createTopic("in", partitionCount: 1)
        try producer.commit()
        for _ in 0..<2 {
            #expect(try log.offset("transactions", "in") == nil)
            log = try log.killed()
        }
    }

    @Test func `a power loss in a deletion leaves the topic with its offsets, or neither`() throws {
        let whole = try read()
        let begin = whole.disk.operationCount
        try whole.broker.deleteTopic("in")
        for operation in begin..<whole.disk.operationCount {
            let disk = SimulatedDisk()
            let log = try read(disk)
            disk.losePower(atOperation: operation)
            let isPromised = isDeleted(log)
            let plan = disk.crashPlan()
            let choice = operation % 2 == 0 ? plan.nothingKept : plan.everythingKept
            let left = disk.crashState(plan, keeping: choice)
            try checkDeletion(left, isPromised: isPromised, "operation \(operation)")
        }
    }

    /// Whether the deletion returned.
    private func isDeleted(_ log: LogHarness) -> Bool {
        do throws(BrokerError) {
            try log.broker.deleteTopic("in")
            return true
        } catch { return false }
    }

    private func checkDeletion(
        _ disk: SimulatedDisk,
        isPromised: Bool,
        _ words: String
    ) throws {
        var log = try LogHarness(disk: disk)
        let isThere = log.broker.topic("in") != nil
        #expect(!(isPromised && isThere), "\(words): it is back")
        if !isThere { try log.broker.createTopic("in", partitionCount: 1) }
        for _ in 0..<2 {
            #expect(try log.values("in") == (isThere ? ["1", "2", "3"] : []), "\(words)")
            for group in ["plain", "transactions"] {
                #expect(try log.offset(group, "in") == (isThere ? 3 : nil), "\(words)")
            }
            log = try log.killed()
        }
    }

    @Test func `a topic made anew begins at 0, wherever the old one began`() throws {
        var log = try read()
        try log.broker.deleteRecords(of: Self.input, before: Offset(3))
        try log.broker.deleteTopic("in")
        try log.broker.createTopic("in", partitionCount: 1)
        let producer = try log.producer()
        try producer.send(["new"], to: "in")
        try producer.commit()
        for _ in 0..<2 {
            #expect(try log.client.bounds(of: Self.input).logStart == .zero)
            #expect(try log.values("in") == ["new"])
            log = try log.killed()
        }
        #expect(try log.reopened().values("in") == ["new"])
    }

    @Test func `a folder of somebody else's is neither taken nor emptied`() throws {
        let log = try LogHarness()
        try log.disk.createDirectory("/data/orders-2024")
        log.disk.write("mine", to: "/data/orders-2024/00000000000000000000.log")
        let refusal = #expect(throws: BrokerError.self) {
            try log.broker.createTopic("orders", partitionCount: 1)
        }
        #expect("\(try #require(refusal))".contains("/data/orders-2024"))
        #expect(log.disk.text(of: "/data/orders-2024/00000000000000000000.log") == "mine")
        // Another topic, and the next start, leave it alone too.
        try log.broker.createTopic("other", partitionCount: 1)
        try log.broker.deleteTopic("other")
        let next = try log.reopened()
        #expect(next.disk.text(of: "/data/orders-2024/00000000000000000000.log") == "mine")
    }

    // MARK: Several at once

    @Test func `others are served while a topic is made, and its name is taken`() throws {
        let log = try read()
        let seen = Lock<[String]>([])
        let (broker, client) = (log.broker, log.client)
        log.disk.onOperation { _, _, _ in
            var words = "served"
            do {
                let values = try LogReader(client: client).values(
                    of: Self.input,
                    isolation: .readCommitted
                )
                if values != ["1", "2", "3"] { words = "\(values)" }
                if broker.topic("new") != nil { words = "there before it was durable" }
                try broker.createTopic("new", partitionCount: 1)
                words = "made twice"
            } catch BrokerError.refused(.topicAlreadyExists, _) {
            } catch { words = "\(error)" }
            seen.withLock { $0.append(words) }
        }
        try log.broker.createTopic("new", partitionCount: 2)
        log.disk.onOperation(nil)
        let all = seen.withLock { $0 }
        #expect(!all.isEmpty && all.allSatisfy { $0 == "served" }, "\(all)")
        #expect(log.broker.topic("new")?.partitions.count == 2)
    }

    @Test func `a topic is not made again before it is gone`() throws {
        let log = try read()
        let refusals = Lock<[Bool]>([])
        let broker = log.broker
        log.disk.onOperation { _, _, _ in
            do throws(BrokerError) {
                try broker.createTopic("in", partitionCount: 1)
                refusals.withLock { $0.append(false) }
            } catch { refusals.withLock { $0.append(true) } }
        }
        try log.broker.deleteTopic("in")
        log.disk.onOperation(nil)
        let all = refusals.withLock { $0 }
        #expect(!all.isEmpty && all.allSatisfy { $0 })
        try log.broker.createTopic("in", partitionCount: 1)
        #expect(try log.killed().values("in") == [])
    }

    // MARK: Options

    @Test func `options hold from the moment they are changed, and after a restart`() throws {
        let log = try LogHarness()
        try log.broker.createTopic(
            "t",
            partitionCount: 1,
            options: ["max.message.bytes": "200", "retention.ms": "60000"]
        )
        let producer = try log.producer()
        let large = String(repeating: "x", count: 1000)
        #expect(throws: LogClientError.self) { try producer.send([large], to: "t") }
        try producer.abort()
        try log.broker.alterTopic("t", options: ["max.message.bytes": "5000"])
        try producer.send([large], to: "t")
        try producer.commit()
        try log.broker.alterTopic("t", options: ["retention.ms": nil])
        let expected = ["max.message.bytes": "5000"]
        #expect(log.broker.topic("t")?.options == expected)
        let next = try log.killed()
        #expect(next.broker.topic("t")?.options == expected)
        #expect(try next.values("t") == [large])
    }

    @Test func `what relaxed durability has shown stays when it is no longer relaxed`() throws {
        let log = try LogHarness()
        let relaxed = ["millrace.durability": "relaxed"]
        try log.broker.createTopic("t", partitionCount: 1, options: relaxed)
        let producer = try log.producer()
        try producer.send(["a"], to: "t")
        try producer.commit()
        log.time.advance(milliseconds: 2000)
        log.broker.housekeeping(now: log.time.wallTime())
        #expect(try log.values("t") == ["a"])
        try log.broker.alterTopic("t", options: ["millrace.durability": nil])
        let next = try log.killed()
        #expect(try next.values("t") == ["a"])
        // The same for a partition that no one has used since the start.
        try next.broker.alterTopic("t", options: ["millrace.durability": "relaxed"])
        let again = try next.producer()
        try again.send(["b"], to: "t")
        try again.commit()
        next.time.advance(milliseconds: 2000)
        next.broker.housekeeping(now: next.time.wallTime())
        let third = try next.killed()
        try third.broker.alterTopic("t", options: ["millrace.durability": nil])
        #expect(try third.killed().values("t") == ["a", "b"])
    }

    @Test func `options that make no sense change nothing`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("t", partitionCount: 1)
        for (name, value) in [("no.such", "1"), ("no.such", nil), ("retention.ms", "x")] {
            #expect(throws: BrokerError.self) {
                try log.broker.alterTopic("t", options: ["segment.ms": "5", name: value])
            }
        }
        #expect(log.broker.topic("t")?.options == [:])
        #expect(try log.killed().broker.topic("t")?.options == [:])
        #expect(throws: BrokerError.self) { try log.broker.alterTopic("none", options: [:]) }
    }

    // MARK: Internal topics

    @Test(arguments: InternalTopic.allCases)
    func `nobody but the log writes to an internal topic, makes it or takes it away`(
        topic: InternalTopic
    ) throws {
        let log = try read()
        let name = TopicPartition(topic.rawValue, PartitionIndex(0))
        let before = try log.broker.bounds(of: name)
        var batch = RecordBatchBuilder()
        batch.append("x")
        let outcome = try log.broker.produce(batch: batch.seal(), to: name, flush: true)
        guard case .refused(.invalidTopic, let words) = outcome else {
            Issue.record("\(topic.rawValue) took a record: \(outcome)")
            return
        }
        #expect(words.contains("internal"))
        let plain = try EmbeddedProducer(broker: log.broker)
        batch.reset()
        batch.append("x")
        #expect(throws: LogClientError.self) { try plain.append(&batch, to: name) }
        let producer = try log.producer("job-9")
        let added = try log.broker.bounds(of: name).logEnd
        #expect(throws: LogClientError.self) { try producer.send(["x"], to: topic.rawValue) }
        #expect(try log.broker.bounds(of: name).logEnd == added)
        #expect(before.logEnd <= added)
        #expect(throws: BrokerError.self) { try log.broker.deleteTopic(topic.rawValue) }
        #expect(throws: BrokerError.self) {
            try log.broker.createTopic(topic.rawValue, partitionCount: 1)
        }
        #expect(throws: BrokerError.self) {
            try log.broker.alterTopic(topic.rawValue, options: ["cleanup.policy": "delete"])
        }
        #expect(try log.killed().offset("plain", "in") == 3)
    }
}

import Broker
import Bytes
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing
import Threads

/// What clients and tools may do to what a job here owns: nothing.
@Suite struct ForeignRequestTests {
    private let out = TopicPartition("out", PartitionIndex(0))

    /// A client's open transaction with a record in `out`.
    private func remoteProducer(
        _ log: LogHarness,
        _ id: String = "remote"
    ) throws -> (ProducerID, ProducerEpoch) {
        let (producer, epoch) = try log.remoteProducer(id)
        try produce(log, id, producer, epoch, sequence: 0)
        return (producer, epoch)
    }

    private func produce(
        _ log: LogHarness,
        _ id: String,
        _ producer: ProducerID,
        _ epoch: ProducerEpoch,
        sequence: Int32
    ) throws {
        let added = try log.broker.addPartitions(
            transactionalID: id,
            producerID: producer,
            epoch: epoch,
            partitions: [out]
        )
        #expect(added == .done)
        var builder = RecordBatchBuilder()
        builder.append("\(sequence)")
        let outcome = try log.broker.produce(
            batch: builder.seal(
                attributes: BatchAttributes(isTransactional: true),
                producerID: producer,
                producerEpoch: epoch,
                baseSequence: SequenceNumber(sequence)
            ),
            to: out,
            transactionalID: id,
            flush: true
        )
        guard case .appended = outcome else { throw UnexpectedAnswer(words: "\(outcome)") }
    }

    /// A client's record without a producer id.
    private func produce(_ value: String, _ log: LogHarness) throws -> AppendOutcome {
        var builder = RecordBatchBuilder()
        builder.append(value)
        return try log.broker.produce(
            batch: builder.seal(
                attributes: BatchAttributes(),
                producerID: .none,
                producerEpoch: .none,
                baseSequence: .none
            ),
            to: out,
            transactionalID: nil,
            flush: true
        )
    }

    private func refusal(_ body: () throws(BrokerError) -> Void) -> KafkaErrorCode? {
        do throws(BrokerError) {
            try body()
            return nil
        } catch {
            if case .refused(let code, _) = error { return code }
            return .unknownServerError
        }
    }

    @Test func `a tool does not end the transaction of a job that runs here`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("out", partitionCount: 1)
        let producer = try log.producer()
        try producer.send(["a"], to: "out")
        let owner = try #require(log.broker.describeTransaction("job-0"))
        let code = refusal { () throws(BrokerError) in
            try log.broker.endTransaction(
                of: owner.producerID,
                epoch: owner.epoch,
                in: out,
                result: .abort
            )
        }
        #expect(code == .invalidTransactionState)
        try producer.commit()
        #expect(try log.values("out") == ["a"])
    }

    /// One partition takes no marker yet: what is decided must not be undone there.
    @Test func `a tool does not abort what a coordinator has committed`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("out", partitionCount: 1)
        let (producer, epoch) = try remoteProducer(log)
        log.disk.inject(
            DiskFault(
                .operation(.write),
                onPathEnding: "/out-0/00000000000000000000.log"
            )
        )
        let ended = try log.broker.endTransaction(
            transactionalID: "remote",
            producerID: producer,
            epoch: epoch,
            result: .commit,
            bumpsEpoch: false
        )
        #expect(ended == .done)
        #expect(log.broker.describeTransaction("remote")?.state == .prepareCommit)
        let code = refusal { () throws(BrokerError) in
            try log.broker.endTransaction(of: producer, epoch: epoch, in: out, result: .abort)
        }
        #expect(code == .invalidTransactionState)
        log.disk.clearFaults()
        for _ in 0..<10 {
            log.time.advance(milliseconds: 1000)
            log.broker.housekeeping(now: log.time.wallTime())
        }
        #expect(try log.values("out", 0, .readCommitted) == ["0"])
    }

    @Test func `a tool's marker leaves the producer to its coordinator`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("out", partitionCount: 1)
        let (producer, epoch) = try remoteProducer(log)
        try log.broker.endTransaction(
            of: producer,
            epoch: ProducerEpoch(32_000),
            in: out,
            result: .abort
        )
        #expect(try log.values("out", 0, .readCommitted) == [])
        // Its next transaction goes on with its own epoch, and ends.
        let ended = try log.broker.endTransaction(
            transactionalID: "remote",
            producerID: producer,
            epoch: epoch,
            result: .abort,
            bumpsEpoch: false
        )
        #expect(ended == .done)
        try produce(log, "remote", producer, epoch, sequence: 1)
        let committed = try log.broker.endTransaction(
            transactionalID: "remote",
            producerID: producer,
            epoch: epoch,
            result: .commit,
            bumpsEpoch: false
        )
        #expect(committed == .done)
        #expect(try log.values("out", 0, .readCommitted) == ["1"])
    }

    @Test func `a job's topic has as many partitions as the job gave it`() throws {
        let log = try LogHarness()
        try log.broker.createTopic(
            "job-store-changelog",
            partitionCount: 1,
            options: [TopicOptionName.owner: "job/store"]
        )
        let code = refusal { () throws(BrokerError) in
            try log.broker.growTopic("job-store-changelog", to: 2)
        }
        #expect(code == .policyViolation)
        #expect(log.broker.topic("job-store-changelog")?.partitions.count == 1)
    }

    @Test func `a group is a job's by who owns its ids, not by how they are called`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("out", partitionCount: 1)
        _ = try remoteProducer(log, "client-0")
        _ = try log.producer("job-0")
        #expect(log.broker.isJobGroup("job"))
        #expect(log.broker.isJobTransaction("job-0"))
        #expect(!log.broker.isJobGroup("client"))
        #expect(!log.broker.isJobTransaction("client-0"))
        #expect(!log.broker.isJobTransaction("unknown-0"))
        #expect(log.broker.jobGroups == ["job"])
    }

    @Test func `where nobody looked into a log its leader epoch is not made up`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("out", partitionCount: 2)
        let producer = try log.producer()
        try producer.send(["a"], to: "out")
        try producer.commit()
        try log.broker.close()
        let next = try LogHarness(disk: log.disk, time: log.time)
        let partitions = try #require(next.broker.topic("out")).partitions
        #expect(partitions[0].knownLeaderEpoch == LeaderEpoch(-1))
        #expect(partitions[0].refusal(ofLeaderEpoch: 7) == .none)
        // Nothing was ever written to it.
        #expect(partitions[1].knownLeaderEpoch == LeaderEpoch(0))
        #expect(partitions[1].refusal(ofLeaderEpoch: 7) == .unknownLeaderEpoch)
    }

    @Test func `a topic that has another's name by now is not deleted for it`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("t", partitionCount: 1)
        let id = try #require(log.broker.topic("t")).id
        try log.broker.deleteTopic("t")
        try log.broker.createTopic("t", partitionCount: 1)
        let code = refusal { () throws(BrokerError) in try log.broker.deleteTopic("t", id: id) }
        #expect(code == .unknownTopicOrPartition)
        let now = try #require(log.broker.topic("t"))
        try log.broker.deleteTopic("t", id: now.id)
        #expect(log.broker.topic("t") == nil)
    }

    @Test func `a group that has only what a transaction holds goes with its deletion`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("in", partitionCount: 1)
        let (producer, epoch) = try log.remoteProducer()
        let added = try log.broker.addOffsets(
            transactionalID: "remote",
            producerID: producer,
            epoch: epoch,
            group: "g",
            offsets: [
                TopicPartition("in", PartitionIndex(0)): CommittedOffset(
                    offset: Offset(17),
                    commitTime: log.time.wallTime()
                )
            ]
        )
        #expect(added == .done)
        #expect(try log.broker.describeGroup("g")?.state == "Empty")
        #expect(log.broker.listGroups().map(\.id) == ["g"])
        #expect(log.broker.deleteGroups(["g"]) == [.none])
        let ended = try log.broker.endTransaction(
            transactionalID: "remote",
            producerID: producer,
            epoch: epoch,
            result: .commit,
            bumpsEpoch: false
        )
        #expect(ended == .done)
        #expect(try log.offset("g", "in") == nil)
        #expect(log.broker.listGroups().isEmpty)
    }

    @Test func `what was to be deleted of a relaxed topic is gone, behind a kill too`() throws {
        let log = try LogHarness()
        try log.broker.createTopic(
            "out",
            partitionCount: 1,
            options: ["millrace.durability": "relaxed"]
        )
        for number in 0..<10 { _ = try produce("\(number)", log) }
        #expect(try log.broker.bounds(of: out).highWatermark == Offset(10))
        try log.broker.deleteRecords(of: out, before: Offset(8))
        #expect(try log.broker.bounds(of: out).logStart == Offset(8))
        let again = try log.killed()
        #expect(try again.broker.bounds(of: out).logStart == Offset(8))
        #expect(try again.values("out", 0, .readUncommitted) == ["8", "9"])
    }

    @Test func `an input of a job that runs does not grow under it`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("in", partitionCount: 1)
        try log.broker.createTopic("other", partitionCount: 1)
        _ = try log.broker.committedOffsets(
            group: "job",
            partitions: [TopicPartition("in", PartitionIndex(0))],
            requireStable: true
        )
        let code = refusal { () throws(BrokerError) in try log.broker.growTopic("in", to: 2) }
        #expect(code == .policyViolation)
        try log.broker.growTopic("other", to: 2)
        try log.reopened().broker.growTopic("in", to: 2)
    }

    @Test func `a topic that an import left half filled takes nothing from clients`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("out", partitionCount: 1)
        let id = try #require(log.broker.topic("out")).id
        log.broker.unfinishedTopics.withLock { $0 = [id] }
        guard case .refused(let code, let words) = try produce("a", log) else {
            throw UnexpectedAnswer(words: "it was taken")
        }
        #expect(code == .topicAuthorizationFailed)
        #expect(words.contains("not whole"))
        log.broker.unfinishedTopics.withLock { $0 = [] }
        guard case .appended = try produce("a", log) else {
            throw UnexpectedAnswer(words: "it was refused")
        }
    }
}

import Broker
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing

@Suite struct TransactionTests {
    private func log() throws -> LogHarness {
        let log = try LogHarness()
        try log.broker.createTopic("in", partitionCount: 1)
        try log.broker.createTopic("out", partitionCount: 2)
        return log
    }

    private func kind(of error: LogClientError?) -> String {
        switch error {
        case .fenced: "fenced"
        case .producerInvalid: "producerInvalid"
        case .full: "full"
        default: String(describing: error)
        }
    }

    @Test func `a commit shows all of its records and offsets, an abort none`() throws {
        var log = try log()
        let producer = try log.producer()
        try producer.send(["a", "b"], to: "out")
        try producer.send(["c"], to: "out", 1)
        try producer.addOffset(7, of: "in", group: "g")
        #expect(try log.values("out") == [])
        try producer.commit()
        #expect(try log.values("out") == ["a", "b"])
        #expect(try log.values("out", 1) == ["c"])
        #expect(try log.offset("g", "in") == 7)

        try producer.send(["x"], to: "out")
        try producer.addOffset(9, of: "in", group: "g")
        try producer.abort()
        try producer.send(["d"], to: "out")
        try producer.commit()
        for _ in 0..<2 {
            #expect(try log.values("out") == ["a", "b", "d"])
            #expect(try log.values("out", 0, .readUncommitted) == ["a", "b", "x", "d"])
            #expect(try log.offset("g", "in") == 7)
            log = try log.killed()
        }
    }

    @Test func `an end of nothing does nothing`() throws {
        let log = try log()
        let producer = try log.producer()
        let before = log.disk.operationCount
        try producer.commit()
        try producer.abort()
        #expect(log.disk.operationCount == before)
    }

    @Test func `the position behind the last record is told`() throws {
        let log = try log()
        let producer = try log.producer()
        let out = TopicPartition("out", PartitionIndex(0))
        #expect(producer.nextOffset(of: out) == nil)
        try producer.send(["a", "b"], to: "out")
        #expect(producer.nextOffset(of: out) == Offset(2))
        try producer.commit()
        #expect(producer.nextOffset(of: out) == Offset(2))
        try producer.send(["c"], to: "out")
        #expect(producer.nextOffset(of: out) == Offset(4))
    }

    @Test func `a new owner fences the old one and aborts what it left`() throws {
        let log = try log()
        let old = try log.producer()
        try old.send(["old"], to: "out")
        try old.addOffset(3, of: "in", group: "g")
        let new = try log.producer()
        try new.send(["new"], to: "out")
        #expect(throws: LogClientError.self) { try old.send(["late"], to: "out") }
        #expect(kind(of: #expect(throws: LogClientError.self) { try old.commit() }) == "fenced")
        try new.commit()
        #expect(try log.values("out") == ["new"])
        #expect(try log.offset("g", "in") == nil)
    }

    @Test func `an owner that was fenced does not come back by aborting`() throws {
        let log = try log()
        let old = try log.producer()
        try old.send(["old"], to: "out")
        // The first request of a new owner, which asks again later.
        let reply = try log.broker.initProducerID(transactionalID: "job-0", timeout: .seconds(60))
        #expect(reply == .error(.concurrentTransactions))
        #expect(kind(of: #expect(throws: LogClientError.self) { try old.abort() }) == "fenced")
        #expect(throws: LogClientError.self) { try old.send(["late"], to: "out") }
        let new = try log.producer()
        try new.send(["new"], to: "out")
        try new.commit()
        #expect(try log.values("out") == ["new"])
    }

    @Test func `a transaction that takes too long is aborted and nobody is fenced by another`()
        throws
    {
        let log = try log()
        let producer = try log.producer(timeout: .seconds(1))
        try producer.send(["late"], to: "out")
        log.time.advance(milliseconds: 1001)
        log.broker.housekeeping(now: log.time.wallTime())
        #expect(
            kind(of: #expect(throws: LogClientError.self) { try producer.commit() })
                == "producerInvalid"
        )
        let again = try log.producer()
        try again.send(["again"], to: "out")
        try again.commit()
        #expect(try log.values("out") == ["again"])
    }

    @Test func `batches of another epoch or outside a transaction are refused`() throws {
        let log = try log()
        let reply = try log.broker.takeOver(transactionalID: "t", timeout: .seconds(60))
        guard case .producer(let id, let epoch) = reply else {
            Issue.record("no producer: \(reply)")
            return
        }
        let out = TopicPartition("out", PartitionIndex(0))
        func produce(_ epoch: ProducerEpoch, _ transactionalID: String? = "t") throws -> Int16 {
            var builder = RecordBatchBuilder()
            builder.append("v")
            let bytes = builder.seal(
                attributes: BatchAttributes(isTransactional: true),
                producerID: id,
                producerEpoch: epoch,
                baseSequence: SequenceNumber(0)
            )
            let outcome = try log.broker.produce(
                batch: bytes,
                to: out,
                transactionalID: transactionalID,
                flush: true
            )
            guard case .refused(let code, _) = outcome else { return 0 }
            return code.rawValue
        }
        #expect(try produce(epoch) == KafkaErrorCode.transactionAbortable.rawValue)
        #expect(
            try log.broker.addPartitions(
                transactionalID: "t",
                producerID: id,
                epoch: epoch,
                partitions: [out]
            ) == .done
        )
        let hijacked = ProducerEpoch(epoch.rawValue + 5)
        #expect(try produce(hijacked) == KafkaErrorCode.invalidProducerEpoch.rawValue)
        #expect(try produce(epoch, "other") == KafkaErrorCode.invalidProducerIDMapping.rawValue)
        #expect(try produce(epoch, nil) == KafkaErrorCode.invalidProducerIDMapping.rawValue)
        #expect(try produce(epoch) == 0)
    }

    @Test func `offsets with a transaction count in the order of the log`() throws {
        let log = try log()
        let input = TopicPartition("in", PartitionIndex(0))
        let producer = try log.producer()
        try producer.addOffset(50, of: "in", group: "g")
        #expect(throws: LogClientError.self) { _ = try log.offset("g", "in") }
        try log.broker.commitOffsets(
            group: "g",
            [input: .init(offset: Offset(20), commitTime: Timestamp(1))]
        )
        try producer.commit()
        #expect(try log.offset("g", "in") == 20)
        #expect(try log.killed().offset("g", "in") == 20)
        #expect(log.broker.groups() == ["g"])
    }

    @Test func `metadata that is too long and unknown partitions are refused`() throws {
        let log = try log()
        let input = TopicPartition("in", PartitionIndex(0))
        #expect(throws: BrokerError.self) {
            try log.broker.commitOffsets(
                group: "g",
                [
                    input: .init(
                        offset: .zero,
                        metadata: String(repeating: "x", count: 4097),
                        commitTime: Timestamp(1)
                    )
                ]
            )
        }
        #expect(throws: BrokerError.self) {
            try log.broker.commitOffsets(
                group: "g",
                [
                    TopicPartition("none", PartitionIndex(0)): .init(
                        offset: .zero,
                        commitTime: Timestamp(1)
                    )
                ]
            )
        }
        #expect(log.broker.groups() == [])
    }

    @Test func `records are refused while commits, aborts and reads still find the reserve`() throws
    {
        let log = try log()
        let producer = try log.producer()
        try producer.send(["fits"], to: "out")
        log.disk.setCapacity(1 << 20)
        let big = String(repeating: "x", count: 8 << 20)
        let refusal = #expect(throws: LogClientError.self) { try producer.send([big], to: "out") }
        #expect(kind(of: refusal) == "full")
        try producer.commit()
        #expect(try log.values("out") == ["fits"])
        #expect(throws: LogClientError.self) { try producer.send(["x"], to: "out") }
        try producer.abort()
        log.disk.setCapacity(1 << 40)
        try producer.send(["more"], to: "out")
        try producer.commit()
        #expect(try log.values("out") == ["fits", "more"])
    }

    @Test func `offsets may be added more than once, the last ones count`() throws {
        let log = try log()
        let producer = try log.producer()
        for offset in Int64(1)...3 { try producer.addOffset(offset, of: "in", group: "g") }
        try producer.commit()
        #expect(try log.offset("g", "in") == 3)
        #expect(try log.killed().offset("g", "in") == 3)
    }

    @Test func `a failed flush of the decision is told and decided by the next open`() throws {
        let log = try log()
        let producer = try log.producer()
        try producer.send(["a"], to: "out")
        log.disk.inject(DiskFault(.operation(.sync), onPathEnding: ".journal"))
        #expect(throws: LogClientError.self) { try producer.commit() }
        log.disk.clearFaults()
        #expect(throws: LogClientError.self) { try producer.commit() }
        #expect(throws: LogClientError.self) { _ = try log.producer() }
        let next = try log.killed()
        _ = try next.producer()
        let found = try next.values("out")
        #expect(found == [] || found == ["a"])
        #expect(try next.killed().values("out") == found)
    }

    @Test func `a damaged partition is read-only while the others go on`() throws {
        var log = try log()
        let producer = try log.producer()
        for value in ["a", "b"] {
            try producer.send([value], to: "out")
            try producer.send([value], to: "out", 1)
            try producer.commit()
        }
        try log.broker.close()
        log = try log.killed { disk in
            try RestartTests.cut("/data/out-0/00000000000000000000.log", on: disk)
        }
        let out = TopicPartition("out", PartitionIndex(0))
        guard case .damaged? = log.health("out") else {
            Issue.record(
                "the damage of \(out) was not found: \(String(describing: log.health("out")))"
            )
            return
        }
        let next = try log.producer()
        #expect(throws: LogClientError.self) { try next.send(["c"], to: "out") }
        try next.abort()
        try next.send(["c"], to: "out", 1)
        try next.commit()
        #expect(try log.values("out", 1) == ["a", "b", "c"])
    }

    @Test func `records outside transactions are visible after the flush, each once`() throws {
        let log = try log()
        let reply = try log.broker.initProducerID(transactionalID: nil, timeout: .zero)
        guard case .producer(let id, let epoch) = reply else {
            Issue.record("no producer: \(reply)")
            return
        }
        let out = TopicPartition("out", PartitionIndex(0))
        func produce(_ value: String, _ sequence: Int32, flush: Bool) throws -> AppendOutcome {
            var builder = RecordBatchBuilder()
            builder.append(value)
            let bytes = builder.seal(
                producerID: id,
                producerEpoch: epoch,
                baseSequence: SequenceNumber(sequence)
            )
            return try log.broker.produce(batch: bytes, to: out, flush: flush)
        }
        #expect(try produce("a", 0, flush: false) == .appended(base: .zero, last: .zero))
        #expect(try log.values("out") == [])
        #expect(try produce("a", 0, flush: false) == .duplicate(base: .zero, last: .zero))
        #expect(try produce("b", 1, flush: true) == .appended(base: Offset(1), last: Offset(1)))
        #expect(try log.values("out") == ["a", "b"])
        #expect(try log.killed().values("out") == ["a", "b"])
    }

    @Test func `relaxed durability shows records before their flush, which comes with time`() throws
    {
        let log = try LogHarness()
        try log.broker.createTopic(
            "fast",
            partitionCount: 1,
            options: ["millrace.durability": "relaxed", "millrace.durability.delay.ms": "500"]
        )
        let fast = try #require(log.broker.topic("fast")).partitions[0].log
        let producer = try log.producer()
        try producer.send(["warm"], to: "fast")
        try producer.commit()
        let durable = fast.durableEnd
        try producer.send(["a"], to: "fast")
        try producer.commit()
        #expect(try log.values("fast") == ["warm", "a"])
        #expect(fast.durableEnd == durable)
        log.time.advance(milliseconds: 501)
        log.broker.housekeeping(now: log.time.wallTime())
        #expect(fast.durableEnd == (try fast.bounds.logEnd))
    }

    @Test func `a full disk refuses records, lets the transaction end, and recovers by itself`()
        throws
    {
        let log = try log()
        let producer = try log.producer()
        try producer.send(["fits"], to: "out")
        try producer.addOffset(1, of: "in", group: "g")
        log.disk.setCapacity(0)
        let big = String(repeating: "x", count: 8 << 20)
        let refusal = #expect(throws: LogClientError.self) { try producer.send([big], to: "out") }
        #expect(kind(of: refusal) == "full")
        #expect(try log.values("out", 0, .readUncommitted) == [])
        let outcome = #expect(throws: LogClientError.self) { try producer.commit() }
        #expect(kind(of: outcome) == "full")
        log.disk.setCapacity(1 << 40)
        try producer.commit()
        #expect(try log.values("out") == ["fits"])
        try producer.send(["more"], to: "out")
        try producer.commit()
        #expect(try log.values("out") == ["fits", "more"])
    }
}

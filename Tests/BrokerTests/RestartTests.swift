import Broker
import Bytes
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// What the next process finds of the transactions that the last one left.
@Suite struct RestartTests {
    /// What befalls a partition's files while nobody owns the directory.
    enum Mishap: CaseIterable {
        case cut
        case taken

        func strike(_ partition: String, on disk: SimulatedDisk) throws {
            switch self {
            case .cut:
                try RestartTests.cut("/data/\(partition)/00000000000000000000.log", on: disk)
            case .taken:
                let path = "/data/\(partition)/partition.metadata"
                try disk.remove(path)
                let file = try disk.open(path, .create)
                let text = Array("version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ\n".utf8)
                try write(text, to: file)
                try disk.syncDirectory("/data/\(partition)")
            }
        }

        private func write(_ bytes: [UInt8], to file: any DiskFile) throws {
            let outcome = bytes.withUnsafeBytes { bytes in
                Result { () throws(DiskError) in try file.write(bytes, at: 0) }
            }
            try outcome.get()
            try file.sync()
            file.close()
        }
    }

    /// Takes acknowledged bytes away from a file.
    static func cut(_ path: String, on disk: SimulatedDisk) throws {
        let file = try disk.open(path, .readWrite)
        try file.truncate(to: 40)
        try file.sync()
        file.close()
    }

    // MARK: Commits

    /// A directory with one committed transaction, written back.
    private func prepared() throws -> SimulatedDisk {
        let log = try LogHarness()
        try log.broker.createTopic("in", partitionCount: 1)
        try log.broker.createTopic("out", partitionCount: 3)
        try commit("a", offset: 1, log)
        try log.broker.close()
        return log.disk.copy()
    }

    private func commit(_ value: String, offset: Int64, _ log: LogHarness) throws {
        let producer = try log.producer()
        for partition in Int32(0)..<3 { try producer.send([value], to: "out", partition) }
        try producer.addOffset(offset, of: "in", group: "g")
        try producer.commit()
    }

    /// Whether the commit on this disk returned.
    private func returns(on disk: SimulatedDisk) throws -> Bool {
        do {
            try commit("b", offset: 2, try LogHarness(disk: disk))
            return true
        } catch is BrokerError {
            return false
        } catch is LogClientError {
            return false
        }
    }

    @Test(arguments: Mishap.allCases)
    func `a commit that returned holds for every partition that can be read`(
        mishap: Mishap
    ) throws {
        let ready = try prepared()
        let whole = ready.copy()
        #expect(try returns(on: whole))
        var returnedCount = 0
        for operation in 0..<whole.operationCount {
            let disk = ready.copy()
            disk.losePower(atOperation: operation)
            let isPromised = try returns(on: disk)
            if isPromised { returnedCount += 1 }
            let plan = disk.crashPlan()
            for choice in [plan.nothingKept, plan.everythingKept] {
                let left = disk.crashState(plan, keeping: choice)
                try mishap.strike("out-0", on: left)
                try check(left, isPromised: isPromised, "operation \(operation)")
            }
        }
        #expect(returnedCount > 0, "no power loss between a commit and its last marker")
    }

    private func check(_ disk: SimulatedDisk, isPromised: Bool, _ words: String) throws {
        var log = try LogHarness(disk: disk)
        for _ in 0..<2 {
            #expect(log.health("out") != .good, "\(words)")
            let found = try log.values("out", 1)
            let allowed = isPromised ? [["a", "b"]] : [["a"], ["a", "b"]]
            #expect(allowed.contains(found), "\(words)")
            #expect(try log.values("out", 2) == found, "\(words)")
            #expect(try log.offset("g", "in") == Int64(found.count), "\(words)")
            for partition in Int32(1)...2 {
                let name = TopicPartition("out", PartitionIndex(partition))
                let bounds = try log.client.bounds(of: name)
                #expect(bounds.lastStableOffset == bounds.highWatermark, "\(words)")
            }
            log = try log.killed()
        }
    }

    // MARK: Dead owners

    /// Makes everything durable that was appended, so that a kill leaves it as it is.
    private func flushAll(_ log: LogHarness) throws {
        try log.broker.flush(log.broker.topics().flatMap(\.partitions).map(\.name))
    }

    @Test func `offsets of a transaction whose owner died are told at once`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("in", partitionCount: 1)
        let producer = try log.producer()
        try producer.addOffset(3, of: "in", group: "g")
        try producer.commit()
        try producer.addOffset(9, of: "in", group: "g")
        try flushAll(log)
        #expect(try #require(log.broker.describeTransaction("job-0")).state == .ongoing)

        let next = try log.killed()
        // Before anybody takes the transactional id over, and with no time gone by.
        #expect(try next.offset("g", "in") == 3)
        #expect(try #require(next.broker.describeTransaction("job-0")).state == .completeAbort)
    }

    @Test func `a transaction that is over is not ended once more by the next start`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("out", partitionCount: 1)
        let producer = try log.producer()
        try producer.send(["a"], to: "out")
        try producer.commit()
        func end(_ log: LogHarness) throws -> Offset? {
            try log.broker.bounds(of: TopicPartition("out", PartitionIndex(0))).logEnd
        }
        let before = try #require(try end(log))
        let next = try log.killed()
        #expect(try end(next) == before)
        let state = try #require(next.broker.describeTransaction("job-0")).state
        #expect(state == .completeCommit)
        let isCut = next.broker.check { $0.topic == "__transaction_state" }.contains {
            if case .cut = $0.health { true } else { false }
        }
        #expect(!isCut)
    }

    @Test func `a transaction of an owner that does not come back holds nobody up`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("changes", partitionCount: 1)
        let gone = try log.producer("job-1")
        try gone.send(["lost"], to: "changes")
        try flushAll(log)
        let name = TopicPartition("changes", PartitionIndex(0))
        #expect(try log.client.bounds(of: name).lastStableOffset == .zero)

        for next in [try log.killed(), try log.killed().reopened()] {
            let bounds = try next.client.bounds(of: name)
            #expect(bounds.lastStableOffset == bounds.highWatermark)
            #expect(bounds.highWatermark > .zero)
            #expect(try next.values("changes") == [])
            let again = try next.producer("job-1")
            try again.send(["kept"], to: "changes")
            try again.commit()
            #expect(try next.values("changes") == ["kept"])
        }
    }

    @Test func `a transaction that is open at a clean end is ended by the next start`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("out", partitionCount: 1)
        try log.producer("job-1").send(["open"], to: "out")
        let next = try log.reopened()
        let bounds = try next.client.bounds(of: TopicPartition("out", PartitionIndex(0)))
        #expect(bounds.lastStableOffset == bounds.highWatermark)
        #expect(try next.values("out") == [])
    }

    @Test func `a start goes on where a partition does not take the end of its transaction`() throws
    {
        let log = try LogHarness()
        try log.broker.createTopic("out", partitionCount: 2)
        let producer = try log.producer("job-1")
        for partition in Int32(0)..<2 { try producer.send(["lost"], to: "out", partition) }
        // The coordinator's own record of the transaction is lost with the power, and by that
        // nobody but the partitions knows of it.
        let out = (Int32(0)..<2).map { TopicPartition("out", PartitionIndex($0)) }
        try log.broker.flush(out)
        let next = try log.killed { disk in
            disk.inject(
                DiskFault(
                    .operation(.write),
                    onPathEnding: "/out-0/00000000000000000000.log",
                    skipping: 1,
                    times: .max
                )
            )
        }
        let bounds = try next.client.bounds(of: out[1])
        #expect(bounds.lastStableOffset == bounds.highWatermark)
        #expect(try next.client.bounds(of: out[0]).lastStableOffset == .zero)
        let again = try next.producer("job-2")
        try again.send(["kept"], to: "out", 1)
        try again.commit()
        #expect(try next.values("out", 1) == ["kept"])
        let last = try next.killed()
        let healed = try last.client.bounds(of: out[0])
        #expect(healed.lastStableOffset == healed.highWatermark)
        #expect(try last.values("out", 0) == [])
    }

    // MARK: Damage

    /// The place of these bytes in a file.
    private func place(of text: String, in path: String, _ disk: SimulatedDisk) throws -> Int? {
        let file = try disk.open(path, .read)
        let bytes = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Int(try file.byteCount()),
            alignment: 8
        )
        defer { bytes.deallocate() }
        let count = try file.read(into: bytes, at: 0)
        let wanted = Array(text.utf8)
        return (0..<count).first { bytes[$0..<count].starts(with: wanted) }
    }

    @Test func `damage in the journal is still known at the second start`() throws {
        var log = try LogHarness()
        try log.broker.createTopic("t", partitionCount: 2)
        let producer = try EmbeddedProducer(broker: log.broker)
        for (value, partition) in [("first", Int32(0)), ("second", 0), ("third", 1)] {
            var batch = RecordBatchBuilder()
            batch.append(value)
            try producer.append(&batch, to: TopicPartition("t", PartitionIndex(partition)))
            try producer.flush()
        }
        let journal = "/data/.millrace/journal/1.journal"
        let at = try #require(try place(of: "second", in: journal, log.disk))
        log = try log.killed { $0.rot(journal, at: at, bit: 1) }
        for _ in 0..<3 {
            guard case .damaged? = log.health("t", 0) else {
                Issue.record("damage was forgotten: \(String(describing: log.health("t", 0)))")
                return
            }
            // Nothing is cut: the segment holds what the journal has lost.
            #expect(try log.values("t", 0) == ["first", "second"])
            #expect(log.health("t", 1) == .good)
            #expect(try log.values("t", 1) == ["third"])
            log = try log.killed()
        }
        try log.broker.deleteTopic("t")
        try log.broker.createTopic("t", partitionCount: 2)
        #expect(try log.killed().health("t", 0) == .good)
    }

    // MARK: Shards

    /// A name for each of the four shards.
    private func names(_ prefix: String) -> [Int32: String] {
        var names: [Int32: String] = [:]
        for number in 0..<64 {
            let name = "\(prefix)-\(number)"
            names[coordinatorPartition(of: name, count: 4)] = name
        }
        return names
    }

    private func sharded() throws -> LogHarness {
        var configuration = BrokerConfiguration.simulated
        configuration.internalPartitionCount = 4
        let log = try LogHarness(configuration: configuration)
        try log.broker.createTopic("in", partitionCount: 1)
        try log.broker.createTopic("out", partitionCount: 1)
        return log
    }

    @Test func `a damaged partition of transactions takes its own ids out of use, and no others`()
        throws
    {
        let log = try sharded()
        let ids = names("job")
        #expect(ids.count == 4)
        for id in ids.values.sorted() {
            let producer = try log.producer(id)
            try producer.send([id], to: "out")
            try producer.commit()
        }
        try log.broker.close()
        let next = try log.killed { disk in
            try Self.cut("/data/__transaction_state-2/00000000000000000000.log", on: disk)
        }
        #expect(next.broker.notes.contains { $0.contains("__transaction_state-2") })
        for (shard, id) in ids {
            guard shard != 2 else {
                #expect(throws: LogClientError.self) { _ = try next.producer(id) }
                continue
            }
            let producer = try next.producer(id)
            try producer.send(["again"], to: "out")
            try producer.commit()
        }
        #expect(try next.values("out") == ids.values.sorted() + ["again", "again", "again"])
    }

    @Test func `a damaged partition of offsets takes its own groups out of use, and no others`()
        throws
    {
        let log = try sharded()
        let groups = names("group")
        #expect(groups.count == 4)
        let input = TopicPartition("in", PartitionIndex(0))
        for (shard, group) in groups {
            let offset = Offset(Int64(shard) + 1)
            try log.broker.commitOffsets(
                group: group,
                [input: .init(offset: offset, commitTime: log.time.wallTime())]
            )
        }
        try log.broker.close()
        let next = try log.killed { disk in
            try Self.cut("/data/__consumer_offsets-1/00000000000000000000.log", on: disk)
        }
        #expect(next.broker.notes.contains { $0.contains("__consumer_offsets-1") })
        for (shard, group) in groups {
            if shard == 1 {
                #expect(throws: LogClientError.self) { _ = try next.offset(group, "in") }
            } else {
                #expect(try next.offset(group, "in") == Int64(shard) + 1)
            }
        }
    }

    // MARK: Owners elsewhere

    @Test(arguments: [false, true])
    func `a remote owner's transaction goes on after a restart, in empty partitions too`(
        writesBefore: Bool
    ) throws {
        let log = try LogHarness()
        try log.broker.createTopic("out", partitionCount: 1)
        let name = TopicPartition("out", PartitionIndex(0))
        let (id, epoch) = try log.remoteProducer()
        let added = try log.broker.addPartitions(
            transactionalID: "remote",
            producerID: id,
            epoch: epoch,
            partitions: [name]
        )
        #expect(added == .done)
        func produce(_ broker: Broker, _ value: String, _ sequence: Int32) throws {
            var builder = RecordBatchBuilder()
            builder.append(value)
            let outcome = try broker.produce(
                batch: builder.seal(
                    attributes: BatchAttributes(isTransactional: true),
                    producerID: id,
                    producerEpoch: epoch,
                    baseSequence: SequenceNumber(sequence)
                ),
                to: name,
                transactionalID: "remote",
                flush: true
            )
            guard case .appended = outcome else {
                Issue.record("\(outcome)")
                return
            }
        }
        if writesBefore { try produce(log.broker, "first", 0) }
        let again = try log.killed()
        try produce(again.broker, "second", writesBefore ? 1 : 0)
        let ended = try again.broker.endTransaction(
            transactionalID: "remote",
            producerID: id,
            epoch: epoch,
            result: .commit,
            bumpsEpoch: false
        )
        #expect(ended == .done)
        #expect(try again.values("out") == (writesBefore ? ["first", "second"] : ["second"]))
    }

    @Test func `positions that a remote owner was told are there outlive the process`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("in", partitionCount: 1)
        try log.broker.createTopic("out", partitionCount: 1)
        let (id, epoch) = try log.remoteProducer()
        let partitions = [
            TopicPartition("out", PartitionIndex(0)), try log.broker.offsetsPartition(of: "g"),
        ]
        #expect(
            try log.broker.addPartitions(
                transactionalID: "remote",
                producerID: id,
                epoch: epoch,
                partitions: partitions
            ) == .done
        )
        #expect(
            try log.broker.addOffsets(
                transactionalID: "remote",
                producerID: id,
                epoch: epoch,
                group: "g",
                offsets: [
                    TopicPartition("in", PartitionIndex(0)): CommittedOffset(
                        offset: Offset(7),
                        commitTime: log.time.wallTime()
                    )
                ],
                mustBeDurable: true
            ) == .done
        )
        let again = try log.killed()
        let ended = try again.broker.endTransaction(
            transactionalID: "remote",
            producerID: id,
            epoch: epoch,
            result: .commit,
            bumpsEpoch: false
        )
        #expect(ended == .done)
        #expect(try again.offset("g", "in") == 7)
    }
}

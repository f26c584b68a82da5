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

/// What the log does by itself where there is no room: it leaves the reserve, and it tries again.
@Suite struct RoomTests {
    private static let reserve: Int64 = 1 << 20

    private func configuration() -> BrokerConfiguration {
        var configuration = BrokerConfiguration.simulated
        configuration.reservedByteCount = Self.reserve
        return configuration
    }

    /// Leaves so many bytes free.
    private func leave(_ byteCount: Int64, _ harness: LogHarness) throws {
        let large: Int64 = 1 << 40
        harness.disk.setCapacity(large)
        let free = try harness.disk.freeByteCount(at: LogHarness.directory)
        harness.disk.setCapacity(large - free + byteCount)
    }

    @Test func `a compaction writes nothing into the room that commits need, and says so once`()
        throws
    {
        let harness = try LogHarness(configuration: configuration())
        try harness.broker.createTopic(
            "t",
            partitionCount: 1,
            options: [
                "cleanup.policy": "compact", "segment.bytes": "20000",
                "min.cleanable.dirty.ratio": "0",
            ]
        )
        let producer = try harness.producer()
        for _ in 0..<20 {
            var batch = RecordBatchBuilder()
            [UInt8](repeating: 7, count: 4_000).withUnsafeBytes { value in
                "k".utf8.withContiguousStorageIfAvailable { key in
                    batch.append(
                        timestamp: harness.time.wallTime(),
                        key: UnsafeRawBufferPointer(key),
                        value: value
                    )
                }
            }
            try producer.append(&batch, to: TopicPartition("t", PartitionIndex(0)))
            try producer.commit()
        }
        let again = try harness.reopened()
        try again.broker.createTopic("other", partitionCount: 1)
        _ = try again.values("t")
        let names = { try again.disk.list("\(LogHarness.directory)/t-0").sorted() }
        let before = try names()
        try leave(Self.reserve + 4096, again)
        for _ in 0..<3 { again.broker.clean { _ in true } }
        #expect(try names() == before)
        #expect(again.broker.notes.count { $0.contains("was not compacted") } == 1)
        again.disk.setCapacity(1 << 40)
        again.broker.clean { _ in true }
        #expect(try names() == before, "it is left alone for a while")
        again.time.advance(milliseconds: 60_000)
        again.broker.clean { _ in true }
        #expect(again.broker.notes.count == 1)
        #expect(try names().contains("compacted-segments"))
    }

    /// Its folder lies on another disk, or has a quota of its own.
    @Test func `a partition that finds no room where it lies is left alone, and no other`() throws {
        let harness = try LogHarness(configuration: configuration())
        let options = [
            "cleanup.policy": "compact", "segment.bytes": "20000", "min.cleanable.dirty.ratio": "0",
        ]
        for name in ["a", "b"] {
            try harness.broker.createTopic(name, partitionCount: 1, options: options)
            let producer = try EmbeddedProducer(broker: harness.broker)
            for _ in 0..<20 {
                var batch = RecordBatchBuilder()
                [UInt8](repeating: 7, count: 2_000).withUnsafeBytes { value in
                    batch.append(timestamp: harness.time.wallTime(), key: value, value: value)
                }
                try producer.append(&batch, to: TopicPartition(name, PartitionIndex(0)))
            }
            try producer.flush()
        }
        try harness.broker.close()
        let hooked = HookedDisk(harness.disk)
        let broker = try Broker.open(
            disk: hooked,
            directory: LogHarness.directory,
            configuration: harness.broker.configuration,
            time: harness.time
        )
        let tries = Lock(0)
        hooked.onFileOperation { operation, path in
            guard operation == .write, path.contains("/a-0/"), path.contains(".cleaned") else {
                return nil
            }
            tries.withLock { $0 += 1 }
            return .full(path: path)
        }
        for _ in 0..<3 { broker.clean { _ in true } }
        #expect(tries.withLock { $0 } == 1)
        let cleaned = try hooked.list("\(LogHarness.directory)/b-0")
        #expect(cleaned.contains("compacted-segments"))
        harness.time.advance(milliseconds: 60_000)
        broker.clean { _ in true }
        #expect(tries.withLock { $0 } == 2)
        try broker.close()
    }

    @Test func `a position behind the end of a relaxed log waits for room to be put back`() throws {
        let harness = try LogHarness(configuration: configuration())
        try harness.broker.createTopic(
            "t",
            partitionCount: 1,
            options: ["millrace.durability": "relaxed"]
        )
        let name = TopicPartition("t", PartitionIndex(0))
        let producer = try EmbeddedProducer(broker: harness.broker)
        var batch = RecordBatchBuilder()
        for number in 0..<10 { batch.append("\(number)") }
        try producer.append(&batch, to: name)
        for group in ["g", "h"] {
            try harness.broker.commitOffsets(
                group: group,
                [name: CommittedOffset(offset: Offset(10), commitTime: harness.time.wallTime())]
            )
        }
        let plan = harness.disk.crashPlan()
        let crashed = harness.disk.crashState(plan, keeping: plan.nothingKept)
        let path = "__consumer_offsets-0/00000000000000000000.log"
        func open(_ hook: HookedDisk.Hook?) throws -> (HookedDisk, Broker) {
            let disk = HookedDisk(crashed.copy())
            disk.onFileOperation(hook)
            let broker = try Broker.open(
                disk: disk,
                directory: LogHarness.directory,
                configuration: harness.broker.configuration,
                time: harness.time
            )
            return (disk, broker)
        }
        // The last two writes of a start put the positions of g and h back.
        let count = Lock(0)
        _ = try open { operation, found in
            if operation == .write, found.hasSuffix(path) { count.withLock { $0 += 1 } }
            return nil
        }
        count.withLock { $0 -= 2 }
        let (disk, broker) = try open { operation, found in
            guard operation == .write, found.hasSuffix(path) else { return nil }
            let isFull = count.withLock { left in
                left -= 1
                return left < 0
            }
            return isFull ? .full(path: found) : nil
        }
        func position(_ group: String) throws -> Offset? {
            try EmbeddedClient(broker: broker)
                .committedOffsets(group: group, partitions: [name])[name]
        }
        #expect(throws: LogClientError.self) { try position("g") }
        disk.onFileOperation(nil)
        #expect(try position("g") == .zero)
        #expect(try position("h") == .zero)
        #expect(broker.notes.count { $0.contains("goes on at offset") } == 2)
    }

    @Test func `a position that cannot be put back keeps its own group alone`() throws {
        var configuration = configuration()
        configuration.internalPartitionCount = 4
        let harness = try LogHarness(configuration: configuration)
        try harness.broker.createTopic(
            "t",
            partitionCount: 1,
            options: ["millrace.durability": "relaxed"]
        )
        let name = TopicPartition("t", PartitionIndex(0))
        let producer = try EmbeddedProducer(broker: harness.broker)
        var batch = RecordBatchBuilder()
        for number in 0..<10 { batch.append("\(number)") }
        try producer.append(&batch, to: name)
        let (bad, good) = ("g", "h")
        let shard: Int32 = coordinatorPartition(of: bad, count: 4)
        try #require(shard != coordinatorPartition(of: good, count: 4))
        for group in [bad, good] {
            try harness.broker.commitOffsets(
                group: group,
                [name: CommittedOffset(offset: Offset(10), commitTime: harness.time.wallTime())]
            )
        }
        let plan = harness.disk.crashPlan()
        let crashed = harness.disk.crashState(plan, keeping: plan.nothingKept)
        let file = "__consumer_offsets-\(shard)/00000000000000000000.log"
        func open(_ hook: @escaping HookedDisk.Hook) throws -> (HookedDisk, Broker) {
            let disk = HookedDisk(crashed.copy())
            disk.onFileOperation(hook)
            let broker = try Broker.open(
                disk: disk,
                directory: LogHarness.directory,
                configuration: configuration,
                time: harness.time
            )
            return (disk, broker)
        }
        // The last write of a start to the one's partition puts its position back.
        let count = Lock(-1)
        _ = try open { operation, path in
            if operation == .write, path.hasSuffix(file) { count.withLock { $0 += 1 } }
            return nil
        }
        let (disk, broker) = try open { operation, path in
            guard operation == .write, path.hasSuffix(file) else { return nil }
            let isFull = count.withLock { left in
                left -= 1
                return left < 0
            }
            return isFull ? .full(path: path) : nil
        }
        func position(_ group: String) throws -> Offset? {
            try EmbeddedClient(broker: broker)
                .committedOffsets(group: group, partitions: [name])[name]
        }
        #expect(throws: LogClientError.self) { try position(bad) }
        #expect(try position(good) == .zero)
        disk.onFileOperation(nil)
        #expect(try position(bad) == .zero)
    }

    @Test func `a transaction that left a partition alone has no next offset there`() throws {
        let harness = try LogHarness()
        for name in ["a", "b"] { try harness.broker.createTopic(name, partitionCount: 1) }
        let producer = try harness.producer()
        let (a, b) = (
            TopicPartition("a", PartitionIndex(0)), TopicPartition("b", PartitionIndex(0))
        )
        try producer.send(["1"], to: "a")
        try producer.commit()
        #expect(producer.nextOffset(of: a) == Offset(1))
        try producer.send(["2"], to: "b")
        #expect(producer.nextOffset(of: a) == nil)
        try producer.commit()
        #expect(producer.nextOffset(of: a) == nil)
        #expect(producer.nextOffset(of: b) == Offset(1))
    }
}

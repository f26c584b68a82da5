import Broker
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// A log on a simulated disk, everything on the test's own thread.
struct LogHarness {
    let disk: SimulatedDisk
    let time: ManualTimeSource
    let broker: Broker
    let client: EmbeddedClient

    static let directory = "/data"

    init(
        disk: SimulatedDisk = SimulatedDisk(),
        time: ManualTimeSource = ManualTimeSource(),
        configuration: BrokerConfiguration = .simulated
    ) throws {
        self.disk = disk
        self.time = time
        broker = try Broker.open(
            disk: disk,
            directory: Self.directory,
            configuration: configuration,
            time: time
        )
        client = EmbeddedClient(broker: broker)
    }

    /// The log as a new process finds it after a clean end of this one.
    func reopened() throws -> LogHarness {
        try broker.close()
        return try LogHarness(disk: disk, time: time, configuration: broker.configuration)
    }

    /// The log as a new process finds it after this one was killed, once `damage` has befallen its
    /// files.
    func killed(damage: (SimulatedDisk) throws -> Void = { _ in }) throws -> LogHarness {
        let left = disk.afterKill()
        try damage(left)
        return try LogHarness(disk: left, time: time, configuration: broker.configuration)
    }

    /// What is known of a partition once it was opened.
    func health(_ topic: String, _ partition: Int32 = 0) -> PartitionHealth? {
        let name = TopicPartition(topic, PartitionIndex(partition))
        return broker.check { $0 == name }.first?.health
    }

    func producer(
        _ id: String = "job-0",
        timeout: Duration = .seconds(60)
    ) throws -> any TransactionalProducer {
        try client.makeTransactionalProducer(transactionalID: id, transactionTimeout: timeout)
    }

    /// A transactional producer in another process.
    func remoteProducer(_ id: String = "remote") throws -> (ProducerID, ProducerEpoch) {
        let granted = try broker.initProducerID(
            transactionalID: id,
            timeout: .seconds(60),
            isRemote: true
        )
        guard case .producer(let producer, let epoch) = granted else {
            throw UnexpectedAnswer(words: "\(granted)")
        }
        return (producer, epoch)
    }

    /// The values that a reader of this level sees, records of aborted transactions left out.
    func values(
        _ topic: String,
        _ partition: Int32 = 0,
        _ isolation: IsolationLevel = .readCommitted
    ) throws -> [String] {
        try LogReader(client: client).values(
            of: TopicPartition(topic, PartitionIndex(partition)),
            isolation: isolation
        )
    }

    func offset(_ group: String, _ topic: String, _ partition: Int32 = 0) throws -> Int64? {
        let name = TopicPartition(topic, PartitionIndex(partition))
        return try client.committedOffsets(group: group, partitions: [name])[name]?.rawValue
    }
}

/// What a test's preparation was told instead of what it needs.
struct UnexpectedAnswer: Error { let words: String }

extension BrokerConfiguration {
    static var simulated: BrokerConfiguration {
        var configuration = BrokerConfiguration(execution: .inline)
        configuration.internalPartitionCount = 1
        configuration.journal = .small
        return configuration
    }
}

extension GroupJoin {
    /// A consumer's first request to join.
    static func consumer(_ metadata: [UInt8] = [1], requiresKnownMember: Bool = false) -> GroupJoin
    {
        GroupJoin(
            memberID: "",
            clientID: "c",
            clientHost: "/127.0.0.1",
            sessionMilliseconds: 10_000,
            rebalanceMilliseconds: 5_000,
            protocolType: "consumer",
            protocols: [GroupProtocol(name: "range", metadata: metadata)],
            requiresKnownMember: requiresKnownMember
        )
    }
}

extension TransactionalProducer {
    func send(_ values: [String], to topic: String, _ partition: Int32 = 0) throws {
        var batch = RecordBatchBuilder()
        for value in values { batch.append(value) }
        try append(&batch, to: TopicPartition(topic, PartitionIndex(partition)))
    }

    func addOffset(_ offset: Int64, of topic: String, group: String) throws {
        let partition = TopicPartition(topic, PartitionIndex(0))
        try addOffsets([partition: InputPosition(Offset(offset))], group: group)
    }
}

extension RecordBatchBuilder {
    mutating func append(_ value: String) {
        var value = value
        value.withUTF8 { bytes in
            append(
                timestamp: Timestamp(1_767_225_600_000),
                key: nil,
                value: UnsafeRawBufferPointer(bytes)
            )
        }
    }
}

/// Reads a partition to its end as a Kafka client does.
struct LogReader {
    let client: any LogClient

    func values(of partition: TopicPartition, isolation: IsolationLevel) throws -> [String] {
        let buffer = FetchBuffer(byteCount: 1 << 16)
        var position = try client.bounds(of: partition).logStart
        var values: [String] = []
        while true {
            let result = try client.fetch(
                partition,
                from: position,
                isolation: isolation,
                into: buffer
            )
            guard result.byteCount > 0 else { return values }
            var filter = AbortedFilter(result.abortedTransactions)
            var batches = RecordBatchSequence(
                UnsafeRawBufferPointer(rebasing: buffer.bytes[..<result.byteCount])
            )
            while let batch = try batches.next() {
                if try filter.shows(batch) { values += try strings(of: batch, from: position) }
                position = batch.nextOffset
            }
        }
    }

    private func strings(of batch: RecordBatchView, from position: Offset) throws -> [String] {
        var values: [String] = []
        var records = try batch.records()
        while let record = try records.next() {
            let offset = batch.baseOffset.advanced(by: Int64(record.offsetDelta))
            if offset >= position, let value = record.value {
                values.append(String(decoding: value, as: UTF8.self))
            }
        }
        return values
    }
}

/// Which batches of an answer are data that a read_committed reader sees.
struct AbortedFilter {
    private var coming: [AbortedTransaction]
    private var aborted: Set<ProducerID> = []

    init(_ transactions: [AbortedTransaction]) {
        coming = transactions.sorted { $0.firstOffset < $1.firstOffset }
    }

    mutating func shows(_ batch: RecordBatchView) throws -> Bool {
        while let next = coming.first, next.firstOffset <= batch.lastOffset {
            aborted.insert(next.producerID)
            coming.removeFirst()
        }
        if batch.attributes.isControl {
            if let marker = try EndTransactionMarker(batch), marker.result == .abort {
                aborted.remove(batch.producerID)
            }
            return false
        }
        return !(batch.attributes.isTransactional && aborted.contains(batch.producerID))
    }
}

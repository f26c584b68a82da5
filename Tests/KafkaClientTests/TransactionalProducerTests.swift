import LogModel
import Testing

@testable import KafkaClient

/// Transactions of this client against a server.
@Suite struct TransactionalProducerTests {
    private let harness: ClusterHarness
    private let cluster: KafkaCluster
    private let partitions = (0..<2).map { TopicPartition("a", PartitionIndex(Int32($0))) }

    init() throws {
        harness = try ClusterHarness()
        cluster = try KafkaCluster(at: harness.network)
        try cluster.createTopic("a", partitionCount: 2, options: [:])
    }

    private func producer() throws -> TransactionalProducer {
        try TransactionalProducer("t", timeout: .seconds(60), on: cluster)
    }

    @discardableResult
    private func append(
        _ text: String,
        _ producer: TransactionalProducer,
        to partition: Int
    ) throws -> Offset? {
        var batch = RecordBatchBuilder()
        Array(text.utf8).withUnsafeBytes {
            batch.append(timestamp: Timestamp(1), key: nil, value: $0, headers: nil)
        }
        return try producer.append(&batch, to: partitions[partition])
    }

    /// The committed values of a partition, once all that it has is decided.
    private func settled(_ partition: Int) throws -> [String] {
        let name = partitions[partition]
        func end(_ isolation: IsolationLevel) throws -> Offset? {
            try cluster.offset(.latest, of: name, isolation: isolation)
        }
        // The coordinator answers before the partitions have their markers.
        let deadline = ContinuousClock.now + .seconds(30)
        while try end(.readCommitted) != end(.readUncommitted), ContinuousClock.now < deadline {}
        return try committed(partition)
    }

    private func committed(_ partition: Int) throws -> [String] {
        let name = partitions[partition]
        let fetched = try cluster.fetch(
            [name: .zero],
            isolation: .readCommitted,
            byteLimit: 1 << 20,
            wait: .zero
        )
        let answer = try #require(fetched[name])
        // Each transaction of these tests has one batch in a partition.
        let hidden = Set(answer.abortedTransactions.map(\.firstOffset))
        var values: [String] = []
        try answer.records.withUnsafeBytes { bytes in
            var batches = RecordBatchSequence(bytes)
            while let batch = try batches.next() {
                guard !batch.attributes.isControl, !hidden.contains(batch.baseOffset) else {
                    continue
                }
                var records = try batch.records()
                while let record = try records.next() {
                    let value = try #require(record.value)
                    values.append(String(decoding: value, as: UTF8.self))
                }
            }
        }
        return values
    }

    @Test func `what a transaction holds is seen in all its partitions once it is committed`()
        throws
    {
        let producer = try producer()
        #expect(!producer.isOpen)
        #expect(try append("x", producer, to: 0) == Offset(0))
        #expect(try append("y", producer, to: 1) == Offset(0))
        #expect(producer.isOpen)
        #expect(try committed(0).isEmpty && committed(1).isEmpty)
        try producer.commit()
        #expect(!producer.isOpen)
        #expect(try settled(0) == ["x"])
        #expect(try settled(1) == ["y"])
        // Behind the marker.
        #expect(try append("z", producer, to: 0) == Offset(2))
        try producer.commit()
        #expect(try settled(0) == ["x", "z"])
        try harness.stop()
    }

    @Test func `what is aborted is never seen, and the producer goes on`() throws {
        let producer = try producer()
        try append("x", producer, to: 0)
        try producer.abort()
        try append("y", producer, to: 0)
        try producer.commit()
        #expect(try settled(0) == ["y"])
        try harness.stop()
    }

    @Test func `who takes the id fences its owner, and what that had open is aborted`() throws {
        let first = try producer()
        try append("x", first, to: 0)
        let second = try producer()
        let error = #expect(throws: KafkaClientError.self) { try append("x2", first, to: 0) }
        #expect([.producerFenced, .invalidProducerEpoch].contains(error?.code))
        let ending = #expect(throws: KafkaClientError.self) { try first.commit() }
        #expect([.producerFenced, .invalidProducerEpoch].contains(ending?.code))
        try append("y", second, to: 0)
        try second.commit()
        #expect(try settled(0) == ["y"])
        try harness.stop()
    }
}

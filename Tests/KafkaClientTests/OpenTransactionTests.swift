import KafkaRecords
import KafkaWire
import LogModel
import Testing

@testable import KafkaClient

/// What another client has open, as tools see it.
@Suite struct OpenTransactionTests {
    private let harness: ClusterHarness
    private let cluster: KafkaCluster
    private let partition = TopicPartition("a", PartitionIndex(0))

    init() throws {
        harness = try ClusterHarness()
        cluster = try KafkaCluster(at: harness.socket)
        try cluster.createTopic("a", partitionCount: 1, options: [:])
    }

    /// Another client's connection, which has a transaction open with one batch.
    private func open() throws -> KafkaConnection {
        let patience = Duration.seconds(10)
        let other = try KafkaConnection(to: harness.network, patience: patience)
        let id = try other.ask(patience: patience) { _ in
            InitProducerIdRequest(transactionalID: "t", transactionTimeoutMs: 60_000)
        }
        let added = try other.ask(patience: patience) { _ in
            AddPartitionsToTxnRequest(
                v3AndBelowTransactionalID: "t",
                v3AndBelowProducerID: id.producerID,
                v3AndBelowProducerEpoch: id.producerEpoch,
                v3AndBelowTopics: [.init(name: "a", partitions: [0])]
            )
        }
        #expect(
            added.resultsByTopicV3AndBelow.first?.resultsByPartition.first?.partitionErrorCode == 0
        )
        let batch = ClusterHarness.batch(
            ["x"],
            of: (ProducerID(id.producerID), ProducerEpoch(id.producerEpoch)),
            from: 0,
            isTransactional: true
        )
        let answer = try other.ask(patience: patience) { _ in
            ProduceRequest(
                transactionalID: "t",
                acks: -1,
                timeoutMs: 10_000,
                topicData: [.init(name: "a", partitionData: [.init(index: 0, records: batch)])]
            )
        }
        #expect(answer.responses.first?.partitionResponses.first?.errorCode == 0)
        return other
    }

    private func read(_ isolation: IsolationLevel) throws -> FetchedPartition {
        let fetched = try cluster.fetch(
            [partition: .zero],
            isolation: isolation,
            byteLimit: 1 << 20,
            wait: .zero
        )
        return try #require(fetched[partition])
    }

    @Test func `an open transaction is told, seen by its producer, and aborted`() throws {
        let other = try open()
        let known = try #require(try cluster.describe(transactionalID: "t"))
        #expect(known.state == "Ongoing" && known.start != nil)
        #expect(known.partitions == [partition])
        let producer = try #require(try cluster.producers(of: partition).first)
        #expect(producer.producerID == known.producerID && producer.transactionStart == .zero)
        #expect(try ClusterHarness.values(read(.readCommitted)) == [])
        #expect(try ClusterHarness.values(read(.readUncommitted)) == ["x"])

        try cluster.abort(transactionalID: "t")
        #expect(try cluster.describe(transactionalID: "t")?.state != "Ongoing")
        let after = try read(.readCommitted)
        #expect(
            after.abortedTransactions
                == [AbortedTransaction(producerID: known.producerID, firstOffset: .zero)]
        )
        #expect(after.lastStableOffset == Offset(2))
        #expect(!other.isBroken)
        try harness.stop()
    }

    @Test func `a marker ends what a producer holds open in a partition`() throws {
        let other = try open()
        let producer = try #require(try cluster.producers(of: partition).first)
        try cluster.abort(producer, in: partition)
        #expect(try read(.readCommitted).abortedTransactions.count == 1)
        #expect(try cluster.producers(of: partition).first?.transactionStart == nil)
        #expect(!other.isBroken)
        try harness.stop()
    }
}

import Broker
import Bytes
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// Producer ids of another log are not those of transactional ids here, though both count from 0.
@Suite struct ImportedProducerTests {
    private let name = TopicPartition("imported", PartitionIndex(0))

    private func open(_ disk: SimulatedDisk, _ time: ManualTimeSource) throws -> Broker {
        var configuration = BrokerConfiguration(execution: .inline)
        configuration.internalPartitionCount = 1
        configuration.journal = .small
        return try Broker.open(
            disk: disk,
            directory: "/data",
            configuration: configuration,
            time: time
        )
    }

    private func importOne(_ broker: Broker, id: Int64, at offset: Int64 = 0) throws {
        var builder = RecordBatchBuilder()
        var value = "kafka"
        value.withUTF8 {
            builder.append(timestamp: Timestamp(1), key: nil, value: UnsafeRawBufferPointer($0))
        }
        let bytes = builder.seal(
            producerID: ProducerID(id),
            producerEpoch: ProducerEpoch(0),
            baseSequence: SequenceNumber(0),
            baseOffset: Offset(offset)
        )
        try broker.importBatch(bytes, to: name)
    }

    @Test func `an import of a transactional id's own producer is refused, in words`() throws {
        let broker = try open(SimulatedDisk(), ManualTimeSource())
        let client = EmbeddedClient(broker: broker)
        try broker.createTopic("imported", partitionCount: 1)
        let producer = try client.makeTransactionalProducer(
            transactionalID: "job-0",
            transactionTimeout: .seconds(60)
        )
        producer.close()
        let own = try #require(broker.describeTransaction("job-0")).producerID
        let error = #expect(throws: BrokerError.self) {
            try importOne(broker, id: own.rawValue)
        }
        #expect(error?.description.contains("'job-0'") == true)
        #expect(try broker.bounds(of: name).logEnd == .zero)
    }

    @Test func `a transactional id that comes later has another producer`() throws {
        let disk = SimulatedDisk()
        let time = ManualTimeSource()
        var broker = try open(disk, time)
        try broker.createTopic("imported", partitionCount: 1)
        for id in Int64(0)..<3 { try importOne(broker, id: id, at: id) }
        try broker.flush([name])
        try broker.sealImport(of: name)
        try broker.close()
        broker = try open(disk, time)
        let producer = try EmbeddedClient(broker: broker).makeTransactionalProducer(
            transactionalID: "job-0",
            transactionTimeout: .seconds(60)
        )
        for number in 0..<3 {
            var batch = RecordBatchBuilder()
            var value = "mine \(number)"
            value.withUTF8 {
                batch.append(timestamp: Timestamp(5), key: nil, value: UnsafeRawBufferPointer($0))
            }
            try producer.append(&batch, to: name)
            try producer.commit()
        }
        // Three imported ones, three of ours, three markers.
        #expect(try broker.bounds(of: name).lastStableOffset == Offset(9))
        #expect(broker.refusedMarkers().isEmpty)
    }
}

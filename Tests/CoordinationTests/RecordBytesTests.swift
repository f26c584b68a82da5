import Bytes
import KafkaRecords
import LogModel
import Testing

@testable import Coordination

/// The records of the internal topics, which Kafka reads as well.
@Suite struct RecordBytesTests {
    private func again(_ record: TransactionRecord) throws -> TransactionRecord? {
        let (key, value) = try record.encoded()
        return try key.withUnsafeBytes { key in
            guard let value else { return try TransactionRecord(key: key, value: nil) }
            return try value.withUnsafeBytes { try TransactionRecord(key: key, value: $0) }
        }
    }

    private func transaction(_ partitions: Set<TopicIDPartition>) -> TransactionMetadata {
        var value = TransactionMetadata(
            transactionalID: "t",
            producerID: ProducerID(9),
            epoch: ProducerEpoch(3),
            timeoutMilliseconds: 1000,
            lastUpdateTime: Timestamp(11)
        )
        value.state = .ongoing
        value.startTime = Timestamp(10)
        value.partitions = partitions
        return value
    }

    @Test func `a transaction reads back with its topic ids and the place of its owner`() throws {
        let other = TopicIDPartition(.zero, TopicPartition("other", PartitionIndex(4)))
        var value = transaction([data(3), data(0), data(0, id: dataAnewID), other])
        for (isRemote, isOwnEnd) in [(false, false), (true, false), (true, true)] {
            value.isRemote = isRemote
            value.wasEndedByCoordinator = !isOwnEnd
            let record = TransactionRecord(transactionalID: "t", value: value)
            #expect(try again(record) == record)
        }
        let tombstone = TransactionRecord(transactionalID: "t", value: nil)
        #expect(try again(tombstone) == tombstone)
    }

    @Test func `Kafka reads the names, and skips the rest as tagged fields it does not know`()
        throws
    {
        var value = transaction([data(3), data(0), data(1, id: dataAnewID)])
        value.isRemote = true
        let record = TransactionRecord(transactionalID: "t", value: value)
        let bytes = try #require(try record.encoded().value)
        let message = try TransactionLogValue(decoding: bytes)
        let topics = try #require(message.transactionPartitions)
        #expect(topics.map(\.topic) == ["data", "data"])
        #expect(topics.map(\.partitionIDs) == [[0, 3], [1]])
        #expect(topics.map { $0.unknownTags.map(\.tag) } == [[10_000], [10_000]])
        #expect(topics.allSatisfy { $0.unknownTags.allSatisfy { $0.bytes.count == 16 } })
        #expect(message.unknownTags.map(\.tag) == [10_000])
    }

    @Test func `a record without ids, or with another's tagged field, has unknown ids`() throws {
        let key = try TransactionLogKey(transactionalID: "t").encoded()
        var message = TransactionLogValue(transactionStatus: 1)
        for tag in [UInt32(9_999), 10_000] {
            var topic = TransactionLogValue.PartitionsSchema(topic: "data", partitionIDs: [2])
            topic.unknownTags = [RawTaggedField(tag: tag, bytes: [1, 2, 3])]
            message.transactionPartitions = [topic]
            let value = try message.encoded(version: 1)
            let record = try key.withUnsafeBytes { key in
                try value.withUnsafeBytes { try TransactionRecord(key: key, value: $0) }
            }
            #expect(record?.value?.partitions == [data(2, id: .zero)])
            #expect(record?.value?.isRemote == false)
        }
    }

    @Test func `offsets read back, the topic's id among them`() throws {
        let partition = TopicPartition("in", PartitionIndex(0))
        for id in [UniqueID.zero, dataID] {
            let value = CommittedOffset(
                offset: Offset(7),
                leaderEpoch: LeaderEpoch(2),
                metadata: "words",
                topicID: id,
                commitTime: Timestamp(5)
            )
            for value in [value, nil] {
                let record = OffsetRecord(group: "g", partition: partition, value: value)
                let (key, bytes) = try record.encoded()
                let again = try key.withUnsafeBytes { key in
                    guard let bytes else { return try OffsetRecord(key: key, value: nil) }
                    return try bytes.withUnsafeBytes { try OffsetRecord(key: key, value: $0) }
                }
                #expect(again == record)
            }
        }
    }

    @Test func `ids are drawn from granted blocks, behind all that a log names`() {
        var ids = ProducerIDAllocator(grantedEnd: ProducerID(1000), highestKnown: ProducerID(4000))
        #expect(ids.take() == nil)
        #expect(ids.nextGrantedEnd == ProducerID(5001))
        ids.grant(upTo: ProducerID(5001))
        ids.grant(upTo: ProducerID(5001))
        #expect(ids.take() == ProducerID(4001))
        for _ in 1..<1000 { #expect(ids.take() != nil) }
        #expect(ids.isEmpty && ids.take() == nil)
        var full = ProducerIDAllocator(grantedEnd: .zero, highestKnown: ProducerID(.max))
        #expect(full.nextGrantedEnd == nil && full.take() == nil)
    }
}

package import Bytes
import KafkaRecords
import LogModel

/// The coordinators' values as the records of the internal topics: Kafka's own formats.
extension TransactionRecord {
    /// Of the value that is written; version 0 is read as well.
    private static let valueVersion: Int16 = 1

    /// The bytes of key and value; no value for a tombstone.
    package func encoded() throws(WireError) -> (key: [UInt8], value: [UInt8]?) {
        let key = try TransactionLogKey(transactionalID: transactionalID).encoded()
        guard let value else { return (key, nil) }
        // An idle id has null partitions in Kafka's records, not an empty list.
        let partitions = value.state == .empty ? nil : Self.byTopic(value.partitions)
        let message = TransactionLogValue(
            producerID: value.producerID.rawValue,
            previousProducerID: value.previousProducerID.rawValue,
            nextProducerID: value.nextProducerID.rawValue,
            producerEpoch: value.epoch.rawValue,
            transactionTimeoutMs: value.timeoutMilliseconds,
            transactionStatus: value.state.rawValue,
            transactionPartitions: partitions,
            transactionLastUpdateTimestampMs: value.lastUpdateTime.rawValue,
            transactionStartTimestampMs: value.startTime.rawValue,
            clientTransactionVersion: value.clientVersion
        )
        return (key, try message.encoded(version: Self.valueVersion))
    }

    /// Reads a record of `__transaction_state`; nil for a kind of record that is not known.
    package init?(
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer?
    ) throws(WireError) {
        guard try recordType(ofKey: key) == 0 else { return nil }
        let id = try TransactionLogKey(decoding: key).transactionalID
        guard let value else {
            self.init(transactionalID: id, value: nil)
            return
        }
        let message = try TransactionLogValue(decoding: value)
        guard let state = TransactionState(rawValue: message.transactionStatus), state != .dead,
            state != .prepareEpochFence
        else { return nil }
        var metadata = TransactionMetadata(
            transactionalID: id,
            producerID: ProducerID(message.producerID),
            epoch: ProducerEpoch(message.producerEpoch),
            timeoutMilliseconds: message.transactionTimeoutMs,
            lastUpdateTime: Timestamp(message.transactionLastUpdateTimestampMs)
        )
        metadata.previousProducerID = ProducerID(message.previousProducerID)
        metadata.nextProducerID = ProducerID(message.nextProducerID)
        metadata.state = state
        metadata.startTime = Timestamp(message.transactionStartTimestampMs)
        metadata.clientVersion = message.clientTransactionVersion
        for topic in message.transactionPartitions ?? [] {
            for index in topic.partitionIDs {
                metadata.partitions.insert(TopicPartition(topic.topic, PartitionIndex(index)))
            }
        }
        self.init(transactionalID: id, value: metadata)
    }

    private static func byTopic(
        _ partitions: Set<TopicPartition>
    ) -> [TransactionLogValue.PartitionsSchema] {
        var topics: [TransactionLogValue.PartitionsSchema] = []
        for partition in partitions.sorted() {
            let index = partition.partition.rawValue
            if topics.last?.topic == partition.topic {
                topics[topics.count - 1].partitionIDs.append(index)
            } else {
                topics.append(.init(topic: partition.topic, partitionIDs: [index]))
            }
        }
        return topics
    }
}

extension OffsetRecord {
    /// Of the value that is written; all others are read.
    private static let valueVersion: Int16 = 4

    /// The bytes of key and value; no value for a tombstone.
    package func encoded() throws(WireError) -> (key: [UInt8], value: [UInt8]?) {
        let key = try OffsetCommitKey(
            group: group,
            topic: partition.topic,
            partition: partition.partition.rawValue
        ).encoded()
        guard let value else { return (key, nil) }
        let message = OffsetCommitValue(
            offset: value.offset.rawValue,
            leaderEpoch: value.leaderEpoch.rawValue,
            metadata: value.metadata,
            commitTimestamp: value.commitTime.rawValue
        )
        return (key, try message.encoded(version: Self.valueVersion))
    }

    /// Reads a record of `__consumer_offsets`; nil for one that is no committed offset.
    package init?(
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer?
    ) throws(WireError) {
        let type = try recordType(ofKey: key)
        guard type == 0 || type == 1 else { return nil }
        let group: String
        let partition: TopicPartition
        if type == 1 {
            let commit = try OffsetCommitKey(decoding: key)
            group = commit.group
            partition = TopicPartition(commit.topic, PartitionIndex(commit.partition))
        } else {
            let commit = try LegacyOffsetCommitKey(decoding: key)
            group = commit.group
            partition = TopicPartition(commit.topic, PartitionIndex(commit.partition))
        }
        guard let value else {
            self.init(group: group, partition: partition, value: nil)
            return
        }
        let message = try OffsetCommitValue(decoding: value)
        let offset = CommittedOffset(
            offset: Offset(message.offset),
            leaderEpoch: LeaderEpoch(message.leaderEpoch),
            metadata: message.metadata,
            commitTime: Timestamp(message.commitTimestamp),
            expireTime: Timestamp(message.expireTimestamp)
        )
        self.init(group: group, partition: partition, value: offset)
    }
}

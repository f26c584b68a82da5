package import Bytes
import KafkaRecords
import LogModel

/// The record of a committed offset, in Kafka's format.
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
            commitTimestamp: value.commitTime.rawValue,
            topicID: value.topicID
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
            topicID: message.topicID,
            commitTime: Timestamp(message.commitTimestamp),
            expireTime: Timestamp(message.expireTimestamp)
        )
        self.init(group: group, partition: partition, value: offset)
    }
}

package import Bytes
import KafkaRecords
import LogModel

/// The record of a transactional id, in Kafka's format. What Kafka has no field for stands in
/// tagged fields with numbers that Kafka does not give out, and that its readers skip:
///
///     partitions of a topic   10000   topic id, 16 bytes
///     value                   10000   1 byte, 1: the owner lives in another process
///     value                   10001   1 byte, 1: that owner asked for its last end itself
extension TransactionRecord {
    /// Of the value that is written; version 0 is read as well.
    private static let valueVersion: Int16 = 1
    private static let topicIDTag: UInt32 = 10_000
    private static let isRemoteTag: UInt32 = 10_000
    private static let isOwnEndTag: UInt32 = 10_001

    /// The bytes of key and value; no value for a tombstone.
    package func encoded() throws(WireError) -> (key: [UInt8], value: [UInt8]?) {
        let key = try TransactionLogKey(transactionalID: transactionalID).encoded()
        guard let value else { return (key, nil) }
        // An idle id has null partitions in Kafka's records, not an empty list.
        let partitions = value.state == .empty ? nil : Self.byTopic(value.partitions)
        var message = TransactionLogValue(
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
        if value.isRemote {
            message.unknownTags = [RawTaggedField(tag: Self.isRemoteTag, bytes: [1])]
            if !value.wasEndedByCoordinator {
                message.unknownTags.append(RawTaggedField(tag: Self.isOwnEndTag, bytes: [1]))
            }
        }
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
        metadata.isRemote = Self.isSet(Self.isRemoteTag, message)
        let isOwnEnd = metadata.isRemote && Self.isSet(Self.isOwnEndTag, message)
        metadata.wasEndedByCoordinator = !isOwnEnd
        for topic in message.transactionPartitions ?? [] {
            let topicID = Self.topicID(topic)
            for index in topic.partitionIDs {
                let name = TopicPartition(topic.topic, PartitionIndex(index))
                metadata.partitions.insert(TopicIDPartition(topicID, name))
            }
        }
        self.init(transactionalID: id, value: metadata)
    }

    private static func isSet(_ tag: UInt32, _ message: TransactionLogValue) -> Bool {
        message.unknownTags.contains { $0.tag == tag && $0.bytes == [1] }
    }

    /// The partitions with one entry for each topic, and for each topic made anew under its name.
    private static func byTopic(
        _ partitions: Set<TopicIDPartition>
    ) -> [TransactionLogValue.PartitionsSchema] {
        var topics: [TransactionLogValue.PartitionsSchema] = []
        var last: (topic: String, id: UniqueID)?
        let ordered = partitions.sorted {
            ($0.name.topic, $0.topicID, $0.name.partition)
                < ($1.name.topic, $1.topicID, $1.name.partition)
        }
        for partition in ordered {
            let topic = (topic: partition.name.topic, id: partition.topicID)
            if last.map({ $0 == topic }) != true {
                var entry = TransactionLogValue.PartitionsSchema(topic: topic.topic)
                if topic.id != .zero {
                    var writer = ByteWriter()
                    entry.unknownTags = [
                        writer.makeTag(topicIDTag) { $0.writeUniqueID(topic.id) }
                    ]
                }
                topics.append(entry)
                last = topic
            }
            topics[topics.count - 1].partitionIDs.append(partition.name.partition.rawValue)
        }
        return topics
    }

    /// The id beside a topic's name; `.zero` where there is none.
    private static func topicID(_ topic: TransactionLogValue.PartitionsSchema) -> UniqueID {
        let field = topic.unknownTags.first { $0.tag == topicIDTag && $0.bytes.count == 16 }
        guard let field else { return .zero }
        let halves = field.bytes.reduce(into: UInt128(0)) { $0 = $0 << 8 | UInt128($1) }
        return UniqueID(
            high: UInt64(truncatingIfNeeded: halves >> 64),
            low: UInt64(truncatingIfNeeded: halves)
        )
    }
}

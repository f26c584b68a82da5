package import Bytes
package import LogModel
package import LogStorage

/// Reads.
extension Broker {
    /// Reads whole batches from `offset` on into `buffer`, up to the high watermark or the last
    /// stable offset. `.bufferTooSmall` if the first batch does not fit; refused with
    /// INCONSISTENT_TOPIC_ID if the topic of the name is not the one of `topicID`.
    package func fetch(
        _ name: TopicPartition,
        of topicID: UniqueID? = nil,
        from offset: Offset,
        isolation: IsolationLevel,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(BrokerError) -> LogReadResult {
        try fetch(try find(name), of: topicID, from: offset, isolation: isolation, into: buffer)
    }

    /// The same of a partition that was found already.
    package func fetch(
        _ partition: Partition,
        of topicID: UniqueID? = nil,
        from offset: Offset,
        isolation: IsolationLevel,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(BrokerError) -> LogReadResult {
        try checkOpen()
        if let topicID, topicID != partition.id.topicID {
            throw .refused(.inconsistentTopicID, "\(partition.name) is of another topic now")
        }
        do throws(LogStorageError) {
            return try partition.log.read(
                from: offset,
                maxByteCount: buffer.count,
                isolation: isolation,
                into: buffer
            )
        } catch {
            throw BrokerError(error, in: partition.name.description)
        }
    }

    /// What is damaged of a partition, as far as that is known without opening it. Offsets outside
    /// its bounds may be there again once it is repaired: nobody may take them for deleted.
    package func damage(
        of name: TopicPartition
    ) throws(BrokerError) -> RecoveryReport.Damage? {
        try find(name).log.recoveryReport?.damage
    }

    /// The first record at or after `timestamp`; nil if there is none that the level shows.
    package func offset(
        forTimestamp timestamp: Timestamp,
        in name: TopicPartition,
        isolation: IsolationLevel
    ) throws(BrokerError) -> Offset? {
        let partition = try find(name)
        do throws(LogStorageError) {
            return try partition.log.offset(forTimestamp: timestamp, isolation: isolation)
        } catch {
            throw BrokerError(error, in: name.description)
        }
    }
}

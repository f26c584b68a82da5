package import Bytes
package import LogModel

/// The position of a group in one partition: the next offset to read.
package struct CommittedOffset: Equatable, Sendable {
    /// The next offset to read; -1 is a legal "none", as Kafka has it.
    package var offset: Offset
    /// The leader epoch of the last record read; -1 where it is not known.
    package var leaderEpoch: LeaderEpoch
    /// The client's own words, at most 4096 bytes.
    package var metadata: String
    /// The topic that it belongs to, which one made anew under the same name is not; `.zero` where
    /// that was not written down.
    package var topicID: UniqueID
    package var commitTime: Timestamp
    /// When it ceases to count, in records of old clients; `.none` otherwise.
    package var expireTime: Timestamp

    package init(
        offset: Offset,
        leaderEpoch: LeaderEpoch = LeaderEpoch(-1),
        metadata: String = "",
        topicID: UniqueID = .zero,
        commitTime: Timestamp,
        expireTime: Timestamp = .none
    ) {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
        self.topicID = topicID
        self.commitTime = commitTime
        self.expireTime = expireTime
    }

    /// Whether it belongs to the topic with this id. An id that is not known fits any.
    package func belongs(to id: UniqueID) -> Bool {
        topicID == id || topicID == .zero || id == .zero
    }
}

/// One record for `__consumer_offsets`: a value, or the tombstone of a removed offset.
package struct OffsetRecord: Equatable, Sendable {
    package var group: String
    package var partition: TopicPartition
    package var value: CommittedOffset?

    package init(group: String, partition: TopicPartition, value: CommittedOffset?) {
        self.group = group
        self.partition = partition
        self.value = value
    }
}

/// What a group has in a partition.
package enum OffsetAnswer: Equatable, Sendable {
    case none
    case committed(CommittedOffset)
    /// An open transaction holds one: ask again when it ended.
    case unstable
}

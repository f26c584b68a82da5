package import Bytes
package import LogModel
import LogStorage

/// One partition's folder in a Kafka directory.
package struct KafkaPartition: Sendable {
    package var name: TopicPartition
    /// The folder's path.
    package var path: String
    /// Of `partition.metadata`, which Kafka writes late, and before 2.8 not at all.
    package var topicID: UniqueID?
    /// Oldest first; none in a folder that was never written to.
    package var segments: [KafkaSegment]
    /// Where readers begin: the checkpoint's, or the first segment's.
    package var logStart: Offset
    /// What the checkpoint says, which may lie before the first segment.
    package var checkpointedStart: Offset?
    /// Where the first leader epoch of its `leader-epoch-checkpoint` begins, which retention moves
    /// with the log's begin; nil where there is none.
    package var epochStart: Offset?
    /// Everything below was flushed; 0 where no checkpoint says so.
    package var recoveryPoint: Offset
    /// Everything below is on all replicas that are in sync, as the broker noted last, which it
    /// does every few seconds; nil where no checkpoint says so.
    package var highWatermark: Offset?
    /// The cleaner has been here, or may have been: offsets may be missing.
    package var wasCompacted: Bool
    /// Whether Kafka keeps what lies before the folder's begin in remote storage; nil where no
    /// metadata log tells.
    package var isTiered: Bool?
    /// The broker that wrote it ended cleanly: nothing may be torn.
    package var isClean: Bool

    /// The topics that Kafka keeps for itself.
    private static let internalTopics: Set<String> = [
        "__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata",
        "__remote_log_metadata",
    ]

    /// Whether it belongs to Kafka itself and to no user.
    package var isInternal: Bool { Self.isInternal(name.topic) }

    /// Whether a value of `cleanup.policy` has the cleaner at work.
    package static func compacts(_ policy: String?) -> Bool {
        policy?.split(separator: ",").contains { $0.filter { $0 != " " } == "compact" } ?? false
    }

    /// Kafka's own topics that its cleaner compacts, whatever the checkpoint says.
    static let compactedTopics: Set<String> = [
        "__consumer_offsets", "__transaction_state", "__share_group_state",
    ]

    /// Whether a topic belongs to Kafka itself.
    package static func isInternal(_ topic: String) -> Bool { internalTopics.contains(topic) }
}

extension KafkaPartition {
    /// The partition whose folder has this name; nil for other folders, such as those that a
    /// deletion renamed.
    static func name(ofFolder folder: String) -> TopicPartition? {
        guard let name = TopicPartition(folder: folder), name.description == folder else {
            return nil
        }
        return name
    }

    /// The partition of a folder that is on its way from one log directory to another, or out of
    /// this one: Kafka's checkpoints name those, too.
    static func leaving(ofFolder folder: String) -> TopicPartition? {
        guard let dot = folder.lastIndex(of: "."),
            ["-future", "-delete", "-stray"].contains(where: { folder.hasSuffix($0) })
        else { return nil }
        return name(ofFolder: String(folder[..<dot]))
    }

    /// The first offset in the text of `leader-epoch-checkpoint`: a version, a count, and a line
    /// with epoch and offset each.
    static func epochStart(in bytes: [UInt8]) -> Offset? {
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        guard lines.count >= 3, lines[0] == "0" else { return nil }
        let parts = lines[2].split(separator: " ")
        guard parts.count == 2, let offset = Int64(parts[1]), offset >= 0 else { return nil }
        return Offset(offset)
    }

    /// The topic's id in the text of `partition.metadata`.
    static func topicID(in bytes: [UInt8]) -> UniqueID? {
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0] == "topic_id" else { continue }
            return UniqueID(parts[1].drop { $0 == " " })
        }
        return nil
    }
}

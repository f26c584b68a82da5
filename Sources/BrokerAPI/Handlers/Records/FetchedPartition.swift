import Bytes
import KafkaWire
import LogModel

/// Which partition a fetch means. A session's are all named in one way.
struct FetchKey: Hashable, Sendable {
    enum Topic: Hashable, Sendable {
        case name(String)
        case id(UniqueID)

        /// By the names' bytes: what is allowed of one is not allowed of another.
        static func == (left: Topic, right: Topic) -> Bool {
            switch (left, right) {
            case (.name(let name), .name(let other)): name.hasBytes(of: other)
            case (.id(let id), .id(let other)): id == other
            case (.name, .id), (.id, .name): false
            }
        }
    }

    var topic: Topic
    var index: Int32
}

/// What a fetch asks of one partition, and what its session told of it last.
struct FetchedPartition: Equatable, Sendable {
    let key: FetchKey
    var currentLeaderEpoch: Int32
    /// Of the last record that the client has; below 0 where it does not say.
    var lastFetchedEpoch: Int32
    var offset: Int64
    var byteLimit: Int32
    /// -1 before the first answer, and after one that was an error.
    var toldHighWatermark: Int64 = -1
    var toldLogStart: Int64 = -1

    init(_ asked: FetchRequest.FetchPartition, of topic: FetchKey.Topic) {
        key = FetchKey(topic: topic, index: asked.partition)
        currentLeaderEpoch = asked.currentLeaderEpoch
        lastFetchedEpoch = asked.lastFetchedEpoch
        offset = asked.fetchOffset
        byteLimit = asked.partitionMaxBytes
    }

    /// Takes over what a later fetch asks.
    mutating func ask(_ newer: FetchedPartition) {
        currentLeaderEpoch = newer.currentLeaderEpoch
        lastFetchedEpoch = newer.lastFetchedEpoch
        offset = newer.offset
        byteLimit = newer.byteLimit
    }

    /// Takes note of an answer; whether it says more than the one before.
    mutating func tell(_ told: FetchTold) -> Bool {
        guard !told.isError else {
            // What comes behind an error is news.
            toldHighWatermark = -1
            return true
        }
        let isNews =
            told.hasRecords || told.isDiverging || told.highWatermark != toldHighWatermark
            || told.logStart != toldLogStart
        toldHighWatermark = told.highWatermark
        toldLogStart = told.logStart
        return isNews
    }
}

/// What of one partition's answer a session looks at.
struct FetchTold: Equatable, Sendable {
    var hasRecords: Bool
    var isError: Bool
    var isDiverging = false
    var highWatermark: Int64
    var logStart: Int64

    init(hasRecords: Bool, isError: Bool = false, highWatermark: Int64, logStart: Int64 = 0) {
        self.hasRecords = hasRecords
        self.isError = isError
        self.highWatermark = highWatermark
        self.logStart = logStart
    }

    init(_ answer: FetchResponse.PartitionData) {
        hasRecords = answer.records?.isEmpty == false
        isError = answer.errorCode != 0
        isDiverging = answer.divergingEpoch.epoch >= 0
        highWatermark = answer.highWatermark
        logStart = answer.logStartOffset
    }
}

/// What a fetch says of its session and its partitions.
struct FetchAsk: Equatable, Sendable {
    /// 0 for none.
    var sessionID: Int32
    /// 0 for a new session, -1 for none.
    var sessionEpoch: Int32
    var usesTopicIDs: Bool
    var partitions: [FetchedPartition]
    var forgotten: Set<FetchKey>

    init(
        sessionID: Int32,
        sessionEpoch: Int32,
        usesTopicIDs: Bool = false,
        partitions: [FetchedPartition],
        forgotten: Set<FetchKey> = []
    ) {
        self.sessionID = sessionID
        self.sessionEpoch = sessionEpoch
        self.usesTopicIDs = usesTopicIDs
        self.partitions = partitions
        self.forgotten = forgotten
    }

    init(_ request: FetchRequest, version: Int16) {
        let usesTopicIDs = version >= 13
        let topic = { (name: String, id: UniqueID) -> FetchKey.Topic in
            usesTopicIDs ? .id(id) : .name(name)
        }
        self.init(
            sessionID: request.sessionID,
            sessionEpoch: request.sessionEpoch,
            usesTopicIDs: usesTopicIDs,
            partitions: request.topics.flatMap { asked in
                let key = topic(asked.topic, asked.topicID)
                return asked.partitions.map { FetchedPartition($0, of: key) }
            },
            forgotten: Set(
                request.forgottenTopicsData.flatMap { forgotten in
                    let key = topic(forgotten.topic, forgotten.topicID)
                    return forgotten.partitions.map { FetchKey(topic: key, index: $0) }
                }
            )
        )
    }
}

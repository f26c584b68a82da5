import Bytes

/// What a test knows of a directory: its topics, one after the other under one name, and what was
/// to become durable together.
struct DirectoryOracle: Sendable {
    /// A partition of one of the topics.
    struct Slot: Hashable, Sendable {
        var topic: Int
        var partition: Int
    }

    struct Topic: Sendable {
        enum Fate: Sendable, Equatable {
            /// Its creation was asked for and not answered.
            case coming
            case there
            /// Its deletion was asked for and not answered.
            case going
            case gone
        }

        var name: String
        var id: UniqueID
        var fate = Fate.coming
        var partitions: [LogOracle]
    }

    /// A record of the deciding partition, and the ends that it counts on.
    struct Promise: Sendable {
        var offset: Int64
        var ends: [Slot: Int64]
    }

    /// The first one decides, the others follow each other under one name.
    var topics: [Topic] = []
    var promises: [Promise] = []
    /// The ends that the group that is being written brings.
    var inFlight: [Slot: Int64] = [:]

    static let decidingTopic = "__transaction_state"
    static let topic = "t"
    static let deciding = Slot(topic: 0, partition: 0)

    subscript(slot: Slot) -> LogOracle {
        get { topics[slot.topic].partitions[slot.partition] }
        set { topics[slot.topic].partitions[slot.partition] = newValue }
    }

    /// The topic that is used now.
    var current: Int { topics.count - 1 }

    /// Every partition of the deciding topic and of the current one.
    var slots: [Slot] {
        [Self.deciding]
            + topics[current].partitions.indices.map { Slot(topic: current, partition: $0) }
    }
}

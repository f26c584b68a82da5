import Bytes
import LogModel

@testable import Coordination

/// A group with a clock and topics, that keeps what was written.
struct ConsumerGroupHarness {
    var group: ConsumerGroup
    var milliseconds: UInt64 = 1_000
    var topics: [String: Int32]
    var records: [ConsumerGroupRecord] = []
    private let settings: GroupSettings
    private var version: UInt64 = 1

    init(topics: [String: Int32] = ["t": 2], memberLimit: Int = .max) {
        var settings = GroupSettings()
        settings.consumerMemberLimit = memberLimit
        self.settings = settings
        self.topics = topics
        group = ConsumerGroup(id: "g", settings: settings, wallTime: Timestamp(0))
    }

    var now: Moment { Moment(nanoseconds: milliseconds * 1_000_000) }

    var wallTime: Timestamp { Timestamp(Int64(milliseconds)) }

    var image: TopicImage {
        TopicImage(
            version: version,
            topics: Dictionary(
                uniqueKeysWithValues: topics.map { name, count in
                    (name, TopicImage.Shape(id: Self.id(of: name), partitionCount: count))
                }
            )
        )
    }

    static func id(of name: String) -> UniqueID {
        UniqueID(high: 1, low: name.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) })
    }

    static func partitions(_ name: String, _ indexes: Int32...) -> [AssignedPartition] {
        indexes.map { AssignedPartition(id(of: name), PartitionIndex($0)) }
    }

    mutating func setTopic(_ name: String, _ count: Int32?) {
        topics[name] = count
        version += 1
    }

    @discardableResult
    mutating func join(
        _ id: String,
        _ names: [String]? = ["t"],
        pattern: String? = nil,
        instance: String? = nil,
        assignor: String? = nil
    ) -> ConsumerHeartbeatAnswer {
        send(
            ConsumerHeartbeat(
                group: "g",
                memberID: id,
                epoch: .joining,
                instanceID: instance,
                rebalanceMilliseconds: 5_000,
                topicNames: names,
                pattern: pattern,
                assignor: assignor,
                ownedPartitions: []
            )
        )
    }

    @discardableResult
    mutating func beat(
        _ id: String,
        _ epoch: Int32,
        owning owned: [AssignedPartition]? = nil,
        instance: String? = nil
    ) -> ConsumerHeartbeatAnswer {
        send(
            ConsumerHeartbeat(
                group: "g",
                memberID: id,
                epoch: GroupEpoch(epoch),
                instanceID: instance,
                ownedPartitions: owned
            )
        )
    }

    @discardableResult
    mutating func subscribe(
        _ id: String,
        _ epoch: Int32,
        _ names: [String],
        owning owned: [AssignedPartition]
    ) -> ConsumerHeartbeatAnswer {
        send(
            ConsumerHeartbeat(
                group: "g",
                memberID: id,
                epoch: GroupEpoch(epoch),
                topicNames: names,
                ownedPartitions: owned
            )
        )
    }

    @discardableResult
    mutating func send(_ beat: ConsumerHeartbeat) -> ConsumerHeartbeatAnswer {
        if let refusal = beat.refusal(namesItself: true) { return .refused(refusal) }
        let (topics, now, wallTime) = (image, now, wallTime)
        let answer = group.heartbeat(
            beat,
            topics: topics,
            newID: "made",
            now: now,
            wallTime: wallTime
        )
        settle()
        return answer
    }

    mutating func pass(_ count: UInt64) {
        milliseconds += count
        let (topics, now, wallTime) = (image, now, wallTime)
        group.expire(topics: topics, now: now, wallTime: wallTime)
        settle()
    }

    /// The group that the records tell of, in another order than they were written in.
    mutating func restart() throws {
        var replay = ConsumerGroupReplay()
        for record in records.reversed().lastOfEach() { replay.apply(record) }
        guard let restored = replay.group(id: "g", settings: settings, now: now, wallTime: wallTime)
        else { throw Missing() }
        group = restored
        group.checkInvariants()
    }

    struct Missing: Error {}

    private mutating func settle() {
        group.checkInvariants()
        records += group.takeRecords()
    }
}

extension Sequence<ConsumerGroupRecord> {
    /// What compaction leaves of records that come newest first.
    func lastOfEach() -> [ConsumerGroupRecord] {
        var seen: Set<[UInt8]> = []
        return filter { record in
            guard let key = try? record.encoded().key else { return true }
            return seen.insert(key).inserted
        }
    }
}

extension ConsumerHeartbeatAnswer {
    var epoch: Int32? {
        switch self {
        case .refused: nil
        case .accepted(_, let epoch, _, _), .left(_, let epoch): epoch.rawValue
        }
    }

    /// What the member is told to have; nil where it is told nothing new.
    var assigned: [AssignedPartition]? {
        guard case .accepted(_, _, _, let topics) = self else { return nil }
        return topics?.flatMap { topic in
            topic.partitions.map { AssignedPartition(topic.topicID, $0) }
        }
    }
}

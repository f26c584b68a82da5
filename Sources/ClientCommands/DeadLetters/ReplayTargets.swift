import Bytes
import KafkaClient
import LogClient
import LogModel
import Terminal

/// Where the records of dead letters go, and why some cannot.
struct ReplayTargets {
    enum Destination: Equatable {
        /// To the partition that they were read from.
        case source
        /// To this topic, by their keys.
        case topic(String)
        /// To a topic beside the one that they were read from, which another reader takes.
        case side

        static let sideSuffix = "-replay"
    }

    /// Why the record of a dead letter is not replayed. It stays open.
    enum Obstacle: String, CaseIterable, Error {
        case noSource = "without the record that failed"
        case noTopic = "from a topic or partition that is not there"
        case isOfJob = "from a topic that only a job writes to: give --to"
        case isLetters = "from the topic that holds it, or an audit topic of dead letters"
        case isGone = "left out bytes, and the record is gone from its source"
        case isOutOfTime = "with a timestamp that its topic does not take"
        case isTooOld = "older than its topic keeps records: raise retention.ms there"
        case isWithoutKey = "without a key, to a topic that is compacted by keys"
        case isTooLarge = "larger than its topic takes: raise max.message.bytes there"
    }

    /// A topic that is written to.
    private struct Target {
        let partitionCount: Int32
        let batchByteLimit: Int
        /// The times of records that it takes.
        let times: Times
        /// Older records may be deleted before anybody reads them.
        let oldest: Timestamp?
        /// It keeps the last record of each key, and takes none without.
        let needsKeys: Bool
    }

    /// Where the record of a dead letter goes, and what a batch there takes.
    struct Place {
        let partition: TopicPartition
        let batchByteLimit: Int
        let times: Times
        let needsKeys: Bool
    }

    /// The times of records that a topic takes, and none at all.
    struct Times {
        /// In milliseconds since 1970.
        let range: ClosedRange<Int64>

        func contain(_ time: Timestamp) -> Bool {
            time == .none || range.contains(time.rawValue)
        }
    }

    /// So many topics are remembered: their names come from outside.
    private static let topicLimit = 1000

    private let log: ServedLog
    /// The topic of the dead letters.
    private let letters: String
    private let destination: Destination
    private let now: Timestamp
    /// Whether a topic that is not there is made, where it can be.
    var makesTopics: Bool
    private var topics: [String: Result<Target, Obstacle>] = [:]

    init(
        _ log: ServedLog,
        lettersOf letters: String,
        _ destination: Destination,
        now: Timestamp,
        makesTopics: Bool
    ) {
        self.log = log
        self.letters = letters
        self.destination = destination
        self.now = now
        self.makesTopics = makesTopics
    }

    /// Refuses a topic to which no record can go, whichever dead letter it is of.
    mutating func refuseImpossible() throws {
        guard case .topic(let name) = destination else { return }
        _ = try log.requireTopic(name)
        guard case .failure(let obstacle) = try topic(name, beside: name) else { return }
        let reason =
            switch obstacle {
            case .isLetters:
                name == letters
                    ? "it is the topic that holds these dead letters"
                    : "by its name it is where it is noted what was done about those of "
                        + "'\(DeadLetterNoteName.lettersTopic(of: name) ?? "")'"
            case .isOfJob:
                "only a job, or the log itself, writes to it"
            case .noTopic, .noSource, .isGone, .isOutOfTime, .isTooOld, .isWithoutKey, .isTooLarge:
                "it has no partition that can be written to"
            }
        throw CommandFailure(
            "no dead letter can be replayed to '\(name)'",
            place: "\(log.place)",
            reason: reason,
            next: "give another topic to --to, or leave it out: records go back to where they "
                + "came from"
        )
    }

    /// Where the record of a dead letter goes.
    mutating func target(of letter: DeadLetterView) throws -> Result<Place, Obstacle> {
        // One that a timer left has no record that could go anywhere.
        guard let source = letter.source?.partition else { return .failure(.noSource) }
        let name =
            switch destination {
            case .topic(let topic): topic
            case .source: source.topic
            case .side: source.topic + Destination.sideSuffix
            }
        let target: Target
        switch try topic(name, beside: source.topic) {
        case .success(let found): target = found
        case .failure(let found): return .failure(found)
        }
        if target.needsKeys, letter.key == nil, !letter.lacksKey { return .failure(.isWithoutKey) }
        // Of one that left something out the time is its source's, and known later.
        if letter[.leftOut] == nil, !target.times.contain(letter.recordTime) {
            return .failure(.isOutOfTime)
        }
        if let oldest = target.oldest, letter.recordTime < oldest { return .failure(.isTooOld) }
        let index: Int32
        if case .topic = destination {
            index = Self.partition(letter, source, count: target.partitionCount)
        } else {
            index = source.partition.rawValue
            guard index < target.partitionCount else { return .failure(.noTopic) }
        }
        return .success(
            Place(
                partition: TopicPartition(name, PartitionIndex(index)),
                batchByteLimit: target.batchByteLimit,
                times: target.times,
                needsKeys: target.needsKeys
            )
        )
    }

    private static func partition(
        _ letter: DeadLetterView,
        _ source: TopicPartition,
        count: Int32
    ) -> Int32 {
        if let key = letter.key { return Bytes.partition(ofKey: key, count: count) }
        return source.partition.rawValue % count
    }

    private mutating func topic(
        _ name: String,
        beside source: String
    ) throws -> Result<Target, Obstacle> {
        if let known = topics[name] { return known }
        if topics.count >= Self.topicLimit { topics = [:] }
        let found = try find(name, beside: source)
        topics[name] = found
        return found
    }

    private func find(
        _ name: String,
        beside source: String
    ) throws -> Result<Target, Obstacle> {
        // A record that came from outside must not pass for a note, of whatever dead letters.
        guard name != letters, DeadLetterNoteName.lettersTopic(of: name) == nil else {
            return .failure(.isLetters)
        }
        var topic = try named(name)
        if topic == nil, destination == .side, let original = try named(source) {
            guard makesTopics else {
                return .success(
                    Target(
                        partitionCount: Int32(clamping: original.partitions.count),
                        batchByteLimit: BatchLimit.byteCount,
                        times: times([:]),
                        oldest: nil,
                        needsKeys: false
                    )
                )
            }
            try log.createTopicIfAbsent(
                name,
                partitionCount: Int32(clamping: original.partitions.count)
            )
            topic = try named(name)
        }
        guard let topic, !topic.partitions.isEmpty else { return .failure(.noTopic) }
        guard !topic.isInternal else { return .failure(.isOfJob) }
        let options =
            try log.asking("the topic '\(name)' is not described") {
                cluster throws(KafkaClientError) in
                try cluster.options(of: [name], withDefaults: true)
            }[name] ?? [:]
        guard (options[TopicOptionName.owner] ?? "").isEmpty else { return .failure(.isOfJob) }
        let limit = options["max.message.bytes"].flatMap { Int($0) } ?? BatchLimit.byteCount
        return .success(
            Target(
                partitionCount: Int32(clamping: topic.partitions.count),
                batchByteLimit: min(limit, BatchLimit.byteCount),
                times: times(options),
                oldest: oldest(options),
                needsKeys: options["cleanup.policy"]?.contains("compact") ?? false
            )
        )
    }

    private func named(_ name: String) throws(CommandFailure) -> ClusterTopic? {
        try log.asking("the topic '\(name)' is not looked up") { cluster throws(KafkaClientError) in
            try cluster.topics(named: [name]).first
        }
    }

    /// The times that a topic takes by its options: one record beyond them fails its whole batch.
    private func times(_ options: [String: String]) -> Times {
        guard options["message.timestamp.type"] != "LogAppendTime" else {
            return Times(range: 0...Int64.max)
        }
        func limit(_ name: String, _ usual: Int64) -> Int64 {
            options[name].flatMap { Int64($0) } ?? usual
        }
        let before = limit("message.timestamp.before.max.ms", .max)
        let after = limit("message.timestamp.after.max.ms", 3_600_000)
        let earliest = now.advanced(byMilliseconds: -before).rawValue
        let latest = now.advanced(byMilliseconds: after).rawValue
        return Times(range: max(earliest, 0)...max(earliest, latest, 0))
    }

    /// The time before which a topic's retention may delete a record at once.
    private func oldest(_ options: [String: String]) -> Timestamp? {
        guard (options["cleanup.policy"] ?? "delete").contains("delete"),
            options["message.timestamp.type"] != "LogAppendTime",
            let retention = options["retention.ms"].flatMap({ Int64($0) }), retention >= 0
        else { return nil }
        return Timestamp(now.rawValue - min(retention, now.rawValue))
    }
}

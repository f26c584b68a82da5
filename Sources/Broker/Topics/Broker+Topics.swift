package import Bytes
import Coordination
package import LogModel
package import LogStorage
import Threads

/// Topics: what there is, and how one comes and goes.
extension Broker {
    /// All topics, by name.
    package func topics() -> [Topic] {
        topicSnapshot().all
    }

    /// The topics as they are now: who asks for several asks once.
    package func topicSnapshot() -> TopicSnapshot { topicTable.withLock { $0.snapshot } }

    /// The topic of this name, nil if there is none.
    package func topic(_ name: String) -> Topic? {
        topicSnapshot().topic(name)
    }

    /// The topic of this id, nil if there is none.
    package func topic(id: UniqueID) -> Topic? {
        topicSnapshot().topic(id: id)
    }

    /// An id for a topic that is about to be made.
    package func makeTopicID() -> UniqueID { makeID() }

    /// Creates a topic, of an id that was made for it before or now. Refuses what Kafka refuses,
    /// in its words. With `validateOnly` nothing is made: what speaks against it is told all the
    /// same.
    package func createTopic(
        _ name: String,
        id: UniqueID? = nil,
        partitionCount: Int32,
        options: [String: String] = [:],
        validateOnly: Bool = false
    ) throws(BrokerError) {
        try checkOpen()
        if let problem = TopicName.problem(with: name) { throw .refused(.invalidTopic, problem) }
        guard InternalTopic(rawValue: name) == nil, name != "__cluster_metadata" else {
            throw .refused(.invalidTopic, "Topic '\(name)' is internal: the log makes it itself.")
        }
        guard partitionCount > 0 else {
            throw .refused(
                .invalidPartitions,
                "Number of partitions was set to an invalid non-positive value."
            )
        }
        try space.claim(0, for: TopicPartition(name, PartitionIndex(0)))
        guard !validateOnly else {
            if let refusal = topicTable.withLock({ $0.refusal(of: name) }) { throw refusal }
            return
        }
        try makeTopic(
            name,
            id: id ?? makeID(),
            partitionCount: partitionCount,
            options: options
        )
    }

    /// Makes these options of a topic other ones, while it is open; nil takes one back.
    package func alterTopic(
        _ name: String,
        options changes: [String: String?]
    ) throws(BrokerError) {
        try altering.withLock { _ throws(BrokerError) in try alter(name, options: changes) }
    }

    private func alter(_ name: String, options changes: [String: String?]) throws(BrokerError) {
        try checkOpen()
        guard let topic = topic(name) else { throw Self.unknown(name) }
        guard !topic.isInternal else {
            throw .refused(.invalidTopic, "Topic '\(name)' is internal and keeps its options.")
        }
        var options = topic.options
        for (key, value) in changes {
            guard LogConfiguration.names.contains(key) else {
                throw .refused(.invalidConfiguration, "\"\(key)\" is no topic option")
            }
            options[key] = value
        }
        try storing(name) { [options] () throws(LogStorageError) in
            try dataDirectory.alterTopic(name, id: topic.id, options: options)
        }
        topicTable.withLock { [options] in
            if $0.topics[name]?.id == topic.id { $0.topics[name]?.options = options }
        }
    }

    /// Removes a topic and its records, and what groups have committed of it; a crash in between
    /// removes it all the same. With an `id` only that topic: another may have the name by now.
    package func deleteTopic(_ name: String, id: UniqueID? = nil) throws(BrokerError) {
        try checkOpen()
        guard InternalTopic(rawValue: name) == nil else {
            throw .refused(.invalidTopic, "Topic '\(name)' is internal and stays.")
        }
        guard let topic = topicTable.withLock({ $0.beginDeletion(of: name, id: id) }) else {
            throw Self.unknown(name)
        }
        do throws(LogStorageError) { try dataDirectory.removeTopic(name) } catch {
            finishDeletion(of: topic)
            throw BrokerError(error, in: name)
        }
        finishDeletion(of: topic)
    }

    private func finishDeletion(of topic: Topic) {
        let isThere = isInDirectory(topic.id)
        if !isThere { forget(topic) }
        topicTable.withLock { $0.endDeletion(of: topic.name, isThere: isThere) }
        change.raise()
    }

    /// Whether the topic's line is in the directory's table: then it exists.
    private func isInDirectory(_ id: UniqueID) -> Bool {
        dataDirectory.topics.contains { $0.id == id }
    }

    /// The ends of a partition now.
    package func bounds(of partition: TopicPartition) throws(BrokerError) -> LogBounds {
        try find(partition).bounds
    }

    /// Deletes the records below `offset`, which moves the log start.
    package func deleteRecords(
        of partition: TopicPartition,
        before offset: Offset
    ) throws(BrokerError) {
        let log = try find(partition).log
        try storing(partition.description) { () throws(LogStorageError) in
            try dataDirectory.groups.deleteRecords(of: log, before: offset)
        }
    }

    /// The partition, or Kafka's UNKNOWN_TOPIC_OR_PARTITION.
    package func find(_ partition: TopicPartition) throws(BrokerError) -> Partition {
        try checkOpen()
        return try topicSnapshot().find(partition)
    }

    /// The partition, for a producer's records: those of the coordinators take none.
    package func findForRecords(_ partition: TopicPartition) throws(BrokerError) -> Partition {
        guard InternalTopic(rawValue: partition.topic) == nil else {
            throw .refused(
                .invalidTopic,
                "Topic '\(partition.topic)' is internal: only the log writes to it."
            )
        }
        return try find(partition)
    }

    /// Those of these partitions that exist still, by their ids. One whose topic is being deleted
    /// does until the directory's table says otherwise: the deletion may fail, and the topic is
    /// then as if nothing had been asked.
    func existing(_ ids: some Sequence<TopicIDPartition>) -> [Partition] {
        let found = topicTable.withLock { table in
            ids.compactMap { table.partition($0) }
        }
        return found.filter { !$0.isLeaving || isInDirectory($0.partition.id.topicID) }
            .map(\.partition)
    }

    /// Makes an internal topic if it is not there.
    package func makeInternalTopic(_ topic: InternalTopic) throws(BrokerError) {
        try checkOpen()
        _ = try internalPartitions(topic)
    }

    /// The partitions of an internal topic, which is made at its first use.
    func internalPartitions(_ topic: InternalTopic) throws(BrokerError) -> [Partition] {
        if let existing = self.topic(topic.rawValue) { return existing.partitions }
        return try makingInternal.withLock { _ throws(BrokerError) in
            // Another thread may have been first.
            if let existing = self.topic(topic.rawValue) { return existing.partitions }
            try makeTopic(
                topic.rawValue,
                id: makeID(),
                partitionCount: configuration.internalPartitionCount,
                options: topic.options
            )
            guard let made = self.topic(topic.rawValue) else {
                throw Self.unknown(topic.rawValue)
            }
            return made.partitions
        }
    }

    /// Makes a topic. Its name is taken first, so that the disk is written to under no lock.
    private func makeTopic(
        _ name: String,
        id: UniqueID,
        partitionCount: Int32,
        options: [String: String]
    ) throws(BrokerError) {
        if let refusal = topicTable.withLock({ $0.reserve(name) }) { throw refusal }
        defer { topicTable.withLock { _ = $0.reserved.remove(name) } }
        do throws(LogStorageError) {
            let logs = try dataDirectory.createTopic(
                name,
                id: id,
                partitionCount: partitionCount,
                options: options
            )
            let topic = Topic(
                name: name,
                id: id,
                options: options,
                partitions: Self.partitions(of: logs, id: id, counters)
            )
            topicTable.withLock { $0.insert(topic) }
        } catch .foreignDirectory(let path) {
            throw .refused(
                .invalidTopic,
                dataDirectory.isOfUnnamedTopic(folder: path)
                    ? "\(path) holds records of a topic that the file millrace.topics does not "
                        + "name: put that file back as it was, or, if they are not missed, move "
                        + "the folder away"
                    : "\(path) is not this topic's: move it away, or give the topic another name"
            )
        } catch {
            throw BrokerError(error, in: name)
        }
        change.raise()
    }

    /// Opens the partitions that `isChosen` accepts; what speaks against using some of them, by
    /// partition: damage, or that they are offline.
    package func check(
        _ isChosen: (TopicPartition) -> Bool
    ) -> [(partition: TopicPartition, health: PartitionHealth)] {
        topics().flatMap(\.partitions).filter { isChosen($0.name) }.map { partition in
            (partition.name, partition.health)
        }
    }

    static func partitions(
        of logs: [PartitionLog],
        id: UniqueID,
        _ counters: BrokerCounters
    ) -> [Partition] {
        logs.map { Partition(id: TopicIDPartition(id, $0.name), log: $0, statistics: counters) }
    }

    static func unknown(_ name: String) -> BrokerError {
        .refused(
            .unknownTopicOrPartition,
            "\(name): This server does not host this topic-partition."
        )
    }
}

/// The topics that are there, those that are being deleted, and the names of those that are being
/// made.
struct TopicNames: Sendable {
    var topics: [String: Topic] = [:] {
        didSet {
            version += 1
            knownJobs = nil
        }
    }
    /// What `jobs` found, until a topic changes.
    private var knownJobs: Set<String>?
    /// Rises whenever a topic comes, goes or changes.
    private var version: UInt64 = 0
    /// What consumer groups were shown last.
    private var lastImage: TopicImage?
    /// Being deleted: no request finds them, transactions that include them do.
    private(set) var leaving: [String: Topic] = [:]
    var reserved: Set<String> = []
    /// The names of the topics that are there, by id.
    private var names: [UniqueID: String] = [:]

    init(topics: [String: Topic]) {
        self.topics = topics
        for topic in topics.values { names[topic.id] = topic.name }
    }

    var snapshot: TopicSnapshot { TopicSnapshot(topics: topics, names: names) }

    mutating func insert(_ topic: Topic) {
        topics[topic.name] = topic
        names[topic.id] = topic.name
    }

    /// The jobs that topics say they belong to.
    mutating func jobs() -> Set<String> {
        if let knownJobs { return knownJobs }
        let owners = topics.values.compactMap { topic in
            topic.options[TopicOptionName.owner]?.split(separator: "/").first.map(String.init)
        }
        let found = Set(owners)
        knownJobs = found
        return found
    }

    /// The topics as consumer groups look at them.
    mutating func image() -> TopicImage {
        if let lastImage, lastImage.version == version { return lastImage }
        let image = TopicImage(
            version: version,
            topics: topics.mapValues { topic in
                TopicImage.Shape(id: topic.id, partitionCount: Int32(topic.partitions.count))
            }
        )
        lastImage = image
        return image
    }

    /// Takes a topic away from whoever asks for it by name; nil if there is none. The name stays
    /// taken until the topic is gone: else one made meanwhile would be removed.
    mutating func beginDeletion(of name: String, id: UniqueID?) -> Topic? {
        guard let topic = snapshot.topic(name), topic.id == id ?? topic.id else { return nil }
        topics[name] = nil
        precondition(leaving[name] == nil, "\(name): deleted twice at once")
        leaving[name] = topic
        names[topic.id] = nil
        return topic
    }

    /// The partition of this id, and whether its topic is being deleted.
    func partition(_ id: TopicIDPartition) -> (partition: Partition, isLeaving: Bool)? {
        let name = id.name.topic
        let isLeaving = topics[name]?.id != id.topicID
        guard let topic = isLeaving ? leaving[name] : topics[name], topic.id == id.topicID else {
            return nil
        }
        return topic.partition(id.name.partition).map { ($0, isLeaving) }
    }

    /// The topic is gone, or there as before.
    mutating func endDeletion(of name: String, isThere: Bool) {
        let topic = leaving.removeValue(forKey: name)
        if isThere, let topic { insert(topic) }
    }

    /// Takes a name for a topic to be made; why not, if it cannot be.
    mutating func reserve(_ name: String) -> BrokerError? {
        if let refusal = refusal(of: name) { return refusal }
        reserved.insert(name)
        return nil
    }

    /// Why no topic can be made of this name; nil where one can.
    func refusal(of name: String) -> BrokerError? {
        if topics[name] != nil || leaving[name] != nil || reserved.contains(name) {
            return .refused(.topicAlreadyExists, "Topic '\(name)' already exists.")
        }
        let others = (Array(topics.keys) + leaving.keys + reserved).sorted()
        if let other = TopicName.collision(of: name, with: others) {
            return .refused(
                .invalidTopic,
                "Topic '\(name)' collides with existing topic: \(other)"
            )
        }
        return nil
    }
}

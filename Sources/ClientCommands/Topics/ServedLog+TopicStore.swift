import KafkaClient
import LogClient
import LogModel
package import Terminal

/// Topics of a log that is served.
extension ServedLog: TopicStore {
    var served: ServedLog { self }

    package func shownTopics(withInternal: Bool) throws(CommandFailure) -> [ShownTopic] {
        let topics = try asking("the topics are not told") { cluster throws(KafkaClientError) in
            try cluster.topics(named: nil)
        }
        return try shown(
            topics.filter { withInternal || !$0.isInternal },
            allowsDenials: true
        )
    }

    func requireKnown(_ name: String) throws(CommandFailure) {
        _ = try requireTopic(name, canBeMade: false)
    }

    func describedTopic(_ name: String) throws(CommandFailure) -> ShownTopic {
        let topic = try requireTopic(name, canBeMade: false)
        try open(topic)
        guard var shown = try shown([topic]).first else {
            throw place.missingTopic(name, among: [], canBeMade: false)
        }
        shown.take(try defaults(ofTopic: name))
        return shown
    }

    /// Has an owner open the partitions: it finds what is wrong with one when it is first read, and
    /// tells the ends without that. Each is asked for by itself, for of several the first one's
    /// batch may be all that there is room for.
    private func open(_ topic: ClusterTopic) throws(CommandFailure) {
        guard place.directory != nil else { return }
        for (partition, bounds) in try bounds(of: topic.usablePartitions) {
            guard case .success(let bounds) = bounds, bounds.logStart < bounds.highWatermark else {
                continue
            }
            _ = try? cluster.fetch(
                [partition: Offset(bounds.highWatermark.rawValue - 1)],
                isolation: .readUncommitted,
                byteLimit: 1,
                wait: .zero
            )
        }
    }

    func defaults(
        ofTopic name: String
    ) throws(CommandFailure) -> KafkaCluster.TopicDefaults {
        try asking("the options of '\(name)' are not told") { cluster throws(KafkaClientError) in
            try cluster.defaults(ofTopic: name)
        }
    }

    func createTopic(
        _ name: String,
        partitionCount: Int32,
        options: [String: String],
        mayBeThere: Bool
    ) throws(CommandFailure) -> Bool {
        do throws(KafkaClientError) {
            try cluster.createTopic(name, partitionCount: partitionCount, options: options)
            return true
        } catch {
            if mayBeThere, error.code == .topicAlreadyExists { return false }
            // The server has ended it, with an answer: what is not there was not made.
            let there = error.code == .kafkaStorageError ? try? cluster.topics(named: [name]) : nil
            if there?.isEmpty == true {
                throw failure("the topic '\(name)' was not made", error)
            }
            throw Self.changeFailure("the topic '\(name)'", .was, "made", place, error)
        }
    }

    func checkCreation(
        of name: String,
        partitionCount: Int32,
        options: [String: String],
        mayBeThere: Bool
    ) throws(CommandFailure) {
        try asking("the topic '\(name)' was not made") { cluster throws(KafkaClientError) in
            do throws(KafkaClientError) {
                // A cluster's quota counts the partitions of what is only checked as well.
                try cluster.createTopic(
                    name,
                    partitionCount: isOpenedHere ? partitionCount : 1,
                    options: options,
                    validateOnly: true
                )
            } catch {
                guard mayBeThere, error.code == .topicAlreadyExists else { throw error }
            }
        }
    }

    func growTopic(_ name: String, to count: Int32) throws(CommandFailure) {
        let topic = try requireTopic(name, canBeMade: false).name
        try changing("the topic '\(topic)'", .was, "given more partitions") {
            cluster throws(KafkaClientError) in
            try cluster.growTopic(topic, to: count)
        }
    }

    func checkChanges(
        of name: String,
        _ changes: [(name: String, value: String?)]
    ) throws(CommandFailure) {
        let topic = try requireTopic(name, canBeMade: false).name
        try asking("the topic '\(topic)' was not changed") { cluster throws(KafkaClientError) in
            try cluster.alterTopic(
                topic,
                options: Dictionary(changes.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }),
                validateOnly: true
            )
        }
    }

    func alterTopic(
        _ name: String,
        _ changes: [(name: String, value: String?)]
    ) throws(CommandFailure) -> [String: String] {
        let topic = try requireTopic(name, canBeMade: false).name
        try changing("the topic '\(topic)'", .was, "changed") { cluster throws(KafkaClientError) in
            try cluster.alterTopic(
                topic,
                options: Dictionary(changes.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
            )
        }
        let what = "the options of '\(topic)' are changed, and not told"
        let options = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.options(of: [topic])
        }
        return options[topic] ?? [:]
    }

    /// The owner itself refuses those of a job: it may run there.
    func jobOwning(_ name: String) throws(CommandFailure) -> String? {
        let options = try asking("whose topic '\(name)' is, is not told") {
            cluster throws(KafkaClientError) in
            try cluster.options(of: [name], allowsDenials: true)
        }
        return options[name]?[TopicOptionName.owner].flatMap { $0.isEmpty ? nil : $0 }
    }

    func deleteTopic(_ name: String) throws(CommandFailure) {
        let topic = try requireTopic(name, canBeMade: false).name
        try changing("the topic '\(topic)'", .was, "removed") { cluster throws(KafkaClientError) in
            try cluster.deleteTopic(topic)
        }
    }

    /// The topic of this name, or an error that names the nearest, and how to make one where
    /// that helps.
    func requireTopic(
        _ name: String,
        canBeMade: Bool = true
    ) throws(CommandFailure) -> ClusterTopic {
        let what = "the topic '\(name)' is not looked up"
        let topics = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.topics(named: [name])
        }
        if let topic = topics.first { return topic }
        let all = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.topics(named: nil)
        }
        let names = all.filter { !$0.isInternal }.map(\.name)
        throw place.missingTopic(name, among: names, canBeMade: canBeMade)
    }

    /// With `allowsDenials` also those whose options this client may not know, as Kafka's tool
    /// does.
    private func shown(
        _ topics: [ClusterTopic],
        allowsDenials: Bool = false
    ) throws(CommandFailure) -> [ShownTopic] {
        let what = "the state of the topics is not told"
        let options = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.options(of: topics.map(\.name), allowsDenials: allowsDenials)
        }
        let troubles = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.troubles(of: topics.map(\.name))
        }
        let bounds = try bounds(of: topics.flatMap(\.usablePartitions))
        return topics.compactMap { topic in
            // Deleted since the topics were told.
            let isGone = topic.partitionNames.contains {
                if case .failure(let error)? = bounds[$0] {
                    error.code == .unknownTopicOrPartition
                } else {
                    false
                }
            }
            if isGone, allowsDenials { return nil }
            return ShownTopic(
                name: topic.name,
                isInternal: topic.isInternal,
                options: options[topic.name],
                partitions: topic.partitions.map { partition in
                    let name = TopicPartition(topic.name, PartitionIndex(partition.index))
                    var shown = Self.shown(partition, bounds[name])
                    if let trouble = troubles[topic.name]?[partition.index] { shown.note(trouble) }
                    return shown
                }
            )
        }
    }

    private static func shown(
        _ partition: ClusterTopic.Partition,
        _ bounds: Result<PartitionBounds, KafkaClientError>?
    ) -> ShownPartition {
        switch bounds {
        case .success(let bounds): ShownPartition(bounds: bounds)
        case .failure(let error): ShownPartition(state: .offline, reason: "\(error)")
        case nil: ShownPartition(state: .offline, reason: partition.code.told)
        }
    }

    /// The ends of partitions, or why they are not told.
    func bounds(
        of partitions: [TopicPartition]
    ) throws(CommandFailure) -> [TopicPartition: Result<PartitionBounds, KafkaClientError>] {
        typealias Answers = [TopicPartition: Result<Offset?, KafkaClientError>]
        let what = "the offsets are not told"
        let (starts, ends, stable) = try asking(what) {
            cluster throws(KafkaClientError) -> (Answers, Answers, Answers) in
            // The ends last: what lies between grows, and is never shown as less than nothing.
            (
                try cluster.offsets(.earliest, of: partitions, isolation: .readUncommitted),
                try cluster.offsets(.latest, of: partitions, isolation: .readUncommitted),
                try cluster.offsets(.latest, of: partitions, isolation: .readCommitted)
            )
        }
        var bounds: [TopicPartition: Result<PartitionBounds, KafkaClientError>] = [:]
        for partition in partitions {
            bounds[partition] = Result { () throws(KafkaClientError) in
                let end = try known(ends[partition], of: partition) ?? .zero
                return PartitionBounds(
                    logStart: try known(starts[partition], of: partition) ?? .zero,
                    highWatermark: end,
                    lastStableOffset: min(try known(stable[partition], of: partition) ?? end, end)
                )
            }
        }
        return bounds
    }

    /// What an answer leaves out is not known.
    private func known(
        _ answer: Result<Offset?, KafkaClientError>?,
        of partition: TopicPartition
    ) throws(KafkaClientError) -> Offset? {
        guard let answer else { throw .nonsense(cluster.entry, "it leaves out \(partition)") }
        return try answer.get()
    }
}

extension ClusterTopic {
    /// Those of which nothing says that they cannot be used now.
    fileprivate var usablePartitions: [TopicPartition] {
        partitions.filter { $0.code == .none }.map {
            TopicPartition(name, PartitionIndex($0.index))
        }
    }
}

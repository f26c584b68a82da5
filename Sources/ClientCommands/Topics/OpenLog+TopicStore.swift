import Broker
package import DirectoryAccess
import LogClient
import LogModel
import LogStorage
import Terminal

/// Topics of the log that this process has opened.
extension OpenLog: TopicStore {
    var served: ServedLog { ServedLog(inProcess: self) }

    func shownTopics(withInternal: Bool) -> [ShownTopic] {
        broker.topics().filter { withInternal || !$0.isInternal }.map { topic in
            ShownTopic(topic, topic.partitions.map { ShownPartition(lookingAt: $0) })
        }
    }

    func requireKnown(_ name: String) throws(CommandFailure) {
        _ = try requireTopic(name, canBeMade: false)
    }

    /// Every topic once its partitions are opened: what is wrong with them is known then.
    package func openedTopics() -> [ShownTopic] {
        broker.topics().map { topic in
            ShownTopic(topic, topic.partitions.map { ShownPartition(opening: $0) })
        }
    }

    func describedTopic(_ name: String) throws(CommandFailure) -> ShownTopic {
        let topic = try requireTopic(name, canBeMade: false)
        var shown = ShownTopic(topic, topic.partitions.map { ShownPartition(opening: $0) })
        shown.take(try served.defaults(ofTopic: name))
        return shown
    }

    func createTopic(
        _ name: String,
        partitionCount: Int32,
        options: [String: String],
        mayBeThere: Bool
    ) throws(CommandFailure) -> Bool {
        do throws(BrokerError) {
            try broker.createTopic(name, partitionCount: partitionCount, options: options)
            return true
        } catch {
            if mayBeThere, case .refused(.topicAlreadyExists, _) = error { return false }
            throw CommandFailure(
                "the topic '\(name)' was not made",
                place: directory,
                data: directory,
                error
            )
        }
    }

    func checkCreation(
        of name: String,
        partitionCount: Int32,
        options: [String: String],
        mayBeThere: Bool
    ) throws(CommandFailure) {
        try served.checkCreation(
            of: name,
            partitionCount: partitionCount,
            options: options,
            mayBeThere: mayBeThere
        )
    }

    func growTopic(_ name: String, to count: Int32) throws(CommandFailure) {
        let topic = try requireTopic(name, canBeMade: false)
        do throws(CommandFailure) {
            try served.growTopic(topic.name, to: count)
        } catch {
            // Of a log that is opened here nobody has to wonder what became of it.
            guard error.what.hasPrefix("it is not known"),
                broker.topic(name)?.partitions.count == topic.partitions.count
            else { throw error }
            throw CommandFailure(
                "the topic '\(name)' was not given more partitions",
                place: error.place,
                reason: error.reason,
                next: "mend that, then the same command"
            )
        }
    }

    func checkChanges(
        of name: String,
        _ changes: [(name: String, value: String?)]
    ) throws(CommandFailure) {
        try refuseForJob(try requireTopic(name, canBeMade: false), changes)
        try served.checkChanges(of: name, changes)
    }

    func alterTopic(
        _ name: String,
        _ changes: [(name: String, value: String?)]
    ) throws(CommandFailure) -> [String: String] {
        let topic = try requireTopic(name, canBeMade: false)
        try refuseForJob(topic, changes)
        do throws(BrokerError) {
            try broker.alterTopic(
                name,
                options: Dictionary(changes.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
            )
        } catch {
            throw CommandFailure(
                "the topic '\(name)' was not changed",
                place: directory,
                data: directory,
                error
            )
        }
        return broker.topic(name)?.options ?? [:]
    }

    /// What a job keeps in a topic of its own would go by the options of another kind of topic.
    /// That its bytes can be read as another format, a person may say by taking the format back:
    /// nothing runs on a directory that is opened here.
    private func refuseForJob(
        _ topic: Topic,
        _ changes: [(name: String, value: String?)]
    ) throws(CommandFailure) {
        guard let owner = topic.options[TopicOptionName.owner],
            let option = changes.first(where: {
                ($0.name != TopicOptionName.format || $0.value != nil)
                    && topic.mayNotChange($0.name, to: $0.value ?? "")
            })?.name
        else { return }
        throw CommandFailure(
            "\(option) of '\(topic.name)' cannot be changed",
            place: directory,
            reason: "the topic is that of \(owner) (job/name), which counts on its records as they "
                + "are"
        )
    }

    func jobOwning(_ name: String) throws(CommandFailure) -> String? {
        broker.topic(name)?.options[TopicOptionName.owner]
    }

    func deleteTopic(_ name: String) throws(CommandFailure) {
        let topic = try requireTopic(name, canBeMade: false)
        do throws(BrokerError) {
            try broker.deleteTopic(topic.name)
        } catch {
            let isGone = broker.topic(topic.name) == nil
            throw CommandFailure(
                isGone
                    ? "the topic '\(topic.name)' is deleted, but not all of its files are gone"
                    : "the topic '\(topic.name)' was not removed",
                place: directory,
                data: directory,
                error
            )
        }
    }
}

extension ShownTopic {
    fileprivate init(_ topic: Topic, _ partitions: [ShownPartition]) {
        self.init(
            name: topic.name,
            isInternal: topic.isInternal,
            options: topic.options,
            partitions: partitions
        )
    }
}

extension ShownPartition {
    /// What is known of it; it is opened only where nothing is.
    fileprivate init(lookingAt partition: Partition) {
        let known = partition.log.knownBounds ?? (try? partition.log.bounds)
        bounds = known.map { PartitionBounds($0) }
        if partition.log.recoveryReport == nil { state = .notOpened }
        note(partition.knownHealth)
    }

    /// What it is like once it was opened.
    fileprivate init(opening partition: Partition) {
        note(partition.health)
        bounds = partition.log.knownBounds.map { PartitionBounds($0) }
    }

    private mutating func note(_ health: PartitionHealth) {
        if let trouble = health.trouble { note(trouble) }
    }
}

extension PartitionBounds {
    init(_ bounds: LogBounds) {
        self.init(
            logStart: bounds.logStart,
            highWatermark: bounds.highWatermark,
            lastStableOffset: bounds.lastStableOffset
        )
    }
}

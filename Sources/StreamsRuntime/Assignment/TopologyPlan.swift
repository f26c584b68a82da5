package import LogClient
package import LogModel
package import Streams

/// What a topology needs of a log: which topics must exist with how many partitions, and which
/// tasks there are. Made of plain data: the topology's specification and the topics that exist.
package struct TopologyPlan: Equatable, Sendable {
    /// One sub-topology on one partition.
    package struct Task: Hashable, Comparable, Sendable, CustomStringConvertible {
        package let subtopology: Int
        package let partition: PartitionIndex
        package static func < (left: Task, right: Task) -> Bool {
            (left.subtopology, left.partition) < (right.subtopology, right.partition)
        }
        /// `0_3`, as Kafka Streams writes it.
        package var description: String { "\(subtopology)_\(partition.rawValue)" }
    }

    /// A changelog's closed segments are compacted, the one being written never: with segments of
    /// 64 MiB, not Kafka's 1 GiB, a few keys written often leave that much to restore at most.
    static let changelogOptions = ["cleanup.policy": "compact", "segment.bytes": "67108864"]

    /// One that is cut off at its front loses whole segments.
    static let cutOffOptions = ["segment.bytes": "16777216"]

    /// A dead letter has its record and the headers about it, so more than a record may have: its
    /// topic takes whatever there is. It stays until somebody has seen to it.
    static let deadLetterOptions = [
        "max.message.bytes": "\(BatchLimit.byteCount)", "retention.ms": "-1",
    ]

    /// Results have the times of what they were made of: with Kafka's seven days those of old data
    /// would be deleted a moment after they were committed.
    static let sinkOptions = ["retention.ms": "-1"]

    /// The topics of the job's own, with what they say of themselves.
    private let labels: [String: TopicLabel]
    /// What topics of the job's own that exist are to say of themselves in place of what they say,
    /// by topic: those of directories from before topics did, and those in `changedFormats`.
    package private(set) var topicsToLabel: [String: TopicLabel] = [:]

    /// What is deleted the job deletes itself.
    private static let keptForEver = ["retention.ms": "-1", "retention.bytes": "-1"]

    /// What a topic gets that the job takes for its own: one that somebody else made beforehand may
    /// have options by which records would go that the job counts on.
    package static func options(for label: TopicLabel) -> [String: String] {
        let kept =
            switch label.purpose {
            // Kafka lets records be deleted only where a policy of deletion is.
            case .store where label.isCutOff:
                ["cleanup.policy": "compact,delete"].merging(Self.keptForEver) { $1 }
            case .store: ["cleanup.policy": "compact"]
            case .repartition:
                ["cleanup.policy": "delete"].merging(Self.keptForEver) { $1 }
            }
        // Windows and joins behind a repartition go by the records' own times.
        return label.options.merging(kept) { $1 }.merging(
            ["message.timestamp.type": "CreateTime"]
        ) { $1 }
    }

    /// Topics of the job's own that say to have records of another format than the job's.
    package private(set) var changedFormats: [ChangedFormat] = []
    /// Topics that do not exist yet.
    package private(set) var topicsToCreate: [TopicSpecification] = []
    /// Partitions of every topic that the job reads or writes.
    package private(set) var partitionCounts: [String: Int32] = [:]
    /// Every task, ordered.
    package private(set) var tasks: [Task] = []
    /// The topics that each sub-topology reads.
    package private(set) var inputTopics: [[String]] = []

    /// Plans `specification` over the topics that exist.
    package init(
        _ specification: TopologySpecification,
        existing: [TopicDescription]
    ) throws(PlanError) {
        labels = specification.labels
        try Self.checkOwners(labels, existing: existing)
        try Self.checkOutputs(of: specification, existing: existing)
        for topic in existing { partitionCounts[topic.name] = topic.partitionCount }
        let planned = Set(existing.map(\.name))
        try checkSources(of: specification)
        try placeRepartitions(of: specification, existing: planned)
        for subtopology in specification.subtopologies {
            let topics =
                subtopology.externalTopics
                + subtopology.repartitions.map(specification.names.repartitionTopic(via:))
            inputTopics.append(topics)
            let count = try Self.taskCount(of: topics, partitionCounts)
            for index in 0..<count {
                tasks.append(Task(subtopology: subtopology.id, partition: PartitionIndex(index)))
            }
            for store in subtopology.stores {
                try place(
                    specification.names.changelogTopic(store: store.name),
                    partitionCount: count,
                    exactly: true,
                    existing: planned,
                    configuration: store.isCutOff ? Self.cutOffOptions : Self.changelogOptions
                )
            }
        }
        let widest = inputTopics.flatMap { $0 }.compactMap { partitionCounts[$0] }.max() ?? 1
        let outputs =
            specification.operators.flatMap { specification.sinkTopics(of: $0.kind) }
            .map { ($0, Self.sinkOptions) }
            + specification.deadLetterTopics.map { ($0, Self.deadLetterOptions) }
        for (topic, configuration) in outputs {
            try place(
                topic,
                partitionCount: widest,
                exactly: false,
                existing: planned,
                configuration: configuration
            )
        }
        tasks.sort()
        compareLabels(existing)
    }

    /// Two jobs may have made one name of different parts: `a` with the store `b-c`, and `a-b` with
    /// the store `c`.
    package static func checkOwners(
        _ labels: [String: TopicLabel],
        existing: [TopicDescription]
    ) throws(PlanError) {
        for topic in existing {
            guard let label = labels[topic.name],
                let owner = topic.configuration[TopicLabel.ownerOption], owner != label.owner
            else { continue }
            throw .otherOwner(topic: topic.name, owner: owner, label: label)
        }
    }

    /// What a job keeps in topics of its own takes nobody else's records, nor its results.
    private static func checkOutputs(
        of specification: TopologySpecification,
        existing: [TopicDescription]
    ) throws(PlanError) {
        for topic in specification.outputTopics.sorted() {
            let owner =
                specification.labels[topic]?.owner
                ?? existing.first { $0.name == topic }?.configuration[TopicLabel.ownerOption]
            if let owner { throw .ownedOutput(topic: topic, owner: owner) }
            // The log's own: it takes nothing there but what it writes itself.
            if existing.contains(where: { $0.name == topic && $0.isInternal }) {
                throw .internalOutput(topic: topic)
            }
        }
    }

    /// The repartition topics of a job that its topology does not name any more.
    package static func unusedRepartitions(
        of specification: TopologySpecification,
        existing: [TopicDescription]
    ) -> [String] {
        let labels = specification.labels
        return existing.filter { topic in
            let owner = topic.configuration[TopicLabel.ownerOption]
            return labels[topic.name] == nil && topic.name.hasSuffix("-repartition")
                && owner?.hasPrefix("\(specification.job)/") == true
        }.map(\.name).sorted()
    }

    /// Topics of the job's own that say to have records of another format than the job's.
    package static func changedFormats(
        _ labels: [String: TopicLabel],
        existing: [TopicDescription]
    ) -> [ChangedFormat] {
        existing.sorted { $0.name < $1.name }.compactMap { topic in
            guard let label = labels[topic.name],
                let format = topic.configuration[TopicLabel.formatOption],
                !label.format.isTaken(fromWord: format)
            else { return nil }
            return ChangedFormat(topic: topic.name, label: label, found: format)
        }
    }

    private mutating func compareLabels(_ existing: [TopicDescription]) {
        changedFormats = Self.changedFormats(labels, existing: existing)
        for topic in existing {
            guard let label = labels[topic.name],
                Self.options(for: label).contains(where: {
                    topic.configuration[$0.key] != $0.value
                })
            else { continue }
            topicsToLabel[topic.name] = label
        }
    }

    private func checkSources(of specification: TopologySpecification) throws(PlanError) {
        for subtopology in specification.subtopologies {
            for topic in subtopology.externalTopics where partitionCounts[topic] == nil {
                throw .missingSource(topic: topic)
            }
        }
        for table in specification.globalTables where partitionCounts[table.topic] == nil {
            throw .missingSource(topic: table.topic)
        }
    }

    /// Repartition topics without a count of their own get that of what is read with them, else
    /// that of the widest external source.
    private mutating func placeRepartitions(
        of specification: TopologySpecification,
        existing: Set<String>
    ) throws(PlanError) {
        let widest =
            specification.subtopologies.flatMap(\.externalTopics)
            .compactMap { partitionCounts[$0] }.max() ?? 1
        for item in specification.operators {
            guard case .repartitionSink(let via, _, let count) = item.kind else { continue }
            try place(
                specification.names.repartitionTopic(via: via),
                partitionCount: count ?? countReadWith(via, in: specification) ?? widest,
                exactly: count != nil,
                existing: existing,
                // Purged by whole segments.
                configuration: ["segment.bytes": "16777216"]
            )
        }
    }

    /// The partitions of a topic that a sub-topology reads beside a repartition topic: an external
    /// one, or one whose count was given.
    private func countReadWith(
        _ via: String,
        in specification: TopologySpecification
    ) -> Int32? {
        guard
            let reader = specification.subtopologies.first(where: { $0.repartitions.contains(via) })
        else { return nil }
        if let topic = reader.externalTopics.first { return partitionCounts[topic] }
        let counts = specification.operators.lazy.compactMap { item -> Int32? in
            guard case .repartitionSink(let other, _, let count) = item.kind,
                reader.repartitions.contains(other)
            else { return nil }
            return count
        }
        return counts.first
    }

    private mutating func place(
        _ topic: String,
        partitionCount: Int32,
        exactly: Bool,
        existing: Set<String>,
        configuration: [String: String]
    ) throws(PlanError) {
        if let count = partitionCounts[topic] {
            guard !exactly || count == partitionCount else {
                throw .partitionCount(topic: topic, found: count, needed: partitionCount)
            }
            return
        }
        partitionCounts[topic] = partitionCount
        topicsToCreate.append(
            TopicSpecification(
                name: topic,
                partitionCount: partitionCount,
                configuration: configuration.merging(
                    labels[topic].map(Self.options(for:)) ?? [:]
                ) { $1 }
            )
        )
    }

    /// The sources of one sub-topology must have the same number of partitions.
    private static func taskCount(
        of topics: [String],
        _ partitionCounts: [String: Int32]
    ) throws(PlanError) -> Int32 {
        guard let first = topics.first, let count = partitionCounts[first] else { return 0 }
        for topic in topics {
            let other = partitionCounts[topic] ?? 0
            guard other == count else {
                throw .notCopartitioned(topic: first, count: count, other: topic, otherCount: other)
            }
        }
        return count
    }
}

/// Why a topology cannot run on the topics that exist.
package enum PlanError: Error, Equatable, CustomStringConvertible, Sendable {
    case missingSource(topic: String)
    case partitionCount(topic: String, found: Int32, needed: Int32)
    case notCopartitioned(topic: String, count: Int32, other: String, otherCount: Int32)
    case otherOwner(topic: String, owner: String, label: TopicLabel)
    case ownedOutput(topic: String, owner: String)
    case internalOutput(topic: String)
    case changedFormat(ChangedFormat)
    case unreadRepartition(topic: String)

    /// So many of them, in words.
    static func partitions(_ count: Int32) -> String {
        "\(count) partition\(count == 1 ? "" : "s")"
    }

    package var description: String {
        description(commandOptions: StreamsConfiguration.commandOptions)
    }

    /// A command of Millrace's about a topic, as a shell takes it.
    static func command(
        _ words: String,
        _ topic: String,
        _ options: String...
    ) -> String {
        // What begins like an option is none behind a double dash.
        let all =
            topic.hasPrefix("-") ? [words] + options + ["-- \(topic)"] : [words, topic] + options
        return "millrace \(all.joined(separator: " "))"
    }

    /// What is wrong, and the ways on; commands get these options, so that they reach the log.
    func description(commandOptions: String) -> String {
        switch self {
        case .missingSource(let topic):
            "the input topic \"\(topic)\" does not exist; create it: "
                + Self.command("topic create", topic, "--partitions 4", commandOptions)
        case .partitionCount(let topic, let found, let needed):
            "the topic \"\(topic)\" has \(Self.partitions(found)), and the job needs \(needed): "
                + "its inputs changed their partition count, or another job uses the name; "
                + "millrace run JOB --reset makes its own topics anew"
        case .notCopartitioned(let topic, let count, let other, let otherCount):
            "\"\(topic)\" has \(Self.partitions(count)) and \"\(other)\" \(otherCount), but they "
                + "meet in "
                + "one sub-topology: bring one through .repartition(…, partitions: \(count))"
        case .otherOwner(let topic, let owner, let label):
            "the topic \"\(topic)\" is that of \(owner) (job/name), and the job \"\(label.job)\" "
                + "needs it for its \(label.purpose.rawValue) \"\(label.name)\": give one of them "
                + "another name"
        case .ownedOutput(let topic, let owner):
            "the job writes its results to the topic \"\(topic)\", which is that of \(owner) "
                + "(job/name) and takes no other records: name another topic"
        case .internalOutput(let topic):
            "the job writes its results to the topic \"\(topic)\", which is the log's own: name "
                + "another topic"
        case .changedFormat(let change): change.description(commandOptions: commandOptions)
        case .unreadRepartition(let topic):
            "\(topic) holds records that the job as it was has not processed, or cannot be read, "
                + "and this one does not read it. Nothing was changed; run the job as it was with "
                + "--until-caught-up first, start over with millrace run JOB --reset "
                + "\(commandOptions), or give the records up: "
                + Self.command("topic delete", topic, "--force", commandOptions)
        }
    }
}

extension TopologySpecification {
    /// The topics that the job's results go to, and its dead letters.
    var outputTopics: Set<String> {
        Set(operators.flatMap { sinkTopics(of: $0.kind) } + deadLetterTopics)
    }
}

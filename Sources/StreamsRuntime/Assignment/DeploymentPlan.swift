package import LogClient
package import LogModel
package import Streams

/// What deploying a topology does to what a job has: a value made of plain data, with nothing
/// opened or written.
package struct DeploymentPlan: Equatable, Sendable {
    /// What becomes of one thing, the worst first.
    package enum Verdict: String, Sendable, CaseIterable {
        /// The job does not start.
        case refuse
        /// Made anew of what the log holds.
        case rebuild
        /// Left lying, and read by nobody.
        case orphan
        /// Not there yet.
        case create
        /// As it is.
        case keep
    }

    /// What is judged.
    package enum Subject: String, Sendable {
        case input, store, repartition, output
    }

    package struct Item: Equatable, Sendable {
        package let verdict: Verdict
        package let subject: Subject
        package let name: String
        /// The topic that belongs to it; nil where there is none.
        package let topic: String?
        package let reason: String
    }

    package let job: String
    /// The worst first.
    package let items: [Item]

    /// Whether the job starts.
    package var isCompatible: Bool { !items.contains { $0.verdict == .refuse } }

    /// Judges `specification` over what there is.
    package init(_ specification: TopologySpecification, over deployed: DeployedJob) {
        job = specification.job
        var judge = Judge(specification, deployed)
        judge.judgeInputs()
        judge.judgeStores()
        judge.judgeRepartitions()
        judge.judgeOutputs()
        judge.judgeWhole()
        judge.refuseOffline()
        judge.findOrphans()
        let order = Verdict.allCases
        items = judge.items.enumerated().sorted {
            (order.firstIndex(of: $0.element.verdict) ?? 0, $0.offset)
                < (order.firstIndex(of: $1.element.verdict) ?? 0, $1.offset)
        }.map(\.element)
    }
}

/// What there is of a job: its topics and its files.
package struct DeployedJob: Sendable {
    /// Every topic of the log.
    package var topics: [TopicDescription]
    /// The topics in which something was ever written and not yet deleted.
    package var filledTopics: Set<String>
    /// The stores that have a folder, by the folders' names without the partition.
    package var storeFolders: Set<String>
    /// The job as it was started last; nil where that is not known.
    package var topology: TopologySpecification?
    /// Why partitions cannot be opened, of those that cannot.
    package var offline: [TopicPartition: String] = [:]
    /// The options with which a command reaches the log.
    package var commandOptions = StreamsConfiguration.commandOptions

    package init(
        topics: [TopicDescription],
        filledTopics: Set<String>,
        storeFolders: Set<String>,
        topology: TopologySpecification?
    ) {
        self.topics = topics
        self.filledTopics = filledTopics
        self.storeFolders = storeFolders
        self.topology = topology
    }
}

/// Collects the items of a plan.
private struct Judge {
    private let specification: TopologySpecification
    private let deployed: DeployedJob
    private let topics: [String: TopicDescription]
    private let labels: [String: TopicLabel]
    private let changes: [String: ChangedFormat]
    private(set) var items: [DeploymentPlan.Item] = []

    init(_ specification: TopologySpecification, _ deployed: DeployedJob) {
        self.specification = specification
        self.deployed = deployed
        topics = Dictionary(deployed.topics.map { ($0.name, $0) }) { first, _ in first }
        labels = specification.labels
        changes = Dictionary(
            TopologyPlan.changedFormats(labels, existing: deployed.topics).map { ($0.topic, $0) }
        ) { first, _ in first }
    }

    private mutating func add(
        _ verdict: DeploymentPlan.Verdict,
        _ subject: DeploymentPlan.Subject,
        _ name: String,
        _ topic: String?,
        _ reason: String
    ) {
        items.append(
            DeploymentPlan.Item(
                verdict: verdict,
                subject: subject,
                name: name,
                topic: topic,
                reason: reason
            )
        )
    }

    private func words(of error: PlanError) -> String {
        error.description(commandOptions: deployed.commandOptions)
    }

    private var inputs: Set<String> { Self.inputs(of: specification) }

    private static func inputs(of specification: TopologySpecification) -> Set<String> {
        Set(specification.subtopologies.flatMap(\.externalTopics))
            .union(specification.globalTables.map(\.topic))
    }

    mutating func judgeInputs() {
        let former = deployed.topology.map(Self.inputs)
        for topic in inputs.sorted() {
            guard let found = topics[topic] else {
                let error = PlanError.missingSource(topic: topic)
                add(.refuse, .input, topic, topic, words(of: error))
                continue
            }
            let count = PlanError.partitions(found.partitionCount)
            if let former, !former.contains(topic) {
                let words = "the last form did not read it; a position of an earlier one counts"
                add(.create, .input, topic, topic, "\(count); \(words)")
            } else {
                add(.keep, .input, topic, topic, count)
            }
        }
    }

    mutating func judgeStores() {
        let lapsed = LapsedStores(specification, former: deployed.topology) {
            deployed.filledTopics.contains($0)
        }
        for store in specification.subtopologies.flatMap(\.stores) {
            let topic = specification.names.changelogTopic(store: store.name)
            let isFilled = deployed.filledTopics.contains(topic)
            let hasFolder = deployed.storeFolders.contains(store.name)
            if let change = changes[topic], isFilled {
                add(.refuse, .store, store.name, topic, words(of: .changedFormat(change)))
            } else if topics[topic] == nil {
                hasFolder || wasThere(store)
                    ? add(.rebuild, .store, store.name, topic, "its changelog is gone: it is empty")
                    : add(.create, .store, store.name, topic, store.words)
            } else {
                let lapse =
                    lapsed.names.contains(store.name)
                    ? "; the last form did not have it: what was processed since is not in it" : ""
                if isFilled, store.isInMemory {
                    let words = "in memory: every start reads it"
                    add(.rebuild, .store, store.name, topic, words + lapse)
                } else if isFilled, !hasFolder {
                    add(.rebuild, .store, store.name, topic, "from its changelog" + lapse)
                } else {
                    let change = formerWords(of: store).map { "; before: \($0)" } ?? ""
                    add(.keep, .store, store.name, topic, store.words + change + lapse)
                }
            }
        }
        for table in specification.globalTables {
            add(.keep, .store, table.store, table.topic, "a copy of the topic in every thread")
        }
    }

    /// When the rows of a store ended as the job was started last, if that was another time.
    private func formerWords(of store: StoreSpecification) -> String? {
        let former = deployed.topology?.subtopologies.flatMap(\.stores)
            .first { $0.name == store.name && $0.format == store.format }
        guard let former, former.expiry != store.expiry else { return nil }
        return former.expiry.map { "\($0)" }
    }

    /// Whether the job had the store when it was started last.
    private func wasThere(_ store: StoreSpecification) -> Bool {
        deployed.topology?.subtopologies.contains { part in
            part.stores.contains { $0.name == store.name }
        } ?? false
    }

    mutating func judgeRepartitions() {
        for (topic, label) in labels.sorted(by: { $0.key < $1.key })
        where label.purpose == .repartition {
            if let change = changes[topic], deployed.filledTopics.contains(topic) {
                add(.refuse, .repartition, label.name, topic, words(of: .changedFormat(change)))
            } else {
                let verdict: DeploymentPlan.Verdict = topics[topic] == nil ? .create : .keep
                add(verdict, .repartition, label.name, topic, "\(label.format)")
            }
        }
    }

    mutating func judgeOutputs() {
        let outputs = specification.operators.flatMap { specification.sinkTopics(of: $0.kind) }
        for topic in Set(outputs + specification.deadLetterTopics).sorted() {
            if let found = topics[topic] {
                add(.keep, .output, topic, topic, PlanError.partitions(found.partitionCount))
            } else {
                add(.create, .output, topic, topic, "as many partitions as the widest input")
            }
        }
    }

    /// A topic whose name differs from another's in dots and underscores alone cannot be made, as
    /// in Kafka.
    private mutating func judgeNewNames() {
        var taken = Array(topics.keys)
        for item in items where item.verdict == .create {
            guard let topic = item.topic, topics[topic] == nil else { continue }
            guard let other = TopicName.collision(of: topic, with: taken) else {
                taken.append(topic)
                continue
            }
            items.removeAll { $0 == item }
            add(
                .refuse,
                item.subject,
                item.name,
                topic,
                "the topic \(topic) collides with \(other): names differ by more than . and _"
            )
        }
    }

    /// A job does not start without a partition of its topics: what is written to it, or read from
    /// it, may be anything.
    mutating func refuseOffline() {
        let byTopic = Dictionary(grouping: deployed.offline, by: \.key.topic)
        for (topic, partitions) in byTopic.sorted(by: { $0.key < $1.key }) {
            let sorted = partitions.sorted { $0.key < $1.key }
            guard let first = sorted.first else { continue }
            let others =
                switch sorted.count - 1 {
                case 0: ""
                case 1: " (and 1 other partition)"
                case let more: " (and \(more) other partitions)"
                }
            for item in items where item.topic == topic {
                items.removeAll { $0 == item }
                let reason = "\(first.key) is offline\(others): \(first.value)"
                add(.refuse, item.subject, item.name, topic, reason)
            }
        }
    }

    /// What concerns more than one topic: partition counts, and names that two jobs use.
    mutating func judgeWhole() {
        judgeNewNames()
        do throws(PlanError) {
            _ = try TopologyPlan(specification, existing: deployed.topics)
        } catch {
            switch error {
            // Judged with the input or the topic itself.
            case .missingSource, .changedFormat, .unreadRepartition: return
            case .partitionCount(let topic, _, _), .otherOwner(let topic, _, _):
                let label = labels[topic]
                items.removeAll { $0.topic == topic }
                add(
                    .refuse,
                    label?.purpose == .store ? .store : .repartition,
                    label?.name ?? topic,
                    topic,
                    words(of: error)
                )
            case .ownedOutput(let topic, _), .internalOutput(let topic):
                items.removeAll { $0.subject == .output && $0.topic == topic }
                add(.refuse, .output, topic, topic, words(of: error))
            case .notCopartitioned(let topic, _, _, _):
                add(.refuse, .input, topic, topic, words(of: error))
            }
        }
    }

    /// What is the job's and is used no more.
    mutating func findOrphans() {
        var found: Set<String> = []
        for topic in deployed.topics.sorted(by: { $0.name < $1.name })
        where labels[topic.name] == nil {
            let owner = topic.configuration[TopicLabel.ownerOption]
            let former = deployed.topology?.labels[topic.name]
            let isOwn = owner?.hasPrefix("\(specification.job)/") ?? (former != nil)
            guard isOwn else { continue }
            let isStore = topic.name.hasSuffix("-changelog")
            let name = owner.map { String($0.drop { $0 != "/" }.dropFirst()) } ?? former?.name
            found.insert(name ?? topic.name)
            if !isStore, deployed.filledTopics.contains(topic.name) {
                add(
                    .orphan,
                    .repartition,
                    name ?? topic.name,
                    topic.name,
                    "used no more; where it holds records that were not processed, a start "
                        + "refuses: run the job as it was with --until-caught-up first"
                )
                continue
            }
            // The topic is a job's own, as the command has to be told.
            let delete = PlanError.command(
                "topic delete",
                topic.name,
                "--force",
                deployed.commandOptions
            )
            add(
                .orphan,
                isStore ? .store : .repartition,
                name ?? topic.name,
                topic.name,
                "used no more; \(delete) removes it"
            )
        }
        // A thread's copy of a global table lies in `<store>~global-<thread>`.
        let stores = Set(
            specification.subtopologies.flatMap(\.stores).map(\.name)
                + specification.globalTables.map { "\($0.store)~global" }
        )
        for store in deployed.storeFolders.subtracting(stores).subtracting(found).sorted() {
            add(.orphan, .store, store, nil, "its files are used no more")
        }
        guard let former = deployed.topology else { return }
        for topic in Self.inputs(of: former).subtracting(inputs).sorted()
        where topics[topic] != nil {
            add(.orphan, .input, topic, topic, "read no more; the job's position in it stays")
        }
    }
}

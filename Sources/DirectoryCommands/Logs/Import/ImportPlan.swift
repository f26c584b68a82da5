import Broker
import Bytes
import DirectoryAccess
import KafkaDirectory
import LogModel
import LogStorage
import Terminal

/// Which topics an import makes, with which partitions and options: decided before anything is
/// written, from what lies in Kafka's directory and what the command line asks for.
struct ImportPlan {
    struct PlannedTopic {
        var name: String
        /// Drawn for it: by its id a topic that an import made is known again.
        var id: UniqueID
        /// Of the topic in Kafka; nil where nothing tells it.
        var kafkaID: UniqueID?
        var partitionCount: Int32
        var options: [String: String]
        /// The partitions that have a folder; the others come into being empty.
        var partitions: [KafkaPartition]
    }

    private(set) var topics: [PlannedTopic] = []
    /// What a person should know, a line each.
    private(set) var notes: [String] = []

    private let directory: KafkaDirectory
    private let request: ImportRequest
    /// Options that ours does not know, with the topics that have them.
    private var unknown: [String: [String]] = [:]
    /// As many as `topic create` makes.
    private static let partitionLimit = 10_000
    /// Topics of which nothing tells how long their records are kept.
    private var keptForEver: [String] = []
    /// Topics that are compacted by Kafka's own defaults, since nothing tells other ones.
    private var compactedByDefault: [String] = []
    /// What delays the removal of records that compaction takes.
    private static let compactionDelays = ["min.compaction.lag.ms", "delete.retention.ms"]

    /// - Throws: where a topic does not exist, exists here already, or an option's value is none.
    init(
        directory: KafkaDirectory,
        request: ImportRequest,
        existing: [String],
        makeID: () -> UniqueID
    ) throws(CommandFailure) {
        self.directory = directory
        self.request = request
        let names = try chosenTopics()
        if names.isEmpty { throw nothingToBring() }
        try refuse(existing: existing, names)
        for option in request.options where !names.contains(option.topic) {
            throw isOfNoChosenTopic(option, names)
        }
        for name in names { topics.append(try plan(name, id: makeID())) }
        noteWhatIsUnknown()
        noteWhatIsElsewhere()
        noteMissingCoordinators()
        noteShareGroups()
        noteDividedNotes()
        notes += (directory.metadata?.problems ?? []).map { "the metadata log: \($0)" }
    }

    private func chosenTopics() throws(CommandFailure) -> [String] {
        let all = directory.topicNames
        guard let chosen = request.topics else { return all }
        for name in chosen where !all.contains(name) {
            throw cannotBring(name, among: all)
        }
        return Set(chosen).sorted()
    }

    /// The folder of a broker that has none of the users' partitions.
    private func nothingToBring() -> CommandFailure {
        let own = Set(directory.partitions.map(\.name.topic)).sorted()
        let positions = "the positions of groups come with the topics that they are in"
        return CommandFailure(
            "there is no topic to bring over",
            place: directory.path,
            reason: own.isEmpty
                ? "no partition has its folder here"
                : "only Kafka's own are here (\(own.joined(separator: ", "))); \(positions)",
            next: "name another folder of the broker's log.dirs"
        )
    }

    /// An option of a topic that does not come over.
    private func isOfNoChosenTopic(
        _ option: ImportRequest.TopicOption,
        _ chosen: [String]
    ) -> CommandFailure {
        guard directory.topicNames.contains(option.topic) else {
            return cannotBring(option.topic, among: chosen)
        }
        return CommandFailure(
            "--config \(option.topic):\(option.name)=\(option.value) is for a topic that does not "
                + "come over",
            place: directory.path,
            reason: "--topics leaves '\(option.topic)' out",
            next: "name it in --topics as well, or leave this --config out",
            status: .usage
        )
    }

    private func cannotBring(_ name: String, among names: [String]) -> CommandFailure {
        guard KafkaPartition.isInternal(name) else { return unknownTopic(name, among: names) }
        return CommandFailure(
            "the topic '\(name)' is Kafka's own and is not brought over",
            place: directory.path,
            reason: "the positions of groups come with the topics that they are in",
            status: .usage
        )
    }

    private func unknownTopic(_ name: String, among names: [String]) -> CommandFailure {
        let hint = Suggestion.nearest(to: name, among: names)
        return CommandFailure(
            "there is no topic '\(name)' to bring over",
            place: directory.path,
            reason: hint.map { "did you mean '\($0)'?" } ?? "no folder \(name)-N",
            next: nextCommand("log dump", data: directory.path),
            status: .usage
        )
    }

    private func refuse(existing: [String], _ names: [String]) throws(CommandFailure) {
        let both = names.filter(existing.contains)
        if !both.isEmpty {
            throw CommandFailure(
                "these topics exist already: \(both.joined(separator: ", "))",
                reason: "an import makes topics and never adds to one; nothing was copied",
                next: "give another --data, or name the other topics with --topics"
            )
        }
        for name in names {
            let problem =
                TopicName.problem(with: name)
                ?? TopicName.collision(of: name, with: existing).map {
                    "Topic '\(name)' collides with existing topic: \($0)"
                }
            guard let problem else { continue }
            throw CommandFailure(
                "the topic '\(name)' cannot be made here",
                reason: "\(problem); nothing was copied",
                next: "name the other topics with --topics"
            )
        }
    }

    private mutating func plan(
        _ name: String,
        id: UniqueID
    ) throws(CommandFailure) -> PlannedTopic {
        var partitions = directory.partitions(of: name)
        let known = topicOfMetadata(name, partitions)
        let highest = partitions.map { $0.name.partition.rawValue }.max() ?? 0
        let count = max(highest == .max ? .max : highest + 1, known?.partitionCount ?? 0)
        guard count <= Self.partitionLimit else {
            throw CommandFailure(
                "the topic '\(name)' would have \(grouped(Int(count))) partitions",
                place: directory.path,
                reason: "a topic has \(grouped(Self.partitionLimit)) at most; nothing was copied",
                next: "name the other topics with --topics"
            )
        }
        let missing = Int(count) - partitions.count
        if missing > 0 {
            notes.append(
                "\(name): \(missing) of \(count) partitions have no folder here and begin empty"
            )
        }
        let effective = EffectiveOptions(
            of: name,
            own: known?.options,
            broker: directory.defaults,
            isWhole: directory.metadata?.isWhole ?? true
        )
        notes += effective.notes
        for option in effective.unknown { unknown[option, default: []].append(name) }
        var options = effective.values
        for option in request.options where option.topic == name {
            try add(option, to: &options)
        }
        if partitions.contains(where: \.wasCompacted), options["cleanup.policy"] == nil {
            notes.append(
                "\(name): Kafka's cleaner has compacted it, but this folder does not tell its "
                    + "options: --config \(name):cleanup.policy=compact goes on with it"
            )
        }
        keepForEver(name, &options)
        if KafkaPartition.compacts(options["cleanup.policy"]) {
            for index in partitions.indices { partitions[index].wasCompacted = true }
            if Self.compactionDelays.contains(where: { options[$0] == nil }) {
                compactedByDefault.append(name)
            }
        }
        return PlannedTopic(
            name: name,
            id: id,
            kafkaID: known?.id ?? partitions.lazy.compactMap(\.topicID).first,
            partitionCount: count,
            options: options,
            partitions: partitions
        )
    }

    /// The topic in the metadata log, unless its folders belong to another topic of that name.
    private mutating func topicOfMetadata(
        _ name: String,
        _ partitions: [KafkaPartition]
    ) -> ClusterMetadata.Topic? {
        guard let metadata = directory.metadata else { return nil }
        guard let topic = metadata.topics[name] else {
            notes.append("\(name): the metadata log knows no such topic; it may have been deleted")
            return nil
        }
        let others = partitions.filter { $0.topicID.map { $0 != topic.id } ?? false }
        guard !others.isEmpty else { return topic }
        notes.append("\(name): its folders and the metadata log have different topic ids")
        return nil
    }

    /// Options that Kafka's topics had before 4.0.
    private static let formerOptions = [
        "message.downconversion.enable", "message.format.version",
        "message.timestamp.difference.max.ms",
    ]

    private mutating func add(
        _ option: ImportRequest.TopicOption,
        to options: inout [String: String]
    ) throws(CommandFailure) {
        guard LogConfiguration.names.contains(option.name) else {
            let known = Set(KafkaTopicOptions.names + Self.formerOptions)
                .union(LogConfiguration.names).sorted()
            guard !known.contains(option.name) else {
                unknown[option.name, default: []].append(option.topic)
                return
            }
            throw CommandFailure(
                "--config \(option.topic):\(option.name): there is no such option of topics",
                reason: Suggestion.nearest(to: option.name, among: known)
                    .map { "did you mean '\($0)'?" }
                    ?? "there are: " + known.joined(separator: ", "),
                status: .usage
            )
        }
        let value = option.value.filter { !$0.isWhitespace }
        do throws(LogStorageError) {
            _ = try LogConfiguration(topicOptions: [option.name: value])
        } catch {
            throw CommandFailure(
                "--config \(option.topic):\(option.name)=\(option.value) makes no sense",
                reason: EffectiveOptions.words(of: error),
                status: .usage
            )
        }
        options[option.name] = value
    }

    /// A broker's own default for `retention.ms` stands in its `server.properties` and not in its
    /// directory: records that may be wanted are kept rather than deleted a second later.
    private mutating func keepForEver(_ topic: String, _ options: inout [String: String]) {
        guard options["retention.ms"] == nil else { return }
        let policy = options["cleanup.policy"] ?? "delete"
        guard policy.split(separator: ",").contains("delete") else { return }
        options["retention.ms"] = "-1"
        keptForEver.append(topic)
    }

    private mutating func noteWhatIsUnknown() {
        for (name, topics) in unknown.sorted(by: { $0.key < $1.key }) {
            let owners = Set(topics).sorted().joined(separator: ", ")
            notes.append("the option \(name) (of \(owners)) is not known here and is left out")
        }
        if !keptForEver.isEmpty {
            notes.append(
                "nothing in this folder says how long records are kept of "
                    + "\(keptForEver.joined(separator: ", ")): they are kept for ever "
                    + "(retention.ms=-1); --config TOPIC:retention.ms=N says otherwise"
            )
        }
        if !compactedByDefault.isEmpty {
            notes.append(
                "nothing in this folder says how long compaction waits in "
                    + "\(compactedByDefault.joined(separator: ", ")): Kafka's defaults hold; "
                    + "--config TOPIC:min.compaction.lag.ms=N and delete.retention.ms=N change that"
            )
        }
    }

    private mutating func noteDividedNotes() {
        let known = Set(directory.topicNames + (directory.metadata?.topics.keys.sorted() ?? []))
        notes += wordsOfDividedNotes(inKafka: known)
    }

    private mutating func noteShareGroups() {
        let state = directory.partitions(of: "__share_group_state")
        guard state.contains(where: { $0.segments.contains { $0.byteCount > 0 } }) else { return }
        notes.append(
            "what share groups have acknowledged (__share_group_state) does not come over: they "
                + "begin anew"
        )
    }

    /// What groups have committed and transactions decided lies in Kafka's own topics, of which
    /// this folder may hold a part.
    private mutating func noteMissingCoordinators() {
        for (topic, loss) in [
            ("__consumer_offsets", "the positions of groups in them do not come over"),
            ("__transaction_state", "transactions that they decided count as not ended"),
        ] {
            let here = directory.partitions(of: topic)
            let highest = here.map { $0.name.partition.rawValue + 1 }.max() ?? 0
            guard let known = directory.metadata?.topics[topic]?.partitionCount else {
                noteUnknownCoordinators(topic, here: here.count, highest: highest, loss)
                continue
            }
            let count = max(highest, known)
            let missing = Int(count) - here.count
            guard missing > 0 else { continue }
            notes.append(
                "\(topic): \(missing) of \(count) partitions have no folder here: \(loss)"
            )
        }
    }

    /// Kafka makes 50 of them where nobody says otherwise, and a ZooKeeper's folder does not tell.
    private mutating func noteUnknownCoordinators(
        _ topic: String,
        here: Int,
        highest: Int32,
        _ loss: String
    ) {
        guard directory.metadata == nil, here < max(50, Int(highest)) else { return }
        let what =
            switch here {
            case 0: "no folder of it is"
            case 1: "1 partition has its folder"
            default: "\(here) partitions have their folders"
            }
        notes.append(
            "\(topic): \(what) here, and nothing tells how many there are (50, unless "
                + "Kafka was told otherwise): of those elsewhere \(loss)"
        )
    }

    private mutating func noteWhatIsElsewhere() {
        guard request.topics == nil, let metadata = directory.metadata else { return }
        let here = Set(directory.topicNames)
        let elsewhere = metadata.topics.keys.filter {
            !here.contains($0) && !KafkaPartition.isInternal($0)
        }
        guard !elsewhere.isEmpty else { return }
        notes.append(
            "topics without a folder here are not brought over: "
                + elsewhere.sorted().joined(separator: ", ")
        )
    }
}

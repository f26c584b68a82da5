import Broker
import JobRunner
import LogModel
import LogStorage
import Telemetry
import Terminal

/// What there is of topics. A partition that cannot be used is shown with the reason, and keeps no
/// other from being shown.
extension TopicCommands {
    private static let asJSON = Parameter.flag("json", help: "one JSON object a line")
    private static let withInternal = Parameter.flag(
        "internal",
        help: "the coordinators' topics too"
    )

    static let list = Command(
        "list",
        summary: "the topics with their partitions and offsets",
        parameters: [withInternal.declaration, asJSON.declaration, data.declaration],
        examples: [.init("millrace topic list --data ./millrace-data", "all but the internal ones")]
    ) { invocation in
        try withLog(invocation) { log in
            let topics = log.broker.topics().filter { invocation[withInternal] || !$0.isInternal }
            let shown = topics.map { topic in
                ShownTopic(topic, topic.partitions.map { ShownPartition(lookingAt: $0) })
            }
            if invocation[asJSON] {
                for topic in shown { TextOutput.standard.write(topic.json) }
                return
            }
            var table = Table(
                ("TOPIC", .left),
                ("PARTITIONS", .right),
                ("OFFSETS", .right),
                ("", .left)
            )
            for topic in shown {
                table.add(
                    topic.name,
                    "\(topic.partitions.count)",
                    grouped(topic.offsetCount),
                    topic.troubles
                )
            }
            TextOutput.standard.write(table.text)
        }
        return .done
    }

    static let describe = Command(
        "describe",
        summary: "a topic's options and the state of its partitions",
        discussion: "START, STABLE and HIGH are the log start, the last stable offset and the "
            + "high watermark.\nIt shows what opening the partitions finds; `millrace log verify` "
            + "finds the rest.",
        parameters: [name.declaration, asJSON.declaration, data.declaration],
        examples: [.init("millrace topic describe orders", "a line for each partition")]
    ) { invocation in
        try withLog(invocation) { log in
            let topic = try log.requireTopic(invocation[name])
            let found = ShownTopic(topic, topic.partitions.map { ShownPartition(opening: $0) })
            if invocation[asJSON] {
                TextOutput.standard.write(found.json)
                return
            }
            TextOutput.standard.write(
                "topic \(topic.name)\n\(found.optionLines)\n\(found.table)"
            )
        }
        return .done
    }
}

/// A partition as it is shown.
private struct ShownPartition {
    enum State: String {
        case good
        /// Nobody has looked at its files yet.
        case notOpened = "not_opened"
        case readOnly = "read_only"
        case offline
    }

    var bounds: LogBounds?
    var state = State.good
    /// What is wrong with it.
    var reason: String?

    /// What is known of it; it is opened only where nothing is.
    init(lookingAt partition: Partition) {
        bounds = partition.log.knownBounds ?? (try? partition.log.bounds)
        if partition.log.recoveryReport == nil { state = .notOpened }
        note(partition.knownHealth)
    }

    /// What it is like once it was opened.
    init(opening partition: Partition) {
        note(partition.health)
        bounds = partition.log.knownBounds
    }

    private mutating func note(_ health: PartitionHealth) {
        switch health {
        case .good, .cut: return
        case .damaged(let damage):
            state = .readOnly
            reason =
                "damaged from offset \(damage.offset.rawValue) on, in \(damage.file) at byte "
                + "\(damage.position): \(damage.reason)"
        case .readOnly(let text):
            state = .readOnly
            reason = text
        case .offline(let text):
            state = .offline
            reason = text
        }
    }
}

/// A topic as it is shown.
private struct ShownTopic {
    let name: String
    let isInternal: Bool
    let options: [String: String]
    let partitions: [ShownPartition]

    init(_ topic: Topic, _ partitions: [ShownPartition]) {
        name = topic.name
        isInternal = topic.isInternal
        options = topic.options
        self.partitions = partitions
    }

    /// The offsets between the log starts and the high watermarks, of partitions that can be read.
    var offsetCount: Int {
        partitions.reduce(0) { sum, partition in
            let count = partition.bounds.map { $0.logStart.distance(to: $0.highWatermark) } ?? 0
            return sum + Int(count)
        }
    }

    /// `1 offline, 2 read-only`; empty where all is well.
    var troubles: String {
        let offline = partitions.count { $0.state == .offline }
        let readOnly = partitions.count { $0.state == .readOnly }
        var words: [String] = []
        if offline > 0 { words.append("\(offline) offline") }
        if readOnly > 0 { words.append("\(readOnly) read-only") }
        return words.joined(separator: ", ")
    }

    /// An option a line.
    var optionLines: String {
        guard !options.isEmpty else { return "options: defaults\n" }
        let lines = options.sorted { $0.key < $1.key }.map { "  \($0.key)=\($0.value)\n" }
        return "options\n" + lines.joined()
    }

    /// As narrow as it can be: log start, last stable offset, high watermark.
    var table: String {
        var table = Table(
            ("PART", .right),
            ("START", .right),
            ("STABLE", .right),
            ("HIGH", .right),
            ("", .left)
        )
        var reasons = ""
        for (index, partition) in partitions.enumerated() {
            let bounds = partition.bounds
            let state =
                switch partition.state {
                case .good, .notOpened: ""
                case .readOnly: "read-only"
                case .offline: "offline"
                }
            table.add(
                "\(index)",
                bounds.map { "\($0.logStart.rawValue)" } ?? "-",
                bounds.map { "\($0.lastStableOffset.rawValue)" } ?? "-",
                bounds.map { "\($0.highWatermark.rawValue)" } ?? "-",
                state
            )
            if let reason = partition.reason {
                reasons += "\npartition \(index) is \(state): \(reason)\n"
            }
        }
        return table.text + reasons
    }

    var json: String {
        let options = options.sorted { $0.key < $1.key }
            .map { "\(jsonString($0.key)):\(jsonString($0.value))" }
        let partitions = partitions.enumerated().map { index, partition in
            let bounds = partition.bounds
            var fields = "{\"partition\":\(index)"
            for (name, offset) in [
                ("log_start", bounds?.logStart),
                ("last_stable_offset", bounds?.lastStableOffset),
                ("high_watermark", bounds?.highWatermark),
            ] {
                fields += ",\"\(name)\":\(offset.map { "\($0.rawValue)" } ?? "null")"
            }
            fields += ",\"state\":\"\(partition.state.rawValue)\""
            if let reason = partition.reason { fields += ",\"reason\":\(jsonString(reason))" }
            return fields + "}"
        }
        return "{\"topic\":\(jsonString(name)),\"internal\":\(isInternal),"
            + "\"options\":{\(options.joined(separator: ","))},"
            + "\"partitions\":[\(partitions.joined(separator: ","))]}\n"
    }
}

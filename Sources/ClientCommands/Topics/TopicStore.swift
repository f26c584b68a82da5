package import LogClient
import LogModel
import Telemetry
import Terminal

/// What the commands of topics need of a log.
protocol TopicStore {
    var place: LogPlace { get }
    /// The topics as `list` shows them, by name.
    func shownTopics(withInternal: Bool) throws(CommandFailure) -> [ShownTopic]
    /// Refuses a name that is no topic's.
    func requireKnown(_ name: String) throws(CommandFailure)
    /// A topic as `describe` shows it.
    func describedTopic(_ name: String) throws(CommandFailure) -> ShownTopic
    /// Makes a topic; false where there is one of that name, if that `mayBeThere`.
    func createTopic(
        _ name: String,
        partitionCount: Int32,
        options: [String: String],
        mayBeThere: Bool
    ) throws(CommandFailure) -> Bool
    /// Throws where a topic would not be made; nothing is made.
    func checkCreation(
        of name: String,
        partitionCount: Int32,
        options: [String: String],
        mayBeThere: Bool
    ) throws(CommandFailure)
    /// Gives a topic more partitions, `count` in all.
    func growTopic(_ name: String, to count: Int32) throws(CommandFailure)
    /// Throws where the topic would not be given these options; nothing is changed.
    func checkChanges(
        of name: String,
        _ changes: [(name: String, value: String?)]
    ) throws(CommandFailure)
    /// Gives options other values, nil takes one back; the options then.
    func alterTopic(
        _ name: String,
        _ changes: [(name: String, value: String?)]
    ) throws(CommandFailure) -> [String: String]
    /// The log as it is asked in Kafka's protocol.
    var served: ServedLog { get }
    /// The job that keeps its state in a topic, or carries records through it: `job/name`.
    func jobOwning(_ name: String) throws(CommandFailure) -> String?
    func deleteTopic(_ name: String) throws(CommandFailure)
}

extension TopicStore {
    /// Records of a repartition topic count as processed, and a job without its changelog goes on
    /// with an empty store. A server removes such a topic for nobody.
    func refuseDeletionForJob(of name: String, force: Bool) throws(CommandFailure) {
        guard !(force && served.isOpenedHere), let owner = try jobOwning(name) else { return }
        let alone = served.isOpenedHere ? "" : " and nothing else has the directory open"
        throw CommandFailure(
            "the topic '\(name)' was not removed",
            place: "\(place)",
            reason: "it is that of \(owner) (job/name): what it holds is in no other place, and "
                + "the job's positions count it as done",
            next: "millrace run JOB --reset, which starts the job over; or --force, if the job "
                + "is given up\(alone)"
        )
    }
}

/// A partition as it is shown.
package struct ShownPartition {
    package enum State: String {
        case good
        /// Nobody has looked at its files yet.
        case notOpened = "not_opened"
        case readOnly = "read_only"
        case offline
    }

    package var bounds: PartitionBounds?
    /// How many records readers of committed ones see; nil where they were not counted.
    var recordCount: Int?
    /// Why they could not be counted.
    var uncounted: String?
    package var state = State.good
    /// What is wrong with it.
    package var reason: String?

    mutating func note(_ trouble: PartitionTrouble) {
        state = trouble.isOffline ? .offline : .readOnly
        reason = trouble.reason
    }

    /// The offsets between the log start and the high watermark; 0 where they are not known.
    var offsetCount: Int {
        Int(bounds.map { $0.logStart.distance(to: $0.highWatermark) } ?? 0)
    }
}

/// A topic as it is shown.
package struct ShownTopic {
    package let name: String
    let isInternal: Bool
    /// Nil where they are not told to this user.
    let options: [String: String]?
    package var partitions: [ShownPartition]
    /// What options have that are not set; empty where that was not looked at.
    var defaults: [String: String] = [:]
    /// Options that nobody can set, as the log has them.
    var fixed: [String: String] = [:]

    /// The offsets between the log starts and the high watermarks, of partitions that can be read.
    var offsetCount: Int {
        partitions.reduce(0) { $0 + $1.offsetCount }
    }

    /// How many records there are in how many offsets, on a line; empty where nobody counted.
    var countLine: String {
        let known = partitions.filter { $0.recordCount != nil }
        guard !known.isEmpty else { return "" }
        let records = counted(known.reduce(0) { $0 + ($1.recordCount ?? 0) }, "record")
        let offsets = counted(known.reduce(0) { $0 + $1.offsetCount }, "offset")
        let others = partitions.count { $0.uncounted != nil }
        let without =
            others == 0 ? "" : ", without \(counted(others, "partition")) that cannot be read whole"
        return "\n\(records) in \(offsets)\(without)\n"
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

    /// An option that is set a line; with the defaults beside them, and those that are not set
    /// behind.
    func optionLines(withDefaults: Bool) -> String {
        withDefaults ? setOptionLines(defaults) + defaultLines : setOptionLines([:])
    }

    private func setOptionLines(_ defaults: [String: String]) -> String {
        guard let options else { return "options: not told to this user\n" }
        guard !options.isEmpty else { return "options: defaults\n" }
        let lines = options.sorted { $0.key < $1.key }.map { name, value in
            "  \(name)=\(value)\(defaults[name].map { " (default: \($0))" } ?? "")\n"
        }
        return "options\n" + lines.joined()
    }

    private var defaultLines: String {
        let lines = defaults.filter { options?[$0.key] == nil }.sorted { $0.key < $1.key }
            .map { "  \($0.key)=\($0.value)\n" }
        return "defaults\n" + lines.joined() + fixedLines
    }

    private var fixedLines: String {
        guard !fixed.isEmpty else { return "" }
        let lines = fixed.sorted { $0.key < $1.key }.map { "  \($0.key)=\($0.value)\n" }
        return "fixed (options of Kafka's that cannot be set here)\n" + lines.joined()
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
            if let reason = partition.uncounted {
                reasons += "\nthe records of partition \(index) are not counted: \(reason)\n"
            }
        }
        return table.text + reasons
    }

    var json: String {
        let own = options.map(Self.json) ?? "null"
        let inherited =
            (defaults.isEmpty ? "" : "\"defaults\":\(Self.json(defaults)),")
            + (fixed.isEmpty ? "" : "\"fixed\":\(Self.json(fixed)),")
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
            if let count = partition.recordCount { fields += ",\"records\":\(count)" }
            if let reason = partition.uncounted {
                fields += ",\"records\":null,\"records_reason\":\(jsonString(reason))"
            }
            fields += ",\"state\":\"\(partition.state.rawValue)\""
            if let reason = partition.reason { fields += ",\"reason\":\(jsonString(reason))" }
            return fields + "}"
        }
        return "{\"topic\":\(jsonString(name)),\"internal\":\(isInternal),"
            + "\"options\":\(own),\(inherited)"
            + "\"partitions\":[\(partitions.joined(separator: ","))]}\n"
    }

    private static func json(_ options: [String: String]) -> String {
        let members = options.sorted { $0.key < $1.key }
            .map { "\(jsonString($0.key)):\(jsonString($0.value))" }
        return "{\(members.joined(separator: ","))}"
    }
}

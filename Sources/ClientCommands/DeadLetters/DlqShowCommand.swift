import DirectoryAccess
import KafkaClient
import LogClient
import LogModel
import Streams
import Telemetry
import Terminal

/// `millrace dlq show`: dead letters with what is known of them.
enum DlqShowCommand {
    private static let limit = Parameter.option(
        "max",
        .integer(1...Int.max),
        default: 10,
        help: "how many at most"
    )
    private static let key = Parameter.optional(
        "key",
        ValueKind<ValueFormat>.choice("TYPE"),
        help: "what keys are; text where they can be read as such, else hexadecimal digits"
    )
    private static let value = Parameter.optional(
        "value",
        ValueKind<ValueFormat>.choice("TYPE"),
        help: "what values are, as with --key"
    )

    static let command = Command(
        "show",
        summary: "dead letters with context, headers and source",
        discussion: "A dead letter is named by its partition and offset: --where 'partition=0 and "
            + "offset=17'.\n\n" + LetterConditions.help,
        parameters: [
            DlqCommands.topic.declaration, DlqCommands.conditions.declaration, limit.declaration,
            key.declaration, value.declaration, GroupCommands.asJSON.declaration,
        ] + LogOption.parameters,
        examples: [
            .init(
                "millrace dlq show charges-dead-letters --where reason=refused --max 3",
                "three of a kind"
            )
        ]
    ) { invocation in
        let now = SystemTimeSource().wallTime()
        let conditions = try LetterConditions(invocation[DlqCommands.conditions], now: now)
        var left = invocation[limit]
        try withCluster(invocation) { log in
            let letters = try log.letterTopic(invocation[DlqCommands.topic])
            let states = try log.states(of: letters)
            var sources = SourceRecords(log)
            var output = BufferedOutput(.standard)
            try log.scanLetters(of: letters, conditions, states) { letter, state in
                let shown = ShownLetter(
                    letter: letter,
                    state: state,
                    source: try sources.presence(of: letter),
                    keyFormat: invocation[key],
                    valueFormat: invocation[value],
                    now: now
                )
                output.append(invocation[GroupCommands.asJSON] ? shown.json : shown.text)
                left -= 1
                return left > 0 && !output.isBroken
            }
            output.flush()
            if left == invocation[limit] {
                TextOutput.error.write("no dead letter is what was asked for\n")
            }
        }
        return .done
    }
}

/// Looks for the records that dead letters were made of.
struct SourceRecords {
    enum Presence: String {
        case there
        case gone
        /// The dead letter does not say where it was.
        case unknown
    }

    private let log: ServedLog
    /// Whether topics that letters name exist; so many are remembered.
    private var topics: [String: Int] = [:]
    private static let topicLimit = 1000

    init(_ log: ServedLog) { self.log = log }

    mutating func presence(of letter: DeadLetterView) throws -> Presence {
        guard letter.source?.offset != nil else { return .unknown }
        var isThere = false
        try withRecord(of: letter) { _, _ in isThere = true }
        return isThere ? .there : .gone
    }

    /// Lends the record that a letter was made of to `body`, if it is still there: a topic that was
    /// deleted and made again has another at its offset.
    mutating func withRecord(
        of letter: DeadLetterView,
        _ body: (RecordView, RecordBatchView) throws -> Void
    ) throws {
        guard let (partition, offset) = letter.source, let offset, offset.rawValue < Int64.max,
            Int(partition.partition.rawValue) < (try partitionCount(of: partition.topic))
        else { return }
        let bounds = try log.bounds(of: partition)
        guard offset >= bounds.logStart, offset < bounds.lastStableOffset else { return }
        try log.scan(partition, offset.rawValue..<(offset.rawValue + 1)) { record, batch in
            if letter.mayBe(of: record, in: batch) { try body(record, batch) }
            return false
        }
    }

    private mutating func partitionCount(of topic: String) throws -> Int {
        if let known = topics[topic] { return known }
        let found = try log.asking("the topic '\(topic)' is not looked up") {
            cluster throws(KafkaClientError) in
            try cluster.topics(named: [topic])
        }
        if topics.count >= Self.topicLimit { topics = [:] }
        let count = found.first?.partitions.count ?? 0
        topics[topic] = count
        return count
    }
}

/// A dead letter as `show` prints it.
struct ShownLetter {
    let letter: DeadLetterView
    let state: LetterState
    let source: SourceRecords.Presence
    let keyFormat: ValueFormat?
    let valueFormat: ValueFormat?
    let now: Timestamp

    private static let textLimit = 4096
    private static let headerLimit = 512

    var text: String {
        let place = letter.place
        var lines = ["\(place.partition) offset \(place.offset.rawValue): \(state.word)"]
        func add(_ name: String, _ text: String?) {
            guard let text else { return }
            let space = String(repeating: " ", count: max(1, 14 - name.count))
            lines.append("  \(name)\(space)\(text)")
        }
        func shown(_ field: DeadLetterView.Field) -> String? {
            letter[field].map { LetterText.shown($0, limit: Self.textLimit) }
        }
        add("reason", shown(.reason))
        add("error", shown(.exception))
        add("message", shown(.message))
        add("job", shown(.job))
        add("operator", shown(.operatorName))
        add("attempts", shown(.attempts))
        add("first failed", moment(letter.firstFailure))
        add("last failed", moment(letter.arrival))
        add("replay", shown(.replayID))
        add("left out", shown(.leftOut))
        add("source", sourceWords)
        add("time", moment(letter.time))
        for (name, value) in headers { add("header", "\(name)=\(value)") }
        add("key", Self.bytes(letter.key, keyFormat))
        add("value", Self.bytes(letter.value, valueFormat))
        return lines.joined(separator: "\n") + "\n"
    }

    private var sourceWords: String {
        guard let (partition, offset) = letter.source else {
            return "no record: the dead letter names none"
        }
        let words =
            switch source {
            case .there: "still there"
            case .gone: "gone"
            case .unknown: "its offset is not told"
            }
        return "\(partition) offset \(offset.map { "\($0.rawValue)" } ?? "?"), \(words)"
    }

    private func moment(_ time: Timestamp) -> String {
        "\(letterTime(time)), \(age(of: time, at: now).spelled) ago"
    }

    /// The record's own headers.
    private var headers: [(String, String)] {
        var headers: [(String, String)] = []
        var iterator = RecordHeaderIterator(letter.headers)
        while let header = iterator.next() {
            guard !DeadLetterHeader.isOfFailureOrReplay(header.key) else { continue }
            headers.append(
                (
                    LetterText.shown(header.key, limit: Self.headerLimit),
                    LetterText.shown(orNull: header.value, limit: Self.headerLimit)
                )
            )
        }
        return headers
    }

    private static func bytes(
        _ bytes: UnsafeRawBufferPointer?,
        _ format: ValueFormat?
    ) -> String {
        guard let bytes, let format, format != .utf8, format.fits(bytes) else {
            return LetterText.shown(orNull: bytes, limit: textLimit)
        }
        return format.text(of: bytes)
    }

    var json: String {
        let place = letter.place
        var fields = [
            "\"topic\":\(jsonString(place.partition.topic))",
            "\"partition\":\(place.partition.partition.rawValue)",
            "\"offset\":\(place.offset.rawValue)", "\"state\":\"\(state.word)\"",
            "\"timestamp\":\(letter.time.rawValue)",
            "\"first_failed_at\":\(letter.firstFailure.rawValue)",
            "\"last_failed_at\":\(letter.arrival.rawValue)", "\"source\":\"\(source.rawValue)\"",
        ]
        fields += Self.json("key", letter.key) + Self.json("value", letter.value)
        var headers: [String] = []
        var iterator = RecordHeaderIterator(letter.headers)
        while let header = iterator.next() {
            let name = Self.json("name", header.key) + Self.json("value", header.value)
            headers.append("{\(name.joined(separator: ","))}")
        }
        fields.append("\"headers\":[\(headers.joined(separator: ","))]")
        return "{\(fields.joined(separator: ","))}\n"
    }

    /// A text as it is; other bytes in hexadecimal digits, under a name that says so.
    private static func json(_ name: String, _ bytes: UnsafeRawBufferPointer?) -> [String] {
        guard let bytes else { return ["\"\(name)\":null"] }
        if let text = String(validating: bytes, as: UTF8.self) {
            return ["\"\(name)\":\(jsonString(text))"]
        }
        return ["\"\(name)_hex\":\"\(hexText(bytes))\""]
    }
}

import DirectoryAccess
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
        var shownCount = 0
        var hasMore = false
        try withCluster(invocation) { log in
            let letters = try log.letterTopic(invocation[DlqCommands.topic])
            let states = try log.states(of: letters)
            var sources = SourceRecords(log)
            var output = BufferedOutput(.standard)
            try log.scanLetters(of: letters, conditions, states) { letter, state in
                hasMore = shownCount == invocation[limit]
                guard !hasMore else { return false }
                let shown = ShownLetter(
                    letter: letter,
                    state: state,
                    source: try sources.presence(of: letter),
                    keyFormat: invocation[key],
                    valueFormat: invocation[value],
                    now: now
                )
                output.append(invocation[GroupCommands.asJSON] ? shown.json : shown.text)
                shownCount += 1
                return !output.isBroken
            }
            output.flush()
            if shownCount == 0 {
                TextOutput.error.write("no dead letter is what was asked for\n")
            }
            guard hasMore else { return }
            let more =
                "there are more than the \(counted(shownCount, "dead letter")) shown here: --max N "
                + "shows so many, dlq list counts all\n"
            if invocation[GroupCommands.asJSON] {
                TextOutput.error.write(more)
            } else {
                TextOutput.standard.write(more)
            }
        }
        return .done
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
        "\(utcText(time)), \(age(of: time, at: now).spelled) ago"
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
        fields += [LetterText.json("key", letter.key), LetterText.json("value", letter.value)]
        var headers: [String] = []
        var iterator = RecordHeaderIterator(letter.headers)
        while let header = iterator.next() {
            let members = [
                LetterText.json("name", header.key), LetterText.json("value", header.value),
            ]
            headers.append("{\(members.joined(separator: ","))}")
        }
        fields.append("\"headers\":[\(headers.joined(separator: ","))]")
        return "{\(fields.joined(separator: ","))}\n"
    }
}

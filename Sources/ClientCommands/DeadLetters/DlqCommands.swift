import DirectoryAccess
import LogModel
import Telemetry
package import Terminal

/// `millrace dlq …`.
package enum DlqCommands {
    package static let command = Command(
        "dlq",
        summary: "look into dead letters, replay, park and drop them",
        examples: [
            .init("millrace dlq list", "which kinds there are, and how many"),
            .init("millrace dlq show charges-dead-letters --where reason=refused", "a few of them"),
            .init(
                "millrace dlq replay charges-dead-letters --where reason=refused --stop-on-refail",
                "back to where they came from"
            ),
        ],
        subcommands: [
            list, DlqShowCommand.command, DlqReplayCommand.command, DlqMarkCommands.park,
            DlqMarkCommands.drop, check,
        ]
    )

    static let topic = Parameter.argument(
        .nonemptyText("TOPIC"),
        help: "the topic of the dead letters"
    )
    static let topics = Parameter.arguments(
        .nonemptyText("TOPIC"),
        help: "topics of dead letters; all that end in \(LetterTopic.suffix) for none"
    )
    static let conditions = Parameter.repeated(
        "where",
        .nonemptyText("CONDITIONS"),
        help: "which dead letters, such as 'reason=refused and since=2h'"
    )
    private static let grouping = Parameter.option(
        "group-by",
        ValueKind<[LetterGrouping]>.groupings,
        default: [.reason, .topic],
        shown: "reason,topic",
        help: "what kinds are: reason, topic, hour, operator, job, exception, partition, replay"
    )

    private static let list = Command(
        "list",
        summary: "count dead letters by kind",
        discussion: "OPEN are those about which nothing was done yet. LAST HOUR is how many came "
            + "within it. OLDEST is how\nlong ago the first open one failed first.\n\n"
            + LetterConditions.help,
        parameters: [
            topics.declaration, grouping.declaration, conditions.declaration,
            GroupCommands.asJSON.declaration,
        ] + LogOption.parameters,
        examples: [
            .init("millrace dlq list", "by reason and by the topic that they come from"),
            .init("millrace dlq list --group-by reason,hour --where since=24h", "how they came"),
        ]
    ) { invocation in
        let now = SystemTimeSource().wallTime()
        var conditions = try LetterConditions(invocation[DlqCommands.conditions], now: now)
        let saysState = conditions.states != [.open]
        // The columns are states: all of them are counted where none is asked for.
        if !saysState { conditions.states = Set(LetterState.allCases) }
        var failures = TopicFailures()
        try withCluster(invocation) { log in
            try log.eachLetterTopic(invocation[topics], &failures) { letters in
                var groups = LetterGroups(by: invocation[grouping], now: now)
                let states = try log.states(of: letters)
                try log.scanLetters(of: letters, conditions, states) { letter, state in
                    groups.add(letter, state)
                    return true
                }
                TextOutput.standard.write(
                    invocation[GroupCommands.asJSON]
                        ? json(groups, of: letters.name) : text(groups, of: letters.name)
                )
            }
        }
        return failures.status ?? .done
    }

    private static func text(_ groups: LetterGroups, of topic: String) -> String {
        let sorted = groups.sorted
        let open = sorted.reduce(0) { $0 + $1.openCount }
        let all = sorted.reduce(0) { $0 + $1.counts.reduce(0, +) }
        guard all > 0 else { return "\(topic): no dead letters\n" }
        let names = aligned(
            [groups.grouping.map { $0.rawValue.uppercased() }] + sorted.map(\.names)
        )
        var table = Table(
            (names[0], .left),
            ("OPEN", .right),
            ("LAST HOUR", .right),
            ("OLDEST", .right),
            ("REPLAYED", .right),
            ("PARKED", .right),
            ("DROPPED", .right)
        )
        for (group, name) in zip(sorted, names.dropFirst()) {
            table.add(
                name,
                grouped(group.openCount),
                grouped(group.recentCount),
                group.oldestOpen.map { age(of: $0, at: groups.now).spelled } ?? "-",
                grouped(group[.replayed]),
                grouped(group[.parked]),
                grouped(group[.dropped])
            )
        }
        return "\(topic): \(counted(all, "dead letter")), \(grouped(open)) open\n" + table.text
    }

    /// Each row's cells as one text, all of the same widths.
    private static func aligned(_ rows: [[String]]) -> [String] {
        let columns = rows[0].indices
        let widths = columns.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { cells in
            columns.map { column in
                let cell = cells[column]
                return cell + String(repeating: " ", count: widths[column] - cell.count)
            }.joined(separator: "  ")
        }
    }

    private static func json(_ groups: LetterGroups, of topic: String) -> String {
        groups.sorted.map { group in
            let isOthers = group.values.isEmpty
            let names = groups.grouping.enumerated().map { index, part in
                let value = isOthers ? nil : group.values[index]
                return (value ?? []).withUnsafeBytes { bytes in
                    LetterText.json(part.rawValue, value == nil ? nil : bytes)
                } + ","
            }
            let counts = LetterState.allCases.map { "\"\($0.word)\":\(group[$0])," }
            let oldest = group.oldestOpen.map {
                decimal(age(of: $0, at: groups.now).seconds, places: 3)
            }
            return "{\"dead_letters\":\(jsonString(topic)),\(names.joined())"
                + (isOthers ? "\"others\":true," : "") + counts.joined()
                + "\"last_hour\":\(group.recentCount),"
                + "\"oldest_seconds\":\(oldest ?? "null")}\n"
        }.joined()
    }

    // MARK: Check

    private static let depthLimit = Parameter.optional(
        "max-depth",
        .integer(0...Int.max),
        help: "so many open dead letters are no trouble"
    )
    private static let ageLimit = Parameter.optional(
        "max-age",
        .duration,
        help: "open dead letters that failed first so long ago are no trouble"
    )

    private static let check = Command(
        "check",
        summary: "whether dead letters pile up; exit 2 if they do",
        discussion: "Open dead letters are counted: not those that were replayed, parked or "
            + "dropped.\n\n" + LetterConditions.help,
        parameters: [
            topics.declaration, depthLimit.declaration, ageLimit.declaration,
            conditions.declaration, GroupCommands.asJSON.declaration,
        ] + LogOption.parameters,
        examples: [
            .init("millrace dlq check --max-depth 100 --max-age 1h", "for a check now and then")
        ],
        exits: [.init("2", "there are more dead letters, or older ones, than asked for")]
    ) { invocation in
        guard invocation[depthLimit] != nil || invocation[ageLimit] != nil else {
            throw UsageError("give what is too much: --max-depth N, --max-age TIME, or both")
        }
        let now = SystemTimeSource().wallTime()
        let conditions = try LetterConditions(invocation[DlqCommands.conditions], now: now)
        var isOver = false
        var failures = TopicFailures()
        try withCluster(invocation) { log in
            try log.eachLetterTopic(invocation[topics], &failures) { letters in
                var group = LetterGroup(names: [])
                let states = try log.states(of: letters)
                try log.scanLetters(of: letters, conditions, states) { letter, state in
                    group.add(letter, state, recentSince: now)
                    return true
                }
                let depth = CheckedDepth(
                    topic: letters.name,
                    count: group.counts.reduce(0, +),
                    oldest: group.oldestOpen.map { age(of: $0, at: now) },
                    countLimit: invocation[depthLimit],
                    ageLimit: invocation[ageLimit]
                )
                isOver = isOver || !depth.troubles.isEmpty
                TextOutput.standard.write(
                    invocation[GroupCommands.asJSON] ? depth.json : depth.text
                )
            }
        }
        return isOver ? .found : failures.status ?? .done
    }
}

/// The open dead letters of a topic beside what is too much.
private struct CheckedDepth {
    let topic: String
    let count: Int
    let oldest: Duration?
    let countLimit: Int?
    let ageLimit: Duration?

    var troubles: [String] {
        var troubles: [String] = []
        if let countLimit, count > countLimit { troubles.append("too many") }
        if let ageLimit, let oldest, oldest > ageLimit { troubles.append("too old") }
        return troubles
    }

    var text: String {
        var text = "\(topic): \(grouped(count)) open"
        if let oldest { text += ", the oldest failed first \(oldest.spelled) ago" }
        if !troubles.isEmpty { text += ": \(troubles.joined(separator: " and "))" }
        return text + "\n"
    }

    var json: String {
        let seconds = oldest.map { decimal($0.seconds, places: 3) } ?? "null"
        return "{\"dead_letters\":\(jsonString(topic)),\"depth\":\(count),"
            + "\"oldest_seconds\":\(seconds),\"ok\":\(troubles.isEmpty)}\n"
    }
}

extension ValueKind where Value == [LetterGrouping] {
    /// Some of the groupings' words, divided by commas.
    fileprivate static var groupings: ValueKind {
        let words = LetterGrouping.allCases.map(\.rawValue)
        return ValueKind(
            placeholder: "NAMES",
            expectation: "some of \(words.joined(separator: ",")), divided by commas"
        ) { text in
            let parts = text.split(separator: ",", omittingEmptySubsequences: false)
                .map { LetterGrouping(rawValue: String($0)) }
            let known = parts.compactMap { $0 }
            return known.count == parts.count && Set(known).count == known.count ? known : nil
        }
    }
}

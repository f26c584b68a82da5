import LogModel
import LogStorage
package import Terminal

/// `millrace topic …`.
package enum TopicCommands {
    static let name = Parameter.argument(.text("TOPIC"), help: "the topic's name")
    private static let names = Parameter.someArguments(.text("TOPIC"), help: "the topics' names")

    package static let command = Command(
        "topic",
        summary: "create, list, describe, alter and delete topics, and delete their records",
        examples: [.init("millrace topic create orders --partitions 4", "make a topic")],
        subcommands: [create, list, describe, alter, delete, DeleteRecordsCommand.command]
    )

    private static let partitions = Parameter.option(
        "partitions",
        .integer(1...10_000),
        default: 1,
        help: "how many partitions it has"
    )
    private static let configuration = Parameter.repeated(
        "config",
        .pair("NAME=VALUE"),
        help: "one of Kafka's topic options, such as retention.ms"
    )

    private static let ifNotExists = Parameter.flag(
        "if-not-exists",
        help: "leave a topic as it is that is there already"
    )

    private static let create = Command(
        "create",
        summary: "make topics",
        parameters: [
            names.declaration, partitions.declaration, configuration.declaration,
            ifNotExists.declaration,
        ] + LogOption.parameters,
        examples: [
            .init(
                "millrace topic create orders --partitions 4 --config retention.ms=86400000",
                "keeps a day"
            ),
            .init("millrace topic create a b --if-not-exists", "those that are not there"),
        ]
    ) { invocation in
        let given = try distinct(invocation[configuration])
        let asked = Dictionary(uniqueKeysWithValues: given.map { ($0.key, plain($0.value)) })
        let count = counted(invocation[partitions], "partition")
        let topics =
            invocation[ifNotExists] ? invocation[names] : try distinctNames(invocation)
        for (index, topic) in topics.enumerated() {
            guard let other = TopicName.collision(of: topic, with: Array(topics[..<index])) else {
                continue
            }
            throw UsageError(
                "the topics '\(other)' and '\(topic)' cannot both be made: they differ in dots and "
                    + "underscores alone, which names of metrics do not tell apart"
            )
        }
        try withLog(invocation, creates: true) { log in
            let what =
                topics.count == 1 ? "the topic '\(topics[0])' was not made" : "no topic was made"
            let options = try log.place.ownOptions(asked, what)
            // One that cannot be made is told before another one is.
            for topic in topics where topics.count > 1 {
                try log.checkCreation(
                    of: topic,
                    partitionCount: Int32(invocation[partitions]),
                    options: options,
                    mayBeThere: invocation[ifNotExists]
                )
            }
            for topic in topics {
                let isNew = try log.createTopic(
                    topic,
                    partitionCount: Int32(invocation[partitions]),
                    options: options,
                    mayBeThere: invocation[ifNotExists]
                )
                TextOutput.standard.write(
                    isNew
                        ? "created \(topic) with \(count)\n"
                        : "\(topic) is there already, and stays as it is\n"
                )
            }
        }
        return .done
    }

    /// The names given; refuses one that is given twice.
    private static func distinctNames(_ invocation: Invocation) throws(UsageError) -> [String] {
        let topics = invocation[names]
        for (index, topic) in topics.enumerated() where topics[..<index].contains(topic) {
            throw UsageError("the topic '\(topic)' is given twice")
        }
        return topics
    }

    /// Refuses an option that has two values.
    private static func distinct(
        _ pairs: [KeyValueArgument]
    ) throws(UsageError) -> [KeyValueArgument] {
        if let name = pairs.repeatedKey { throw UsageError("--config \(name) is given twice") }
        return pairs
    }

    /// A value without the blanks around it and around its commas, as Kafka takes it.
    private static func plain(_ value: String) -> String {
        value.split(separator: ",", omittingEmptySubsequences: false).map { part in
            let end = part.lastIndex { !$0.isWhitespace }
            return end.map { part[...$0].drop(while: \.isWhitespace) } ?? ""
        }.joined(separator: ",")
    }

    private static let newPartitions = Parameter.optional(
        "partitions",
        .integer(1...10_000),
        help: "how many it has from now on; never fewer, and keys may go to other ones"
    )

    private static let forceForgetting = Parameter.flag(
        "force",
        help: "also options by which notes about dead letters would be forgotten"
    )

    private static let alter = Command(
        "alter",
        summary: "change options of a topic, or add partitions",
        discussion: "Options hold from now on. NAME= without a value takes an option back, but for "
            + "cleanup.policy= which keeps everything for ever.\nWhat was written stays in its "
            + "partition; a job that reads the topic has to be stopped, and a topic that\nis a "
            + "job's own keeps its partitions.",
        parameters: [
            name.declaration, configuration.declaration, newPartitions.declaration,
            forceForgetting.declaration,
        ] + LogOption.parameters,
        examples: [
            .init("millrace topic alter orders --config retention.ms=86400000", "keeps a day"),
            .init("millrace topic alter orders --config retention.ms=", "as long as by default"),
            .init("millrace topic alter orders --partitions 8", "adds partitions up to eight"),
        ]
    ) { invocation in
        let changes = try distinct(invocation[configuration]).map { change in
            let isTakenBack =
                change.value.isEmpty && !LogConfiguration.namesThatMayBeEmpty.contains(change.key)
            return (name: change.key, value: isTakenBack ? nil : plain(change.value))
        }
        let count = invocation[newPartitions]
        guard !changes.isEmpty || count != nil else {
            throw UsageError("give what to change: --config NAME=VALUE or --partitions N")
        }
        try withLog(invocation) { log in
            let topic = invocation[name]
            if !changes.isEmpty { try log.requireKnown(topic) }
            try log.place.checkOptions(
                changes.map(\.name),
                "the topic '\(topic)' was not changed",
                of: topic
            )
            if !changes.isEmpty, !invocation[forceForgetting] {
                try log.refuseForgetting(of: topic, by: changes)
            }
            if let count {
                // What would be refused behind the partitions is refused before them.
                if !changes.isEmpty { try log.checkChanges(of: topic, changes) }
                try log.growTopic(topic, to: Int32(count))
                TextOutput.standard.write(
                    "changed \(topic): \(counted(count, "partition"))\n"
                )
            }
            guard !changes.isEmpty else { return }
            let now = try log.alterTopic(topic, changes)
            TextOutput.standard.write("changed \(topic): \(shown(now))\n")
        }
        return .done
    }

    private static let force = Parameter.flag(
        "force",
        help: "also a topic that a job keeps its state in, or carries records through, one "
            + "with dead letters that are open, and one with notes about dead letters"
    )

    private static let delete = Command(
        "delete",
        summary: "remove topics and their records",
        parameters: [names.declaration, force.declaration] + LogOption.parameters,
        examples: [.init("millrace topic delete orders", "nothing of it stays")]
    ) { invocation in
        let topics = try distinctNames(invocation)
        try withLog(invocation) { log in
            // A name that is none is told before anything is gone.
            for topic in topics { try log.requireKnown(topic) }
            for topic in topics {
                try log.refuseDeletionForJob(of: topic, force: invocation[force])
            }
            if !invocation[force] {
                for topic in topics {
                    try log.refuseLossOfLetters(removing: topic, of: topics)
                }
            }
            // Dead letters before the notes about them: one that stayed would be open again.
            let notes = topics.filter { name in
                topics.contains { $0 == DeadLetterNoteName.lettersTopic(of: name) }
            }
            for topic in topics.filter({ !notes.contains($0) }) + notes {
                try log.deleteTopic(topic)
                TextOutput.standard.write("deleted \(topic)\n")
            }
        }
        return .done
    }

    /// A topic's options on a line.
    static func shown(_ options: [String: String]) -> String {
        options.isEmpty
            ? "defaults"
            : options.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                .joined(separator: " ")
    }
}

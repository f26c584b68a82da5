import JobRunner
import LogStorage
import Terminal

/// `millrace topic …`.
enum TopicCommands {
    static let name = Parameter.argument(.text("TOPIC"), help: "the topic's name")

    static let command = Command(
        "topic",
        summary: "create, list, describe, alter and delete topics",
        examples: [.init("millrace topic create orders --partitions 4", "make a topic")],
        subcommands: [create, list, describe, alter, delete]
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

    private static let create = Command(
        "create",
        summary: "make a topic",
        parameters: [
            name.declaration, partitions.declaration, configuration.declaration,
        ] + LogOption.parameters,
        examples: [
            .init(
                "millrace topic create orders --partitions 4 --config retention.ms=86400000",
                "keeps a day"
            )
        ]
    ) { invocation in
        let topic = invocation[name]
        try withLog(invocation, creates: true) { log in
            let pairs = invocation[configuration].map { ($0.key, $0.value) }
            try log.createTopic(
                topic,
                partitionCount: Int32(invocation[partitions]),
                options: Dictionary(pairs, uniquingKeysWith: { $1 })
            )
        }
        let count = counted(invocation[partitions], "partition")
        TextOutput.standard.write("created \(topic) with \(count)\n")
        return .done
    }

    private static let alter = Command(
        "alter",
        summary: "change options of a topic",
        discussion: "They hold from now on. NAME= without a value takes an option back, but for "
            + "cleanup.policy= which keeps everything for ever.",
        parameters: [name.declaration, configuration.declaration] + LogOption.parameters,
        examples: [
            .init("millrace topic alter orders --config retention.ms=86400000", "keeps a day"),
            .init("millrace topic alter orders --config retention.ms=", "as long as by default"),
        ]
    ) { invocation in
        let changes = invocation[configuration]
        guard !changes.isEmpty else {
            throw UsageError("give the options to change: --config NAME=VALUE")
        }
        try withLog(invocation) { log in
            let topic = invocation[name]
            let now = try log.alterTopic(
                topic,
                changes.map { change in
                    let isTakenBack =
                        change.value.isEmpty
                        && !LogConfiguration.namesThatMayBeEmpty.contains(change.key)
                    return (change.key, isTakenBack ? nil : change.value)
                }
            )
            TextOutput.standard.write("changed \(topic): \(shown(now))\n")
        }
        return .done
    }

    private static let force = Parameter.flag(
        "force",
        help: "also a topic that a job keeps its state in, or carries records through"
    )

    private static let delete = Command(
        "delete",
        summary: "remove a topic and its records",
        parameters: [name.declaration, force.declaration] + LogOption.parameters,
        examples: [.init("millrace topic delete orders", "nothing of it stays")]
    ) { invocation in
        try withLog(invocation) {
            try $0.deleteTopic(invocation[name], evenOfJob: invocation[force])
        }
        TextOutput.standard.write("deleted \(invocation[name])\n")
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

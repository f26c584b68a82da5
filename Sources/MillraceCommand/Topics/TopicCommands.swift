import Broker
import JobRunner
import LogModel
import LogStorage
import Terminal

/// `millrace topic …`.
enum TopicCommands {
    static let data = DataDirectoryOption.parameter
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
            name.declaration, partitions.declaration, configuration.declaration, data.declaration,
        ],
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
            do throws(BrokerError) {
                try log.broker.createTopic(
                    topic,
                    partitionCount: Int32(invocation[partitions]),
                    options: Dictionary(pairs, uniquingKeysWith: { $1 })
                )
            } catch {
                throw CommandFailure(
                    "the topic '\(topic)' was not made",
                    place: log.directory,
                    data: log.directory,
                    error
                )
            }
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
        parameters: [name.declaration, configuration.declaration, data.declaration],
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
            let topic = try log.requireTopic(invocation[name])
            try refuseForJob(topic, changes, log.directory)
            let options = changes.map { change -> (String, String?) in
                let isTakenBack =
                    change.value.isEmpty
                    && !LogConfiguration.namesThatMayBeEmpty.contains(change.key)
                return (change.key, isTakenBack ? nil : change.value)
            }
            do throws(BrokerError) {
                try log.broker.alterTopic(
                    topic.name,
                    options: Dictionary(options, uniquingKeysWith: { $1 })
                )
            } catch {
                throw CommandFailure(
                    "the topic '\(topic.name)' was not changed",
                    place: log.directory,
                    data: log.directory,
                    error
                )
            }
            let now = log.broker.topic(topic.name)?.options ?? [:]
            TextOutput.standard.write("changed \(topic.name): \(shown(now))\n")
        }
        return .done
    }

    /// What a job keeps in a topic of its own would go by the options of another kind of topic.
    private static func refuseForJob(
        _ topic: Topic,
        _ changes: [KeyValueArgument],
        _ directory: String
    ) throws(CommandFailure) {
        guard let owner = topic.options[TopicOptionName.owner],
            let option = changes.first(where: {
                topic.mayNotChange($0.key, to: $0.value)
            })?.key
        else { return }
        throw CommandFailure(
            "\(option) of '\(topic.name)' cannot be changed",
            place: directory,
            reason: "the topic is that of \(owner) (job/name), which counts on its records as they "
                + "are"
        )
    }

    private static let force = Parameter.flag(
        "force",
        help: "also a topic that a job keeps its state in, or carries records through"
    )

    /// Records of a repartition topic count as processed, and a job without its changelog goes on
    /// with an empty store.
    private static func refuseDeletionForJob(
        _ topic: Topic,
        _ log: OpenLog
    ) throws(CommandFailure) {
        guard let owner = topic.options[TopicOptionName.owner] else { return }
        throw CommandFailure(
            "the topic '\(topic.name)' was not removed",
            place: log.directory,
            reason: "it is that of \(owner) (job/name): what it holds is in no other place, and "
                + "the job's positions count it as done",
            next: "millrace run JOB --reset, which starts the job over; or --force, if the job "
                + "is given up"
        )
    }

    private static let delete = Command(
        "delete",
        summary: "remove a topic and its records",
        parameters: [name.declaration, force.declaration, data.declaration],
        examples: [.init("millrace topic delete orders", "nothing of it stays")]
    ) { invocation in
        try withLog(invocation) { log in
            let topic = try log.requireTopic(invocation[name])
            if !invocation[force] { try refuseDeletionForJob(topic, log) }
            do throws(BrokerError) {
                try log.broker.deleteTopic(topic.name)
            } catch {
                let isGone = log.broker.topic(topic.name) == nil
                throw CommandFailure(
                    isGone
                        ? "the topic '\(topic.name)' is deleted, but not all of its files are gone"
                        : "the topic '\(topic.name)' was not removed",
                    place: log.directory,
                    data: log.directory,
                    error
                )
            }
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

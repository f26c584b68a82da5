import Broker
import JobRunner
import LogModel
import LogStorage
import Telemetry
import Terminal

/// `millrace topic …`.
enum TopicCommands {
    private static let data = DataDirectoryOption.parameter
    private static let name = Parameter.argument(.text("TOPIC"), help: "the topic's name")
    private static let asJSON = Parameter.flag("json", help: "one JSON object a line")

    static let command = Command(
        "topic",
        summary: "create, list, describe and delete topics",
        examples: [.init("millrace topic create orders --partitions 4", "make a topic")],
        subcommands: [create, list, describe, delete]
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
                    error
                )
            }
        }
        TextOutput.standard.write("created \(topic) with \(invocation[partitions]) partitions\n")
        return .done
    }

    private static let withInternal = Parameter.flag(
        "internal",
        help: "the coordinators' topics too"
    )

    private static let list = Command(
        "list",
        summary: "the topics with their partitions and offsets",
        parameters: [withInternal.declaration, asJSON.declaration, data.declaration],
        examples: [.init("millrace topic list --data ./millrace-data", "all but the internal ones")]
    ) { invocation in
        try withLog(invocation) { log in
            let topics = log.broker.topics().filter { invocation[withInternal] || !$0.isInternal }
            if invocation[asJSON] {
                for topic in topics { TextOutput.standard.write(try json(topic, log)) }
                return
            }
            var table = Table(("TOPIC", .left), ("PARTITIONS", .right), ("OFFSETS", .right))
            for topic in topics {
                var count = 0
                for bounds in try bounds(of: topic, log) {
                    count += Int(bounds.logStart.distance(to: bounds.highWatermark))
                }
                table.add(topic.name, "\(topic.partitions.count)", grouped(count))
            }
            TextOutput.standard.write(table.text)
        }
        return .done
    }

    private static let describe = Command(
        "describe",
        summary: "a topic's options and the ends of its partitions",
        parameters: [name.declaration, asJSON.declaration, data.declaration],
        examples: [.init("millrace topic describe orders", "a line for each partition")]
    ) { invocation in
        try withLog(invocation) { log in
            let topic = try log.requireTopic(invocation[name])
            if invocation[asJSON] {
                TextOutput.standard.write(try json(topic, log))
                return
            }
            let options = topic.options.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            var table = Table(
                ("PARTITION", .right),
                ("LOG START", .right),
                ("STABLE", .right),
                ("HIGH WATERMARK", .right)
            )
            for (index, bounds) in try bounds(of: topic, log).enumerated() {
                table.add(
                    "\(index)",
                    "\(bounds.logStart.rawValue)",
                    "\(bounds.lastStableOffset.rawValue)",
                    "\(bounds.highWatermark.rawValue)"
                )
            }
            let shown = options.isEmpty ? "defaults" : options.joined(separator: " ")
            TextOutput.standard.write("topic \(topic.name)\noptions \(shown)\n\n\(table.text)")
        }
        return .done
    }

    private static let delete = Command(
        "delete",
        summary: "remove a topic and its records",
        parameters: [name.declaration, data.declaration],
        examples: [.init("millrace topic delete orders", "nothing of it stays")]
    ) { invocation in
        try withLog(invocation) { log in
            let topic = try log.requireTopic(invocation[name])
            do throws(BrokerError) {
                try log.broker.deleteTopic(topic.name)
                try strike(topic.name, in: log.directory)
            } catch {
                throw CommandFailure(
                    "the topic '\(topic.name)' was not removed",
                    place: log.directory,
                    error
                )
            }
        }
        TextOutput.standard.write("deleted \(invocation[name])\n")
        return .done
    }

    /// A topic of this name that comes later is none that an import left unfinished.
    private static func strike(_ topic: String, in directory: String) throws(BrokerError) {
        do throws(LogStorageError) {
            try ImportLedger(disk: PosixDisk(), directory: directory).strike(topic)
        } catch { throw BrokerError(error, in: directory) }
    }

    private static func bounds(of topic: Topic, _ log: OpenLog) throws -> [PartitionEnds] {
        try topic.partitions.map { partition in
            let bounds = try log.broker.bounds(of: partition.name)
            return PartitionEnds(
                logStart: bounds.logStart,
                lastStableOffset: bounds.lastStableOffset,
                highWatermark: bounds.highWatermark
            )
        }
    }

    private struct PartitionEnds {
        var logStart: Offset
        var lastStableOffset: Offset
        var highWatermark: Offset
    }

    private static func json(_ topic: Topic, _ log: OpenLog) throws -> String {
        let options = topic.options.sorted { $0.key < $1.key }
            .map { "\(jsonString($0.key)):\(jsonString($0.value))" }
        let partitions = try bounds(of: topic, log).enumerated().map { index, bounds in
            "{\"partition\":\(index),\"log_start\":\(bounds.logStart.rawValue),"
                + "\"last_stable_offset\":\(bounds.lastStableOffset.rawValue),"
                + "\"high_watermark\":\(bounds.highWatermark.rawValue)}"
        }
        return "{\"topic\":\(jsonString(topic.name)),\"internal\":\(topic.isInternal),"
            + "\"options\":{\(options.joined(separator: ","))},"
            + "\"partitions\":[\(partitions.joined(separator: ","))]}\n"
    }
}
